// The address bar is the state: every screen, and every query, has an address that can be shared.
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  params: URLSearchParams;
}

const here = (): Place => ({ path: location.pathname, params: new URLSearchParams(location.search) });

export const place = signal<Place>(here());

/** go shows another place; with replace the one before is forgotten. */
export function go(address: string, replace = false): void {
  if (address === location.pathname + location.search) replace = true;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  place.value = here();
}

/** askAddress is where a query stands in the editor, and runs if run is said. */
export function askAddress(tdql: string, more: Record<string, string> = {}): string {
  const params = new URLSearchParams({ q: tdql, ...more });
  return `/?${params}`;
}

/** startRouter makes links within the page change the place without loading it anew. */
export function startRouter(): void {
  addEventListener("popstate", () => { place.value = here(); });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    if (link.pathname.startsWith("/api/")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
