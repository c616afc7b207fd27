import { useEffect, useState } from "preact/hooks";

type Load<T> = () => Promise<{ default: T }>;

const here = new Map<Load<unknown>, unknown>();

/** useLoaded is the default export of a part of the page that is fetched when it is first needed, or why it could not be. */
export function useLoaded<T>(load: Load<T>): { part: T | null; error: unknown } {
  const [error, setError] = useState<unknown>(null);
  const [, again] = useState(0);
  const part = (here.get(load) as T | undefined) ?? null;
  useEffect(() => {
    if (part) return;
    let gone = false;
    setError(null);
    load().then(
      (module) => {
        here.set(load, module.default);
        if (!gone) again((n) => n + 1);
      },
      // After an update of the server the old page's files are gone.
      () => { if (!gone) setError(new Error("This part of the page could not be loaded. The server may have been updated: load the page anew.")); },
    );
    return () => { gone = true; };
  }, [load]);
  return { part, error };
}
