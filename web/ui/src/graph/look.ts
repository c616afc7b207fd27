// How things look: colours from the page's style, sizes from sightings, words from the instance.
import { shortHash, when } from "../lib/text";
import { isCompound, leavesOf, type Instance, type IType } from "../model/instance";
import type { Weight } from "./weights";

export const kinds: IType[] = ["attribute", "object", "event", "session", "raw"];

/** Colours are those of the page's theme. */
export type Colours = Record<IType | "ink" | "soft" | "surface" | "raised" | "line" | "edge" | "accent" | "malicious", string>;

export function coloursOf(el: Element): Colours {
  const style = getComputedStyle(el);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    attribute: read("--attribute"), object: read("--object"), event: read("--event"), session: read("--session"), raw: read("--raw"),
    ink: read("--ink"), soft: read("--soft"), surface: read("--surface"), raised: read("--raised"), line: read("--line"),
    edge: read("--graph-edge"), accent: read("--accent"), malicious: read("--graph-malicious"),
  };
}

const plainSize: Record<IType, number> = { attribute: 5, object: 5, event: 5, session: 8, raw: 5 };

/** sizeOf is a radius in pixels: it grows with the logarithm of the sightings. */
export function sizeOf(i: Instance, weight: Weight | undefined): number {
  if (!weight) return plainSize[i.itype];
  return Math.min(16, 4 + 2.4 * Math.log10(1 + weight.sightings));
}

const widest = 40;

/** labelOf is what stands beside a node. */
export function labelOf(i: Instance): string {
  const time = i.row.timestamp ?? i.row.start_time;
  const text = i.itype === "attribute" && !isCompound(i.data) ? String(i.data)
    : typeof time === "string" ? `${i.sub_type} ${when(time).slice(0, 16)}`
    : i.itype === "object" ? `${i.sub_type} ${leavesOf(i.data, 2).map(([, value]) => String(value)).join(" ")}`
    : `${i.sub_type} ${shortHash(i.hash)}`;
  const chars = [...text.replace(/\s+/g, " ")];
  return chars.length > widest ? `${chars.slice(0, widest - 1).join("")}…` : chars.join("");
}
