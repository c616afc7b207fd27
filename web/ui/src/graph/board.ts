// The board is one graph that somebody works on: the drawing with all that led to it, what is picked, and what is being asked.
import { batch, computed, signal } from "@preact/signals";
import { textOf } from "../lib/problem";
import { plural } from "../lib/text";
import { tell } from "../lib/toasts";
import { nameOf, startOf, type Instance } from "../model/instance";
import type { Result } from "../model/result";
import type { Neighbours } from "../ui/around";
import { blank, edgesOf, hold, linksOf, pairOf, type Drawing } from "./drawing";
import { inOrder, linksBetween, read, rowsOf, surroundings, type Found } from "./fetch";
import { all, sceneOf, type Filter } from "./filter";
import { Weights } from "./weights";

/** Step is something that was done, and the queries that it asked. */
export interface Step {
  label: string;
  queries: string[];
}

interface Past {
  step: Step;
  drawing: Drawing; // as it was before
}

const first = 300; // instances of the first picture
const more = 100; // of each step after it
const seeds = 100; // rows of the result that are begun with
const remembered = 100;
export const page = 100; // instances of an expansion
const chains = 5; // paths of one search

export class Board {
  readonly drawing = signal<Drawing>(blank);
  readonly filter = signal<Filter>(all);
  readonly picked = signal<string | null>(null);
  /** start is where a path is to begin. */
  readonly start = signal<string | null>(null);
  readonly busy = signal("");
  readonly problem = signal<unknown>(null);
  readonly past = signal<readonly Past[]>([]);
  readonly weights = new Weights();
  readonly scene = computed(() => sceneOf(this.drawing.value, this.filter.value));
  /** found is how many instances are known here, drawn or not. */
  readonly found = computed(() => this.drawing.value.nodes.size + this.drawing.value.waiting.length);
  /** origins tells next to what a new instance is put. */
  readonly origins = new Map<string, string>();

  constructor(readonly result: Result) {}

  /** at is an instance on the drawing. */
  at(hash: string | null): Instance | null {
    return hash === null ? null : this.drawing.value.nodes.get(hash) ?? null;
  }

  /** rowsLeft is how many rows of the result are not in yet. */
  get rowsLeft(): number {
    return Math.max(0, this.result.held.value - this.drawing.value.rows);
  }

  /** open draws the beginning of the result, once. */
  open(): Promise<void> {
    if (this.drawing.peek().rows > 0 || this.busy.peek()) return Promise.resolve();
    return this.#do("Begin", async (step) => {
      let next = await this.#takeRows(blank, step, first);
      const chain = read(this.result.rows.slice(0, next.rows), this.result.kind.peek()).chains[0];
      if (chain) next = { ...next, trail: trailOf(chain) };
      if (next.nodes.size === 1) this.picked.value = [...next.nodes.keys()][0]!;
      return next;
    });
  }

  /** more draws what waits, and then what further rows of the result bring. */
  more(): Promise<void> {
    return this.#do("More", async (step) => {
      const d = this.drawing.peek();
      if (d.waiting.length > 0) return hold({ ...d, waiting: [] }, d.waiting, more);
      return this.#takeRows(d, step, more);
    });
  }

  /** expand draws a page of the neighbours of an instance. */
  expand(from: Instance, to: Neighbours): Promise<void> {
    const number = (this.drawing.peek().pages.get(to.tdql) ?? 0) + 1;
    return this.#do(`${to.sub_type ?? to.kind} around ${nameOf(from)}`, async (step) => {
      const found = await this.#ask(`${to.tdql} | page ${number} size ${page}`, step);
      const before = this.drawing.peek();
      for (const i of found.instances) if (!before.nodes.has(i.hash)) this.origins.set(i.hash, from.hash);
      const next = hold(before, found.instances);
      const hangs = new Set(edgesOf(next.nodes, next.told).map((e) => pairOf(e.from, e.to)));
      const told = found.instances.filter((i) => !isHeld(from, i, hangs, next)).map((i) => pairOf(from.hash, i.hash));
      const fresh = found.instances.filter((i) => !before.nodes.has(i.hash)).length;
      if (fresh === 0) tell(found.instances.length === 0 ? "There is nothing more of these." : "All of these are drawn already.");
      return { ...next, told: new Set([...next.told, ...told]), hidden: without(next.hidden, found.instances.map((i) => i.hash)), pages: new Map(next.pages).set(to.tdql, number) };
    });
  }

  /** path looks for how two instances hang together. */
  path(from: Instance, to: Instance): Promise<void> {
    return this.#do(`Path from ${nameOf(from)} to ${nameOf(to)}`, async (step) => {
      const found = await this.#ask(pathQuery(from, to), step);
      const before = this.drawing.peek();
      if (found.chains.length === 0) {
        tell("No path of up to 6 edges was found among what you may read.");
        return before;
      }
      for (const chain of found.chains) chain.slice(1).forEach((hash, at) => { if (!before.nodes.has(hash)) this.origins.set(hash, chain[at]!); });
      const next = hold(before, found.instances);
      const told = found.told.filter((pair) => !edgesOf(next.nodes, next.told).some((e) => pairOf(e.from, e.to) === pair));
      tell(`${plural(found.chains.length, "path")} of ${plural(found.chains[0]!.length - 1, "edge")}.`, "ok");
      this.start.value = null;
      return { ...next, told: new Set([...next.told, ...told]), trail: trailOf(...found.chains), hidden: without(next.hidden, found.chains.flat()) };
    });
  }

  hide(...hashes: string[]): void {
    const names = hashes.length === 1 ? nameOf(this.at(hashes[0]!)!) : plural(hashes.length, "node");
    const next = { ...this.drawing.peek(), hidden: new Set([...this.drawing.peek().hidden, ...hashes]) };
    if (this.picked.peek() && hashes.includes(this.picked.peek()!)) this.picked.value = null;
    this.#put({ label: `Hide ${names}`, queries: [] }, next);
  }

  /** leave picks nothing, and, if nothing was picked, forgets the path. */
  leave(): void {
    if (this.picked.peek() || this.start.peek()) batch(() => { this.picked.value = null; this.start.value = null; });
    else if (this.drawing.peek().trail.size > 0) this.drawing.value = { ...this.drawing.peek(), trail: new Set() };
  }

  /** hideBranch hides what hangs on nothing but an instance, and the instance. */
  hideBranch(hash: string): void {
    const { edges, links } = this.scene.peek();
    const leaves = edges.flatMap((e) => (e.from === hash ? [e.to] : e.to === hash ? [e.from] : [])).filter((other) => links.get(other) === 1);
    this.hide(hash, ...leaves);
  }

  showHidden(): void {
    this.#put({ label: "Show what was hidden", queries: [] }, { ...this.drawing.peek(), hidden: new Set() });
  }

  pin(hash: string, on: boolean): void {
    const d = this.drawing.peek();
    if (d.pinned.has(hash) === on) return;
    const pinned = on ? new Set([...d.pinned, hash]) : without(d.pinned, [hash]);
    this.#put({ label: `${on ? "Pin" : "Unpin"} ${nameOf(this.at(hash)!)}`, queries: [] }, { ...d, pinned });
  }

  /** undo takes back the last thing that was done to the drawing. The first picture stays. */
  undo(): void {
    const past = this.past.peek();
    const last = past.at(-1);
    if (!last || past.length === 1 || this.busy.peek()) return;
    batch(() => {
      this.past.value = past.slice(0, -1);
      this.drawing.value = last.drawing;
      if (this.picked.peek() && !last.drawing.nodes.has(this.picked.peek()!)) this.picked.value = null;
      if (this.start.peek() && !last.drawing.nodes.has(this.start.peek()!)) this.start.value = null;
    });
  }

  async #takeRows(d: Drawing, step: Step, most: number): Promise<Drawing> {
    const kind = this.result.kind.peek();
    const whole = kind === "graph" || kind === "path";
    const until = whole ? this.result.rows.length : Math.min(this.result.rows.length, d.rows + seeds);
    const own = read(this.result.rows.slice(d.rows, until), kind);
    let next = hold({ ...d, rows: until, told: new Set([...d.told, ...own.told]) }, own.instances, most);
    if (whole || kind === "instances" || own.instances.length === 0) return next;
    const around: Found = await this.#ask(surroundings(own.instances), step);
    const everything = new Map([...next.nodes, ...around.instances.map((i): [string, Instance] => [i.hash, i])]);
    const ordered = inOrder(around.instances, linksOf(edgesOf(everything, new Set())));
    next = hold({ ...next, told: new Set([...next.told, ...around.told]) }, ordered, Math.max(0, most - (next.nodes.size - d.nodes.size)));
    return next;
  }

  async #ask(tdql: string, step: Step): Promise<Found> {
    step.queries.push(tdql);
    const { rows, kind } = await rowsOf(tdql);
    return read(rows, kind);
  }

  // link asks for the edges that data does not tell, between what is new and what was there.
  async #link(before: Drawing, next: Drawing, step: Step): Promise<Drawing> {
    const added = [...next.nodes.values()].filter((i) => !before.nodes.has(i.hash));
    for (const tdql of linksBetween(next.nodes, added, next.told)) {
      const found = await this.#ask(tdql, step);
      next = { ...next, told: new Set([...next.told, ...found.told]) };
    }
    return next;
  }

  async #do(label: string, make: (step: Step) => Promise<Drawing>): Promise<void> {
    if (this.busy.peek()) return;
    const step: Step = { label, queries: [] };
    this.busy.value = label;
    this.problem.value = null;
    try {
      const before = this.drawing.peek();
      const next = await this.#link(before, await make(step), step);
      if (next !== before) this.#put(step, next);
      // What cannot be weighed is drawn without: that is no reason to stop.
      void this.weights.learn([...next.nodes.values()]).catch(() => {});
    } catch (err) {
      this.problem.value = err;
      tell(textOf(err), "fault");
    } finally {
      this.busy.value = "";
    }
  }

  #put(step: Step, next: Drawing): void {
    batch(() => {
      const past = [...this.past.peek(), { step, drawing: this.drawing.peek() }];
      // The first one is kept, so that the list of steps begins with what was begun with.
      this.past.value = past.length > remembered ? [past[0]!, ...past.slice(-remembered + 1)] : past;
      this.drawing.value = next;
    });
  }
}

/** pathQuery is how one asks how two instances hang together. */
export const pathQuery = (from: Instance, to: Instance): string => `${startOf(from)} | path to ${startOf(to)} paths ${chains}`;

function trailOf(...chains: string[][]): Set<string> {
  return new Set(chains.flatMap((chain) => chain.slice(1).map((hash, at) => pairOf(hash, chain[at]!))));
}

// isHeld tells whether the drawing shows already how a neighbour hangs on an instance: by an edge, or over one thing between.
function isHeld(from: Instance, to: Instance, edges: ReadonlySet<string>, d: Drawing): boolean {
  if (edges.has(pairOf(from.hash, to.hash))) return true;
  for (const between of d.nodes.keys()) {
    if (edges.has(pairOf(from.hash, between)) && edges.has(pairOf(between, to.hash))) return true;
  }
  return false;
}

function without(set: ReadonlySet<string>, gone: readonly string[]): ReadonlySet<string> {
  return new Set([...set].filter((one) => !gone.includes(one)));
}

const boards = new WeakMap<Result, Board>();

/** boardOf is the board of a result: the same when one comes back from another view. */
export function boardOf(result: Result): Board {
  let board = boards.get(result);
  if (!board) boards.set(result, board = new Board(result));
  return board;
}
