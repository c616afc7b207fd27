// Places of faults count characters, editors count UTF-16 units.
import type { Fault } from "../lib/problem";

export interface Span {
  from: number;
  to: number;
}

/** spanOf is a fault's place in a text; null when it has none. A fault of no length is one character wide, where there is one. */
export function spanOf(fault: Fault, text: string): Span | null {
  if (!fault.line || !fault.column) return null;
  const lines = text.split("\n");
  if (fault.line > lines.length) return null;
  const start = lines.slice(0, fault.line - 1).reduce((n, l) => n + l.length + 1, 0);
  const characters = Array.from(lines[fault.line - 1]!);
  const first = Math.min(fault.column - 1, characters.length);
  const last = Math.min(first + Math.max(fault.length ?? 1, 1), characters.length);
  const from = start + characters.slice(0, first).join("").length;
  return { from, to: from + characters.slice(first, last).join("").length };
}

/** characters is how many characters stand before a place. */
export const characters = (text: string, place: number): number => Array.from(text.slice(0, place)).length;

/** unitsOf is the place, in UTF-16 units, before the nth character. */
export const unitsOf = (text: string, n: number): number => Array.from(text).slice(0, n).join("").length;
