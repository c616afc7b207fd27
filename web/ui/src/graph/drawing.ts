// A drawing is what is on the canvas. It never changes: whoever does something makes the next one, so that to undo is to go back.
import type { Instance } from "../model/instance";
import { keyOf, partsOf } from "./parts";

export interface Edge {
  from: string; // hash of what includes
  to: string;
}

export interface Drawing {
  nodes: ReadonlyMap<string, Instance>;
  /** waiting is what was found and not drawn yet, what should come first at the front. */
  waiting: readonly Instance[];
  /** told are edges that the data of instances does not tell, as pairOf has them. */
  told: ReadonlySet<string>;
  hidden: ReadonlySet<string>;
  pinned: ReadonlySet<string>;
  /** trail has the edges of the path that was looked for last. */
  trail: ReadonlySet<string>;
  /** pages counts how many pages of an expansion are in, by its query. */
  pages: ReadonlyMap<string, number>;
  /** rows is how many rows of the result are in. */
  rows: number;
}

export const blank: Drawing = {
  nodes: new Map(), waiting: [], told: new Set(), hidden: new Set(), pinned: new Set(), trail: new Set(), pages: new Map(), rows: 0,
};

/** pairOf names the edge between two instances, whichever way. */
export const pairOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

/** hold puts instances on the drawing, at most so many of those that are new; the rest waits. */
export function hold(d: Drawing, found: readonly Instance[], most = Infinity): Drawing {
  const nodes = new Map(d.nodes);
  const rest: Instance[] = [];
  const late = new Set<string>();
  let room = most;
  for (const i of found) {
    if (nodes.has(i.hash) || late.has(i.hash)) continue;
    if (room-- > 0) {
      nodes.set(i.hash, i);
    } else {
      late.add(i.hash);
      rest.push(i);
    }
  }
  return { ...d, nodes, waiting: [...d.waiting.filter((i) => !nodes.has(i.hash) && !late.has(i.hash)), ...rest] };
}

/** edgesOf are the edges between some instances. What holds another one only through a third of them has no edge to it. */
export function edgesOf(nodes: ReadonlyMap<string, Instance>, told: ReadonlySet<string>): Edge[] {
  const byKey = new Map<string, Instance>();
  for (const i of nodes.values()) if (i.itype === "attribute" || i.itype === "object") byKey.set(keyOf(i), i);
  const edges: Edge[] = [];
  const drawn = new Set<string>();
  const add = (from: string, to: string) => {
    const pair = pairOf(from, to);
    if (from === to || drawn.has(pair)) return;
    drawn.add(pair);
    edges.push({ from, to });
  };
  for (const whole of nodes.values()) {
    const { direct, all } = partsOf(whole);
    const held = [...all].map((key) => byKey.get(key)).filter((i) => i !== undefined);
    const between = held.filter((i) => i.itype === "object");
    for (const part of held) {
      const key = keyOf(part);
      if (direct.has(key) || !between.some((o) => o !== part && partsOf(o).all.has(key))) add(whole.hash, part.hash);
    }
  }
  for (const pair of told) {
    const [a, b] = pair.split(" ") as [string, string];
    if (nodes.has(a) && nodes.has(b)) add(a, b);
  }
  return edges;
}

/** linksOf counts the edges of each instance. */
export function linksOf(edges: readonly Edge[]): Map<string, number> {
  const links = new Map<string, number>();
  for (const { from, to } of edges) {
    links.set(from, (links.get(from) ?? 0) + 1);
    links.set(to, (links.get(to) ?? 0) + 1);
  }
  return links;
}
