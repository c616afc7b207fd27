// How often things were seen, and how often that was malicious. It is asked beside the drawing, which does not wait for it.
import { signal } from "@preact/signals";
import { word } from "../lib/text";
import type { Instance } from "../model/instance";
import { rowsOf, setOf } from "./fetch";

export interface Weight {
  /** sightings are the events that hold it, malicious those of them that are held to be so; undefined is not counted. */
  sightings: number;
  malicious?: number;
}

const together = 300; // instances of one question
const hub = 1000; // events from which on an attribute's are counted for itself, as its ledger does fast
const hubs = 40; // attributes of one drawing that are counted so

/** Weights keeps what was counted while the page is open. */
export class Weights {
  readonly known = signal<ReadonlyMap<string, Weight>>(new Map());
  #asked = new Set<string>();
  #hubs = 0;

  /** learn counts what was not counted yet. What cannot be counted stays without a weight. */
  async learn(instances: readonly Instance[]): Promise<void> {
    const fresh = instances.filter((i) => (i.itype === "attribute" || i.itype === "object") && !this.#asked.has(i.hash));
    for (const i of fresh) this.#asked.add(i.hash);
    for (const itype of ["attribute", "object"] as const) {
      const list = fresh.filter((i) => i.itype === itype);
      for (let at = 0; at < list.length; at += together) await this.#count(list.slice(at, at + together));
    }
  }

  async #count(list: Instance[]): Promise<void> {
    const itype = list[0]!.itype;
    const { rows } = await rowsOf(`${setOf(itype, list)} | fields hash, degree`);
    const degrees = new Map(rows.map((row) => [String(row.hash), Number(row.degree)]));
    this.#put(list, (i) => ({ sightings: degrees.get(i.hash) ?? 0 }));
    if (itype !== "attribute") return;
    const small = list.filter((i) => (degrees.get(i.hash) ?? 0) <= hub);
    if (small.length > 0) await this.#countMalicious(small);
    for (const i of list.filter((i) => (degrees.get(i.hash) ?? 0) > hub)) {
      if (this.#hubs++ < hubs) await this.#countHub(i);
    }
  }

  // countMalicious reads how often all of them stand in malicious events at once: every such event of each of them is in the set.
  async #countMalicious(list: Instance[]): Promise<void> {
    const types = [...new Set(list.map((i) => word(i.sub_type)))].join(", ");
    const { rows } = await rowsOf(`${setOf("attribute", list)} | events category malicious | top 20000 ${types}`);
    const counts = new Map(rows.map((row) => [String(row.hash), Number(row.count)]));
    this.#put(list, (i) => ({ sightings: this.known.peek().get(i.hash)?.sightings ?? 0, malicious: counts.get(i.hash) ?? 0 }));
  }

  async #countHub(i: Instance): Promise<void> {
    const { rows } = await rowsOf(`${setOf("attribute", [i])} | events category malicious | count`);
    this.#put([i], () => ({ sightings: this.known.peek().get(i.hash)?.sightings ?? 0, malicious: Number(rows[0]?.count ?? 0) }));
  }

  #put(list: readonly Instance[], weigh: (i: Instance) => Weight): void {
    this.known.value = new Map([...this.known.peek(), ...list.map((i): [string, Weight] => [i.hash, weigh(i)])]);
  }
}

/** shareOf is the malicious share of an instance's sightings, from 0 to 1; null if it is not known. An event is malicious or not. */
export function shareOf(i: Instance, weight: Weight | undefined): number | null {
  if (i.itype === "event") return i.row.category === "malicious" ? 1 : 0;
  if (weight?.malicious === undefined || weight.sightings === 0) return null;
  return Math.min(1, weight.malicious / weight.sightings);
}
