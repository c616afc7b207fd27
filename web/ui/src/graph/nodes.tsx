import { useMemo, useState } from "preact/hooks";
import { count } from "../lib/text";
import type { Column } from "../see/columns";
import { cell } from "../see/columns";
import { Grid } from "../see/grid";
import { isCompound, type Instance } from "../model/instance";
import type { Board } from "./board";
import { timeOf } from "./filter";

const columns: Column[] = [
  { field: "sub_type", title: "type", width: 12 },
  { field: "data", title: "data", width: 26 },
  { field: "links", title: "edges", width: 6, number: true },
  { field: "sightings", title: "seen", width: 7, number: true },
  { field: "malicious", title: "malicious", width: 9, number: true },
  { field: "timestamp", title: "time", width: 19 },
];

/** Nodes lists what is shown, for those who do not see the picture, and for finding something in it. */
export function Nodes({ board }: { board: Board }) {
  const [find, setFind] = useState("");
  const scene = board.scene.value;
  const weights = board.weights.known.value;
  const rows = useMemo(() => {
    const wanted = find.trim().toLowerCase();
    const exact = (i: Instance) => wanted !== "" && !isCompound(i.data) && String(i.data).toLowerCase() === wanted;
    return [...scene.nodes.values()]
      .filter((i) => wanted === "" || `${i.sub_type} ${JSON.stringify(i.data, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v))} ${String(i.row.timestamp ?? "")}`.toLowerCase().includes(wanted))
      .sort((a, b) => Number(exact(b)) - Number(exact(a)) || (scene.links.get(b.hash) ?? 0) - (scene.links.get(a.hash) ?? 0) || timeOf(b) - timeOf(a) || (a.hash < b.hash ? -1 : 1));
  }, [scene, find]);
  const picked = rows.findIndex((i) => i.hash === board.picked.value);
  const valueOf = (row: number, field: string) => {
    const i = rows[row]!;
    if (field === "links") return count(scene.links.get(i.hash) ?? 0);
    if (field === "sightings" || field === "malicious") {
      const n = weights.get(i.hash)?.[field];
      return n === undefined ? "" : count(n);
    }
    return cell(field, field === "sub_type" ? i.sub_type : field === "data" ? i.data : i.row[field] ?? i.row.start_time);
  };
  const pick = (row: number) => { board.picked.value = rows[row]?.hash ?? null; };
  return (
    <div class="graph-nodes">
      <input type="search" aria-label="Search the nodes" placeholder={`Search ${count(scene.nodes.size)} nodes`} value={find} onInput={(event) => setFind(event.currentTarget.value)} />
      <Grid label="Nodes of the graph" columns={columns} count={rows.length} current={picked} choose={pick} open={pick}
        cellOf={(row, column) => (column.field === "sub_type" ? <span class={`kind ${rows[row]!.itype}`}>{rows[row]!.sub_type}</span> : valueOf(row, column.field))} />
    </div>
  );
}
