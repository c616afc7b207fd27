import { useMemo, useState } from "preact/hooks";
import { count } from "../lib/text";
import { instanceOf } from "../model/instance";
import { room } from "../model/result";
import { Button, Empty } from "../ui/parts";
import { cell, columnsOf } from "./columns";
import { Grid } from "./grid";
import type { ViewProps } from "./views";

/** Table shows a result's rows as they come. */
export default function Table({ result, chosen, choose }: ViewProps) {
  const held = result.held.value;
  // What was chosen in another view is chosen here, too.
  const [current, setCurrent] = useState(() => (chosen?.hash ? result.rows.findIndex((row) => row.hash === chosen.hash) : -1));
  const fields = result.fields.value;
  const kind = result.kind.value;
  const columns = useMemo(() => columnsOf(kind, fields, result.rows), [result, kind, fields, Math.min(held, 60)]);
  if (held === 0) return result.ended && result.state.value !== "failed" ? <Nothing cancelled={result.state.value === "cancelled"} /> : null;
  return (
    <>
      <Grid label="Rows" columns={columns} count={held} current={current} choose={setCurrent}
        open={(i) => choose(instanceOf(result.rows[i]!, kind) ?? { hash: "", itype: "raw", sub_type: "", row: result.rows[i]! })}
        cellOf={(i, column) => cell(column.field, result.rows[i]![column.field])} />
      {result.paused.value && (
        <div class="see-foot">
          <span>The page holds {count(held)} rows{result.made.value > held ? ` of ${count(result.made.value)} so far` : ""}. The report goes on when there is room; a file has all of them.</span>
          <Button onClick={() => result.more(room)}>Take {count(room)} more</Button>
        </div>
      )}
    </>
  );
}

function Nothing({ cancelled }: { cancelled: boolean }) {
  return (
    <Empty icon="ask" title={cancelled ? "Cancelled before there was a row" : "Nothing found"}>
      {!cancelled && <p>Nothing that you may read matches. A longer time, or fewer conditions, may find more.</p>}
    </Empty>
  );
}
