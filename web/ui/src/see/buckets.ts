// Spans of time as TDQL's "count by" names them. They are what clocks show in the query's zone, so here they are numbers without a zone.
import type { Row } from "../model/result";

export type Unit = "minute" | "hour" | "day" | "week" | "month" | "year";

export const units: Unit[] = ["minute", "hour", "day", "week", "month", "year"];

/** Bars are the starts of spans, in ms and in order, and how much is in each. */
export interface Bars {
  unit: Unit;
  starts: number[];
  counts: number[];
}

const second = 1000;
const day = 86_400 * second;
const widths: Record<Unit, number> = { minute: 60 * second, hour: 3600 * second, day, week: 7 * day, month: 31 * day, year: 366 * day };

/** startOf is when a span begins that "count by" names; NaN for a text that is none. */
export function startOf(text: string): number {
  const week = /^(\d{4})-W(\d\d)$/.exec(text);
  if (week) {
    const fourth = new Date(Date.UTC(Number(week[1]), 0, 4)); // is always in week 1
    return fourth.getTime() - ((fourth.getUTCDay() + 6) % 7) * day + (Number(week[2]) - 1) * 7 * day;
  }
  const m = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d))?(?::(\d\d))?/.exec(text);
  return m ? Date.UTC(Number(m[1]), Number(m[2] ?? 1) - 1, Number(m[3] ?? 1), Number(m[4] ?? 0), Number(m[5] ?? 0)) : NaN;
}

/** endOf is the last second of the span that begins so. */
export function endOf(start: number, unit: Unit): number {
  const d = new Date(start);
  if (unit === "month") return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 1) - second;
  if (unit === "year") return Date.UTC(d.getUTCFullYear() + 1, 0, 1) - second;
  return start + widths[unit] - second;
}

// floor is the start of the span in which a moment is.
function floor(ms: number, unit: Unit): number {
  const d = new Date(ms);
  if (unit === "month") return Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), 1);
  if (unit === "year") return Date.UTC(d.getUTCFullYear(), 0, 1);
  return Math.floor(ms / widths[unit]) * widths[unit];
}

/** clock writes a time without a zone, as TDQL reads it in the query's. */
export const clock = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

/** unitFor is the unit in which such a range is best drawn: some tens to some hundreds of bars. */
export function unitFor(first: number, last: number): Unit {
  const span = last - first;
  if (span <= 3 * 3600 * second) return "minute";
  if (span <= 10 * day) return "hour";
  if (span <= 900 * day) return "day";
  return span <= 30 * 366 * day ? "month" : "year";
}

/** barsOfGroups makes bars of rows of "count by": what several groups have in one span is added up. */
export function barsOfGroups(rows: Row[], unit: Unit): Bars {
  const sums = new Map<number, number>();
  for (const row of rows) {
    const at = startOf(String(row[unit]));
    if (!Number.isNaN(at)) sums.set(at, (sums.get(at) ?? 0) + Number(row.count));
  }
  return inOrder(sums, unit);
}

/** barsOfEvents counts events by their timestamps, in UTC. */
export function barsOfEvents(rows: Row[]): Bars {
  const times = rows.map((row) => Date.parse(String(row.timestamp))).filter((t) => !Number.isNaN(t));
  let first = Infinity;
  let last = -Infinity;
  for (const t of times) {
    first = Math.min(first, t);
    last = Math.max(last, t);
  }
  const unit = unitFor(first, last);
  const sums = new Map<number, number>();
  for (let at = floor(first, unit); at <= last; at = endOf(at, unit) + second) sums.set(at, 0); // none is also a number
  for (const t of times) sums.set(floor(t, unit), (sums.get(floor(t, unit)) ?? 0) + 1);
  return inOrder(sums, unit);
}

function inOrder(sums: Map<number, number>, unit: Unit): Bars {
  const starts = [...sums.keys()].sort((a, b) => a - b);
  return { unit, starts, counts: starts.map((s) => sums.get(s)!) };
}
