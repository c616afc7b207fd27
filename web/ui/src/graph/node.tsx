// What one can do with the node that is picked.
import { count, when } from "../lib/text";
import { nameOf, startOf, type Instance } from "../model/instance";
import { Around, type Neighbours } from "../ui/around";
import { Button, Copy, Empty } from "../ui/parts";
import { page, pathQuery, type Board } from "./board";
import { timeOf } from "./filter";
import { labelOf } from "./look";

/** Picked shows the picked node, what lies around it, and what to do with it. */
export function Picked({ board, details }: { board: Board; details: (i: Instance) => void }) {
  const i = board.at(board.picked.value);
  if (!i) return <Empty icon="graph" title="No node is picked"><p>Click one, or choose it in the list. Then its neighbours are counted here, and you draw those that you want.</p></Empty>;
  return (
    <div class="graph-node">
      <h3 class="graph-name"><span class={`kind ${i.itype}`}>{i.itype === "attribute" ? i.sub_type : labelOf(i)}</span>{i.itype === "attribute" && ` ${nameOf(i)}`}</h3>
      <Facts board={board} i={i} />
      <Actions board={board} i={i} details={details} />
      <Around hash={i.hash} class="graph-around" key={i.hash} item={(n) => <Way board={board} from={i} to={n} key={n.tdql} />} />
    </div>
  );
}

function Facts({ board, i }: { board: Board; i: Instance }) {
  const weight = board.weights.known.value.get(i.hash);
  const time = timeOf(i);
  return (
    <p class="soft">
      {!Number.isNaN(time) && <>{when(time)} UTC{i.row.category ? <>, <span class={`category ${String(i.row.category)}`}>{String(i.row.category)}</span></> : null}</>}
      {weight && <>seen in {count(weight.sightings)} {weight.sightings === 1 ? "event" : "events"}{weight.malicious !== undefined && <>, {count(weight.malicious)} of them malicious</>}</>}
    </p>
  );
}

function Actions({ board, i, details }: { board: Board; i: Instance; details: (i: Instance) => void }) {
  const start = board.at(board.start.value);
  const pinned = board.drawing.value.pinned.has(i.hash);
  return (
    <div class="actions">
      <Button kind="quiet" icon="table" onClick={() => details(i)}>Details</Button>
      <Button kind="quiet" icon="pin" aria-pressed={pinned} onClick={() => board.pin(i.hash, !pinned)}>{pinned ? "Pinned" : "Pin"}</Button>
      <Button kind="quiet" icon="hide" onClick={() => board.hide(i.hash)}>Hide</Button>
      <Button kind="quiet" icon="hide" title="Hide it and what hangs on nothing else" onClick={() => board.hideBranch(i.hash)}>Hide branch</Button>
      {!start || start === i
        ? <Button kind="quiet" icon="path" aria-pressed={start === i} onClick={() => { board.start.value = start === i ? null : i.hash; }}>{start === i ? "Path begins here" : "Path from here"}</Button>
        : (
          <span class="graph-path">
            <Button icon="path" title={pathQuery(start, i)} disabled={board.busy.value !== ""} onClick={() => void board.path(start, i)}>Path from {nameOf(start).slice(0, 24)}</Button>
            <Copy text={pathQuery(start, i)} label="Copy the query of the path" />
            <Button kind="quiet" icon="close" onClick={() => { board.start.value = null; }}>No path</Button>
          </span>
        )}
      <Copy text={startOf(i)} label="Copy as TDQL" />
    </div>
  );
}

function Way({ board, from, to }: { board: Board; from: Instance; to: Neighbours }) {
  const pages = board.drawing.value.pages.get(to.tdql) ?? 0;
  const got = pages * page;
  const all = to.exact && to.sub_type !== undefined && got >= to.count && pages > 0;
  const name = to.sub_type ?? `${to.kind}s`;
  const total = to.sub_type === undefined ? "?" : `${count(to.count)}${to.exact ? "" : "+"}`;
  const sure = to.exact && to.sub_type !== undefined;
  const next = `${sure ? "" : "up to "}${sure ? Math.min(page, to.count - got) : page}`;
  const tdql = `${to.tdql} | page ${pages + 1} size ${page}`;
  return (
    <li>
      <span class={`kind ${to.kind}`} title={`${to.kind} ${name}`}>{name}</span>
      <b>{pages > 0 && !all ? `${count(got)} of ` : ""}{total}</b>
      {all ? <span class="soft">drawn</span> : (
        <Button icon="add" title={tdql} aria-label={`Draw ${next} of ${total} ${to.kind} ${name}`} disabled={board.busy.value !== ""} onClick={() => void board.expand(from, to)}>{next}</Button>
      )}
      <Copy text={all ? to.tdql : tdql} label={`Copy the query: ${to.kind} ${name}`} />
    </li>
  );
}
