// What holds what, as the data of instances tells it. The data of an event, session or object has all that it includes, at any depth, so
// the edges between instances that are drawn need not be asked for.
import { isCompound, type Instance } from "../model/instance";

/** Parts are the keys of what an instance includes: directly, and all in all. */
interface Parts {
  direct: Set<string>;
  all: Set<string>;
}

const known = new WeakMap<Instance, Parts>();
const keys = new WeakMap<Instance, string>();

/** keyOf is the same for two instances if and only if their sub-types and data are. */
export function keyOf(i: Instance): string {
  let key = keys.get(i);
  if (key === undefined) keys.set(i, key = makeKey(i.sub_type, i.data));
  return key;
}

/** includes tells whether an instance holds another one, and whether it does so directly. */
export function includes(whole: Instance, part: Instance): "directly" | "deep" | null {
  if (part.itype !== "attribute" && part.itype !== "object") return null;
  const parts = partsOf(whole);
  const key = keyOf(part);
  return parts.direct.has(key) ? "directly" : parts.all.has(key) ? "deep" : null;
}

/** partsOf lists what an instance includes. A raw is a record and no composition: it has none. */
export function partsOf(i: Instance): Parts {
  let parts = known.get(i);
  if (!parts) {
    parts = { direct: new Set(), all: new Set() };
    if (i.itype !== "raw" && i.itype !== "attribute") collect(i.data, parts, true);
    known.set(i, parts);
  }
  return parts;
}

function collect(data: unknown, parts: Parts, top: boolean): void {
  if (!isCompound(data)) return;
  for (const [name, values] of Object.entries(data as object)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      const key = makeKey(name, value);
      if (top) parts.direct.add(key);
      parts.all.add(key);
      collect(value, parts, false);
    }
  }
}

const makeKey = (subType: string, data: unknown) => `${subType}\n${canonical(data)}`;

// canonical writes data so that the order of names does not matter; lists of TAHOE have none either.
function canonical(data: unknown): string {
  if (typeof data === "bigint") return String(data);
  if (!isCompound(data)) return JSON.stringify(data) ?? "";
  if (Array.isArray(data)) return `[${data.map(canonical).sort().join()}]`;
  const names = Object.keys(data as object).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical((data as Record<string, unknown>)[name])}`).join()}}`;
}
