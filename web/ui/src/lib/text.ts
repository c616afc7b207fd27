// How the page writes numbers, times and names.

export const count = (n: number | bigint): string => n.toLocaleString("en");

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function took(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** when writes a time as one reads it: UTC, to the second, as 2025-04-12 00:15:16. */
export function when(time: string | number | Date): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString().slice(0, 19).replace("T", " ");
}

/** ago says roughly how long it is since. */
export function ago(time: string | number | Date): string {
  const s = Math.round((Date.now() - new Date(time).getTime()) / 1000);
  if (!Number.isFinite(s)) return "";
  if (s < 5) return "now";
  for (const [size, name] of [[86_400, "d"], [3600, "h"], [60, "min"]] as const) {
    if (s >= size) return `${Math.floor(s / size)} ${name} ago`;
  }
  return `${s} s ago`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(n: number): string {
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i === 0 ? n : n.toFixed(1)} ${units[i]}`;
}

/** inTDQL writes a value so that TDQL reads it back as it is. */
export function inTDQL(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const plainWord = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** shortHash is enough of a hash to tell it from others. */
export const shortHash = (hash: string): string => hash.slice(0, 10);

export const isHash = (text: unknown): text is string => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);

/** word writes a sub-type; one that might be taken for a keyword goes into backquotes. */
export function word(subType: string): string {
  return plainWord.test(subType) && !keywords.has(subType.toLowerCase()) ? subType : `\`${subType}\``;
}

/** keywords of TDQL, for the editor's colours and for word. */
export const keywords = new Set(
  ("explain analyze watch count distinct related threatrank path to by last from tz category context org where return summary graph page size " +
    "any attribute object event session raw instance attributes objects events sessions raws top sort asc desc fields limit level via all " +
    "benign malicious unknown depth decay max paths and or not in contains startswith endswith under has true false null " +
    "minute hour day week month year sub_type now today yesterday").split(" "),
);

// Texts that mean themselves without quotes: no sign that TDQL would read otherwise, not like a number, no defanged parts.
const plainValue = /^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$/;
const likeNumber = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** bare writes a value as one would type it: without quotes where they are not needed. */
export function bare(value: unknown): string {
  const needsQuotes = typeof value !== "string" || !plainValue.test(value) || likeNumber.test(value) || keywords.has(value.toLowerCase()) || /^(hxxp|fxp)/i.test(value);
  return needsQuotes ? inTDQL(value) : (value as string);
}
