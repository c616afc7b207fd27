// Queries whose rows become parts of the drawing.
import { effect } from "@preact/signals";
import type { Problem } from "../lib/problem";
import { instanceOf, type Instance, type IType } from "../model/instance";
import { Result, type Row } from "../model/result";
import { pairOf } from "./drawing";
import { timeOf } from "./filter";

/** Found is what rows tell: instances, and edges between them that their data does not tell. */
export interface Found {
  instances: Instance[];
  told: string[];
  /** chains are the paths among the rows, as hashes. */
  chains: string[][];
}

const room = 20_000; // rows of one answer; what a drawing holds is far less

/** rowsOf asks a query to the end. */
export function rowsOf(tdql: string): Promise<{ rows: Row[]; kind: string }> {
  const result = Result.ask(tdql, {}, { room });
  return new Promise((resolve, reject) => {
    const off = effect(() => {
      const full = result.paused.value;
      if (!result.ended && !full) return;
      const problem: Problem | null = result.problem.value;
      queueMicrotask(() => off());
      if (full) result.cancel();
      if (problem) reject(problem);
      else if (result.state.value === "cancelled") reject(new Error("The query was cancelled."));
      else resolve({ rows: result.rows, kind: result.kind.value });
    });
  });
}

/** read makes rows of any kind into parts of a drawing. */
export function read(rows: readonly Row[], kind: string): Found {
  const found: Found = { instances: [], told: [], chains: [] };
  for (const row of rows) {
    if (row.type === "edge") {
      if (row.edge === "sref") found.told.push(pairOf(String(row.from), String(row.to)));
    } else if (Array.isArray(row.nodes)) {
      readChain(row.nodes as Row[], found);
    } else {
      const i = instanceOf(row, kind);
      if (i) found.instances.push(i);
    }
  }
  return found;
}

function readChain(nodes: Row[], found: Found): void {
  const chain = nodes.map((n) => instanceOf(n, "")).filter((i) => i !== null);
  found.instances.push(...chain);
  chain.slice(1).forEach((i, at) => found.told.push(pairOf(i.hash, chain[at]!.hash)));
  if (chain.length > 1) found.chains.push(chain.map((i) => i.hash));
}

const listed = (instances: readonly { hash: string }[]) => (instances.length === 1 ? instances[0]!.hash : `(${instances.map((i) => i.hash).join(", ")})`);

/** setOf is the TDQL of instances of one kind. */
export const setOf = (itype: IType | "instance", instances: readonly { hash: string }[]): string => `${itype} ${listed(instances)}`;

/** eventsAround is how many events are drawn at first around things that are no events. */
export const eventsAround = 50;

/** surroundings is the query for what hangs on instances of one kind. */
export function surroundings(instances: readonly Instance[]): string {
  const itype = instances[0]!.itype;
  return itype === "event" ? `${setOf(itype, instances)} | related | graph` : `${setOf(itype, instances)} | events | limit ${eventsAround} | related | graph`;
}

const together = 90; // events of one question, fewer than the 100 paths that an answer has

/** linksBetween are the queries for the edges between events and sessions or raws, some of which are new on the drawing. */
export function linksBetween(nodes: ReadonlyMap<string, Instance>, added: readonly Instance[], told: ReadonlySet<string>): string[] {
  const queries: string[] = [];
  const list = [...nodes.values()];
  const fresh = new Set(added);
  for (const itype of ["session", "raw"] as const) {
    const wholes = list.filter((i) => i.itype === itype);
    if (wholes.length === 0) continue;
    const anew = wholes.some((i) => fresh.has(i));
    const linked = (event: Instance) => wholes.some((whole) => told.has(pairOf(event.hash, whole.hash)));
    const events = list.filter((i) => i.itype === "event" && (anew || fresh.has(i)) && !linked(i));
    for (let at = 0; at < events.length; at += together) {
      queries.push(`${setOf("event", events.slice(at, at + together))} | path to ${setOf(itype, wholes.slice(0, 500))} max 1 paths 100`);
    }
  }
  return queries;
}

/** inOrder puts first what tells most: events, newest first, then what has most edges to what is drawn. */
export function inOrder(found: readonly Instance[], links: ReadonlyMap<string, number>): Instance[] {
  const rank = (i: Instance) => (i.itype === "event" ? 0 : 1);
  return [...found].sort((a, b) => rank(a) - rank(b) || (rank(a) === 0 ? timeOf(b) - timeOf(a) : (links.get(b.hash) ?? 0) - (links.get(a.hash) ?? 0)) || (a.hash < b.hash ? -1 : 1));
}
