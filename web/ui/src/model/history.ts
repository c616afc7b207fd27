// The queries that were asked in this browser, newest first. They are of one user: another one does not see them.
import { computed, signal } from "@preact/signals";
import { me } from "../lib/session";
import { readList, writeList } from "./store";

export interface Asked {
  tdql: string;
  at: number;
}

const most = 200;
const all = signal<Asked[]>([]);
const key = () => `cybexp.history.${me.value?.hash ?? ""}`;

me.subscribe((who) => { all.value = who ? readList<Asked>(key()) : []; });

export const asked = computed(() => all.value);

export function remember(tdql: string): void {
  const text = tdql.trim();
  all.value = [{ tdql: text, at: Date.now() }, ...all.value.filter((a) => a.tdql !== text)].slice(0, most);
  writeList(key(), all.value);
}

export function forgetAll(): void {
  all.value = [];
  writeList(key(), []);
}
