// How the fields of rows are shown: which columns, how wide, and what stands in a cell.
import type { ComponentChildren } from "preact";
import { isHash, shortHash, when } from "../lib/text";
import { leavesOf } from "../model/instance";
import type { Row } from "../model/result";

export interface Column {
  field: string;
  title: string;
  width: number; // characters
  number?: boolean;
}

// Kinds whose columns we put into an order that one reads; others come as the server names them.
const orders: Record<string, string[]> = {
  events: ["timestamp", "sub_type", "category", "data", "org_name", "hash"],
  attributes: ["sub_type", "data", "hash"],
  objects: ["sub_type", "data", "hash"],
  sessions: ["sub_type", "start_time", "end_time", "duration", "data", "hash"],
  raws: ["sub_type", "data", "state", "timezone", "hash"],
  instances: ["itype", "level", "sub_type", "timestamp", "category", "data", "org_name", "hash"],
  top: ["count", "sub_type", "data", "hash"],
};

const titles: Record<string, string> = { sub_type: "type", org_name: "organisation", itype: "kind", start_time: "start", end_time: "end" };
const widest = 64;

/** columnsOf makes the columns of a result from its fields and its first rows. */
export function columnsOf(kind: string, fields: string[], rows: Row[]): Column[] {
  const named = fields.length > 0 ? fields : Object.keys(rows[0] ?? {});
  const order = orders[kind]?.filter((f) => named.includes(f));
  return (order && order.length > 0 ? order : named).map((field) => {
    const sample = rows.slice(0, 60).map((row) => row[field]).filter((v) => v !== undefined && v !== null);
    const number = sample.length > 0 && sample.every((v) => typeof v === "number" || typeof v === "bigint");
    const title = titles[field] ?? field.replaceAll("_", " ");
    const width = Math.max(title.length + 1, ...sample.map((v) => textOf(field, v).length), 4);
    return { field, title, number, width: Math.min(width + 1, widest) };
  });
}

const times = new Set(["timestamp", "start_time", "end_time"]);

/** textOf is what a cell says. */
export function textOf(field: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (times.has(field)) return when(value as string);
  if (isHash(value)) return shortHash(value);
  if (typeof value !== "object") return String(value);
  return Array.isArray(value) && value.every((v) => typeof v !== "object") ? value.join(", ") : brief(value);
}

// nodes says a chain of instances, such as a path has: "ipv4 1.1.1.1 → login 3f2a… → domain evil.com".
function nodes(list: unknown): string | null {
  if (!Array.isArray(list) || list.length === 0 || !list.every((n) => isHash((n as Row | null)?.hash))) return null;
  return (list as Row[]).map((n) => `${String(n.sub_type)} ${n.itype === "attribute" ? String(n.data) : shortHash(String(n.hash))}`).join(" → ");
}

// brief says compound data in a line: "ipv4 10.0.0.1 · port 22".
function brief(data: unknown): string {
  const chain = nodes(data);
  if (chain) return chain;
  const leaves = leavesOf(data, 12);
  return leaves.map(([path, value]) => `${path.at(-1) ?? ""} ${String(value)}`.trim()).join(" · ").slice(0, 400);
}

/** cell is what stands in a cell. */
export function cell(field: string, value: unknown): ComponentChildren {
  if (value === undefined || value === null) return <span class="none">{value === null ? "–" : ""}</span>;
  if (field === "category") return <span class={`category ${String(value)}`}>{String(value)}</span>;
  if (field === "itype") return <span class={`kind ${String(value)}`}>{String(value)}</span>;
  if (typeof value === "object") {
    if (Array.isArray(value) && value.every((v) => typeof v !== "object")) return value.join(", ");
    const chain = nodes(value);
    if (chain) return chain;
    return leavesOf(value, 12).map(([path, leaf]) => <span class="leaf"><b>{path.at(-1)}</b> {String(leaf)}</span>);
  }
  return textOf(field, value);
}
