// Watches: queries that stay, and tell when something new matches. They run while the page is open, whichever screen is shown; the
// browser remembers them, so that they begin anew with the page.
import { computed, effect, signal } from "@preact/signals";
import { me } from "../lib/session";
import { plural } from "../lib/text";
import { notify } from "../lib/toasts";
import { Result } from "./result";
import { readList, writeList } from "./store";

export interface Watch {
  id: string;
  name: string;
  tdql: string;
  result: Result;
  /** seen is how many rows had come when one last looked. */
  seen: ReturnType<typeof signal<number>>;
  stop: () => void;
}

interface Kept {
  name: string;
  tdql: string;
}

const room = 10_000;
const settle = 2000; // ms of quiet after which what has come is told, so that many rows at once are one message

export const watches = signal<Watch[]>([]);
/** fresh is how many rows have come that nobody has looked at. */
export const fresh = computed(() => watches.value.reduce((n, w) => n + Math.max(0, w.result.held.value - (w.seen.value ?? 0)), 0));

const key = () => `cybexp.watches.${me.value?.hash ?? ""}`;

me.subscribe((who) => {
  for (const w of watches.value) w.stop();
  watches.value = [];
  if (who) for (const k of readList<Kept>(key())) begin(k.name, k.tdql);
});

/** watch starts a watch. Its text need not begin with the word. */
export function watch(name: string, tdql: string): Watch {
  const w = begin(name, /^\s*watch\b/i.test(tdql) ? tdql : `watch ${tdql}`);
  save();
  return w;
}

/** drop ends a watch and forgets it. */
export function drop(w: Watch): void {
  w.stop();
  w.result.cancel();
  watches.value = watches.value.filter((other) => other !== w);
  save();
}

/** again asks anew for a watch that has ended. */
export function again(w: Watch): void {
  w.stop();
  const next = make(w.id, w.name, w.tdql);
  watches.value = watches.value.map((other) => (other === w ? next : other));
}

/** look notes that all that has come was seen. */
export function look(w: Watch): void {
  w.seen.value = w.result.held.peek();
}

function begin(name: string, tdql: string): Watch {
  const w = make(crypto.randomUUID(), name, tdql);
  watches.value = [...watches.value, w];
  return w;
}

function make(id: string, name: string, tdql: string): Watch {
  const result = Result.ask(tdql, {}, { room });
  const seen = signal<number>(0);
  let told = 0;
  let timer = 0;
  const off = effect(() => {
    const n = result.held.value;
    const failed = result.problem.value;
    clearTimeout(timer);
    if (failed) notify(`${name}: the watch has ended. ${failed.message}`, "/watches");
    else if (n > told) timer = window.setTimeout(() => { tell(n); }, settle);
  });
  const tell = (n: number) => {
    const more = told === 0 ? plural(n, "match", "matches") : plural(n - told, "new match", "new matches");
    if (n > (seen.peek() ?? 0)) notify(`${name}: ${more}`, `/watches?id=${id}`);
    told = n;
  };
  return { id, name, tdql, result, seen, stop: () => { clearTimeout(timer); off(); } };
}

function save(): void {
  writeList(key(), watches.value.map((w) => ({ name: w.name, tdql: w.tdql })));
}
