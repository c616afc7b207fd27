// The desk: the query in the editor, and the result below it. It stays as it is while one looks at other screens.
import { batch, signal } from "@preact/signals";
import { askAddress, place } from "../lib/router";
import type { Params } from "../lib/socket";
import { me } from "../lib/session";
import { remember } from "./history";
import { paramsIn, readParam } from "./params";
import { Result } from "./result";

/** text is what the editor holds, values what the fields of its parameters hold. */
export const text = signal("");
export const values = signal<Record<string, string>>({});
/** result is the one on the desk. */
export const result = signal<Result | null>(null);

interface Kept {
  address: string;
  result: Result;
}

// The last results, so that to go back shows what was there instead of asking again.
let kept: Kept[] = [];
const keep = 6;

/** addressOf is where a query stands, with the values of its parameters. */
export function addressOf(tdql: string, fields: Record<string, string>): string {
  const used = Object.fromEntries(paramsIn(tdql).map((name) => [`p.${name}`, fields[name] ?? ""]));
  return askAddress(tdql, used);
}

/** paramsOf reads the fields of a query's parameters. */
export function paramsOf(tdql: string, fields: Record<string, string>): Params {
  return Object.fromEntries(paramsIn(tdql).map((name) => [name, readParam(fields[name] ?? "")]));
}

/** run asks what is in the editor, and puts it into the address bar. */
export function run(): void {
  const tdql = text.value;
  if (tdql.trim() === "") return;
  const address = addressOf(tdql, values.value);
  history[address === location.pathname + location.search ? "replaceState" : "pushState"](null, "", address);
  ask(tdql, address);
  place.value = { path: "/", params: new URLSearchParams(location.search) };
}

function ask(tdql: string, address: string): void {
  leave();
  remember(tdql);
  put(address, Result.ask(tdql, paramsOf(tdql, values.value)));
}

// leave ends the query on the desk, if it is still under way: nobody sees its rows any more.
function leave(): void {
  const before = result.value;
  if (before && !before.ended) before.cancel();
}

function put(address: string, next: Result): void {
  kept = [{ address, result: next }, ...kept.filter((k) => k.address !== address)].slice(0, keep);
  result.value = next;
}

/** follow makes the desk what the address bar says: a query, or a report that has been made. */
export function follow(params: URLSearchParams): void {
  const tdql = params.get("q") ?? "";
  const report = params.get("report") ?? "";
  if (tdql === "" && report === "") return;
  const address = `/?${params}`;
  const before = kept.find((k) => k.address === address);
  if (before && before.result === result.value && text.value === tdql) return;
  batch(() => {
    text.value = tdql;
    const fields = Object.fromEntries([...params].filter(([name]) => name.startsWith("p.")).map(([name, value]) => [name.slice(2), value]));
    values.value = { ...values.value, ...fields };
    if (before && before.result.state.value !== "cancelled") {
      if (before.result !== result.value) leave();
      result.value = before.result;
    } else if (report !== "") {
      leave();
      put(address, Result.open(report, tdql));
    } else if (paramsIn(tdql).every((name) => (values.value[name] ?? "") !== "")) {
      ask(tdql, address);
    } else {
      leave();
      result.value = null; // the reader fills the parameters in first
    }
  });
}

// Whoever signs in next finds an empty desk.
me.subscribe((who) => {
  if (who) return;
  kept = [];
  text.value = "";
  values.value = {};
  result.value = null;
});
