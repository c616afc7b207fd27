import { askAddress } from "../lib/router";
import { count } from "../lib/text";
import { Around } from "../ui/around";
import { Copy } from "../ui/parts";
import type { SectionProps } from "./sections";

/** Neighbours tells what lies around an instance; each is one click away as a query. */
export function Neighbours({ instance }: SectionProps) {
  return (
    <Around hash={instance.hash} class="around" item={(n) => (
      <li key={n.tdql}>
        <a href={askAddress(n.tdql)} title={n.tdql}><span class={`kind ${n.kind}`}>{n.sub_type ?? `${n.kind}s`}</span><b>{count(n.count)}{n.exact ? "" : "+"}</b></a>
        <Copy text={n.tdql} label={`Copy the query: ${n.kind} ${n.sub_type ?? ""}`} />
      </li>
    )} />
  );
}
