import { count } from "../lib/text";
import type { Board } from "./board";
import { kinds } from "./look";

/** Legend says what colours and sizes mean, and how many there are of each kind. */
export function Legend({ board }: { board: Board }) {
  const counts = new Map<string, number>();
  for (const i of board.scene.value.nodes.values()) counts.set(i.itype, (counts.get(i.itype) ?? 0) + 1);
  return (
    <ul class="graph-legend" aria-label="Legend">
      {kinds.filter((kind) => counts.has(kind)).map((kind) => <li key={kind}><span class={`dot ${kind}`} />{kind}<b>{count(counts.get(kind)!)}</b></li>)}
      <li><span class="dot ring half" /><span class="dot ring" /> share of malicious events</li>
      <li><span class="dot" /><span class="dot big" /> seen in few, in many events</li>
      {board.drawing.value.trail.size > 0 && <li><span class="dash" /> the path</li>}
    </ul>
  );
}
