// Keys for the whole page. A screen adds its own while it is shown; the sheet behind "?" lists them all.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Key {
  /** keys, as they are shown and matched: "Ctrl+Enter", "g a" (one after the other), "?", "Escape". */
  keys: string;
  does: string;
  run?: (event: KeyboardEvent) => void; // without it, something else listens, and the sheet only tells
  /** inFields: it holds while one types in a field, too. */
  inFields?: boolean;
}

interface Group {
  title: string;
  keys: Key[];
}

export const groups = signal<Group[]>([]);

/** useKeys adds keys while the component is shown. */
export function useKeys(title: string, keys: Key[], when: readonly unknown[] = []): void {
  useEffect(() => {
    const group = { title, keys };
    groups.value = [...groups.value, group];
    return () => { groups.value = groups.value.filter((g) => g !== group); };
  }, when);
}

let first = ""; // the first key of two
let timer = 0;

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const name = nameOf(event);
    const typing = inField(event);
    const two = first && !typing ? `${first} ${name}` : "";
    first = "";
    clearTimeout(timer);
    for (const key of groups.value.toReversed().flatMap((g) => g.keys)) {
      if (!key.run || (key.keys !== name && key.keys !== two) || (typing && !key.inFields)) continue;
      if (document.querySelector("dialog[open]") && key.keys !== "Escape") continue;
      event.preventDefault();
      key.run(event);
      return;
    }
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      first = name;
      timer = window.setTimeout(() => { first = ""; }, 1200);
    }
  });
}

function nameOf(event: KeyboardEvent): string {
  const key = event.key === " " ? "Space" : event.key;
  const ctrl = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const alt = event.altKey ? "Alt+" : "";
  const shift = event.shiftKey && key.length > 1 ? "Shift+" : "";
  return ctrl + alt + shift + key;
}

function inField(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
