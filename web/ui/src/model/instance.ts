// TAHOE's instances as rows tell of them, and the questions that lead on from them.
import { bare, shortHash, word } from "../lib/text";
import type { Row } from "./result";

export type IType = "attribute" | "object" | "event" | "session" | "raw";

export interface Instance {
  hash: string;
  itype: IType;
  sub_type: string;
  data?: unknown;
  row: Row;
}

const kinds: Record<string, IType> = { events: "event", attributes: "attribute", objects: "object", sessions: "session", raws: "raw", top: "attribute", threatrank: "event" };

/** instanceOf is what a row of a result tells of; null for counts and the like. */
export function instanceOf(row: Row, kind: string): Instance | null {
  const itype = (row.itype as IType | undefined) ?? kinds[kind];
  if (typeof row.hash !== "string" || !itype) return null;
  return { hash: row.hash, itype, sub_type: String(row.sub_type ?? ""), data: row.data, row };
}

/** nameOf says an instance in a few words. */
export function nameOf(i: Instance): string {
  if (i.itype === "attribute" && !isCompound(i.data)) return String(i.data);
  return `${i.sub_type || i.itype} ${shortHash(i.hash)}`;
}

export const isCompound = (data: unknown): boolean => typeof data === "object" && data !== null;

/** startOf is the TDQL that begins at an instance. */
export function startOf(i: Instance): string {
  if (i.itype === "attribute" && i.sub_type && !isCompound(i.data) && i.data !== undefined) return `${word(i.sub_type)} ${bare(i.data)}`;
  return `${i.itype} ${i.hash}`;
}

export interface Pivot {
  label: string;
  tdql: string;
}

const ways: Record<IType, [string, string][]> = {
  attribute: [
    ["Events with it", "events"], ["What was seen with it", "related"], ["Where it was malicious", "events context malicious"],
    ["Sessions", "sessions"], ["Objects around it", "objects"], ["Seen by day", "events | count by day"],
    ["Top attributes beside it", "events | attributes | top 20"], ["Raw records", "events | raws"],
  ],
  object: [["Events with it", "events"], ["Attributes in it", "attributes"], ["Objects around and in it", "attributes | objects"], ["Sessions", "sessions"], ["Seen by day", "events | count by day"]],
  event: [["Attributes", "attributes"], ["Objects", "objects"], ["Session", "sessions"], ["Events of the session", "sessions | events"], ["Raw record", "raws"], ["Threat rank", "threatrank"]],
  session: [["Events", "events"], ["Attributes in them", "events | attributes"], ["Top attributes", "events | attributes | top 20"], ["What identifies it", "attributes"], ["Raw records", "raws"]],
  raw: [["Events that came of it", "events"], ["Sessions", "sessions"], ["Attributes", "events | attributes"]],
};

/** pivots are the questions that lead on from an instance. */
export function pivots(i: Instance): Pivot[] {
  const start = startOf(i);
  return ways[i.itype].map(([label, way]) => ({ label, tdql: `${start} | ${way}` }));
}

const dimensions = new Set(["minute", "hour", "day", "week", "month", "year", "sub_type", "category", "org", "org_name", "count"]);

/** groupPivots are the questions that lead on from a row of counts: to the events with a value that it is of. */
export function groupPivots(row: Row, kind: string): Pivot[] {
  if (kind !== "groups") return [];
  const values = Object.entries(row).filter(([name, value]) => !dimensions.has(name) && value !== null && typeof value !== "object");
  return values.map(([name, value]) => ({ label: `Events with this ${name}`, tdql: `${word(name)} ${bare(value)} | events` }));
}

/** leavesOf lists the facts in an instance's data, as path and value, in order. Data is {"sub_type": [value or more data]}. */
export function leavesOf(data: unknown, limit = 200, path: string[] = []): [string[], unknown][] {
  const out: [string[], unknown][] = [];
  const walk = (value: unknown, at: string[]) => {
    if (out.length >= limit) return;
    if (Array.isArray(value)) value.forEach((v) => walk(v, at));
    else if (typeof value === "object" && value !== null) for (const [k, v] of Object.entries(value)) walk(v, [...at, k]);
    else out.push([at, value]);
  };
  walk(data, path);
  return out;
}
