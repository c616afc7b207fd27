import "./detail.css";
import { useEffect, useRef } from "preact/hooks";
import { useKeys } from "../lib/keys";
import { askAddress } from "../lib/router";
import { isHash, when } from "../lib/text";
import { groupPivots, leavesOf, nameOf, pivots, startOf, type Instance } from "../model/instance";
import { Copy, IconButton } from "../ui/parts";
import { cell } from "../see/columns";
import { sections } from "./sections";

const times = new Set(["timestamp", "start_time", "end_time"]);

/** Detail shows one row whole, and where one can go from it. Each way is TDQL that can be run and copied. */
export function Detail({ instance, kind, close }: { instance: Instance; kind: string; close: () => void }) {
  const box = useRef<HTMLElement>(null);
  const known = instance.hash !== "";
  const ways = known ? pivots(instance) : groupPivots(instance.row, kind);
  useKeys("Details", [{ keys: "Escape", does: "close the details", run: close }]);
  useEffect(() => { box.current?.querySelector(".detail-body")?.scrollTo(0, 0); }, [instance]);
  return (
    <aside class="detail" ref={box} aria-label="Details">
      <div class="detail-head">
        <h2 class="grow">{known ? <><span class={`kind ${instance.itype}`}>{instance.sub_type || instance.itype}</span> {instance.itype === "attribute" && nameOf(instance)}</> : "Row"}</h2>
        {known && <Copy text={startOf(instance)} label="Copy as TDQL" />}
        <IconButton icon="close" label="Close details (Esc)" onClick={close} />
      </div>
      <div class="detail-body">
        <Facts instance={instance} />
        {known && sections.map((Section) => <Section instance={instance} key={instance.hash} />)}
        {ways.length > 0 && (
          <section>
            <h3>Ask on</h3>
            <ul class="pivots">
              {ways.map((p) => (
                <li><a href={askAddress(p.tdql)}>{p.label}<code>{p.tdql}</code></a><Copy text={p.tdql} label={`Copy the query: ${p.label}`} /></li>
              ))}
            </ul>
          </section>
        )}
        <details>
          <summary>The row as JSON</summary>
          <pre tabIndex={0}>{JSON.stringify(instance.row, (_, v) => (typeof v === "bigint" ? String(v) : v), 2)}</pre>
        </details>
      </div>
    </aside>
  );
}

function Facts({ instance }: { instance: Instance }) {
  const { row } = instance;
  const plain = Object.entries(row).filter(([name, value]) => name !== "data" && name !== "itype" && name !== "org" && value !== null && typeof value !== "object");
  const leaves = instance.itype === "attribute" ? [] : leavesOf(row.data);
  return (
    <section>
      <dl class="facts">
        {plain.map(([name, value]) => (
          <>
            <dt>{name.replaceAll("_", " ")}</dt>
            <dd>{times.has(name) ? `${when(value as string)} UTC` : isHash(value) ? <span class="mono" title={value}>{value.slice(0, 16)}… <Copy text={value} label={`Copy the ${name}`} /></span> : cell(name, value)}</dd>
          </>
        ))}
        {leaves.map(([path, value]) => (
          <>
            <dt>{path.join(".")}</dt>
            <dd><Leaf subType={path.at(-1) ?? ""} value={value} /></dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function Leaf({ subType, value }: { subType: string; value: unknown }) {
  const start = startOf({ hash: "", itype: "attribute", sub_type: subType, data: value, row: {} });
  return <a class="mono" href={askAddress(`${start} | events`)} title={`${start} | events`}>{String(value)}</a>;
}
