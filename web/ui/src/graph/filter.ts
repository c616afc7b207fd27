// A filter takes instances off the picture without forgetting them.
import type { Instance } from "../model/instance";
import { edgesOf, linksOf, type Drawing, type Edge } from "./drawing";

export interface Filter {
  /** without are the types that are not shown, as typeOf names them. */
  without: ReadonlySet<string>;
  /** from and to are ms, and concern what has a time. */
  from: number | null;
  to: number | null;
  /** least and most are numbers of edges. */
  least: number;
  most: number | null;
}

export const all: Filter = { without: new Set(), from: null, to: null, least: 0, most: null };

/** Scene is what is to be seen of a drawing. */
export interface Scene {
  nodes: ReadonlyMap<string, Instance>;
  edges: readonly Edge[];
  links: ReadonlyMap<string, number>;
  trail: ReadonlySet<string>;
  pinned: ReadonlySet<string>;
}

export const typeOf = (i: Instance): string => `${i.itype} ${i.sub_type}`;

/** timeOf is when something happened, in ms; NaN for what has no time. */
export function timeOf(i: Instance): number {
  const text = i.row.timestamp ?? i.row.start_time;
  return typeof text === "string" ? Date.parse(text) : NaN;
}

/** sceneOf is what a filter leaves. What hung only on things that are too early or too late goes with them. */
export function sceneOf(d: Drawing, f: Filter): Scene {
  const shown = [...d.nodes.values()].filter((i) => !d.hidden.has(i.hash) && !f.without.has(typeOf(i)));
  let nodes = mapOf(shown);
  let edges = edgesOf(nodes, d.told);
  if (f.from !== null || f.to !== null) {
    const before = linksOf(edges);
    const inTime = mapOf(shown.filter((i) => {
      const time = timeOf(i);
      return Number.isNaN(time) || (time >= (f.from ?? -Infinity) && time <= (f.to ?? Infinity));
    }));
    const after = linksOf(edgesOf(inTime, d.told));
    nodes = mapOf([...inTime.values()].filter((i) => after.has(i.hash) || !before.has(i.hash)));
    edges = edgesOf(nodes, d.told);
  }
  let links = linksOf(edges);
  if (f.least > 0 || f.most !== null) {
    nodes = mapOf([...nodes.values()].filter((i) => {
      const n = links.get(i.hash) ?? 0;
      return n >= f.least && n <= (f.most ?? Infinity);
    }));
    edges = edges.filter((e) => nodes.has(e.from) && nodes.has(e.to));
    links = linksOf(edges);
  }
  return { nodes, edges, links, trail: d.trail, pinned: d.pinned };
}

const mapOf = (list: Instance[]) => new Map(list.map((i) => [i.hash, i]));
