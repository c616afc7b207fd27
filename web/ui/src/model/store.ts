// Lists in the browser's storage. Where that is forbidden or full, the page works without.

export function readList<T>(key: string): T[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(list) ? (list as T[]) : [];
  } catch {
    return [];
  }
}

export function writeList(key: string, list: unknown[]): void {
  try {
    if (list.length === 0) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(list));
  } catch {
    // full or forbidden
  }
}

/** readWord and writeWord keep one word. */
export function readWord(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

export function writeWord(key: string, word: string): void {
  try {
    localStorage.setItem(key, word);
  } catch {
    // full or forbidden
  }
}
