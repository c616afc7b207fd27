import "./graph.css";
import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { useKeys } from "../lib/keys";
import { textOf } from "../lib/problem";
import { askAddress } from "../lib/router";
import { count, plural } from "../lib/text";
import { tell } from "../lib/toasts";
import type { ViewProps } from "../see/views";
import { Button, Busy, Copy, Fault, IconButton, Menu, Tabs } from "../ui/parts";
import { boardOf, type Board } from "./board";
import { save, type Format } from "./exports";
import { Filters, Steps } from "./filters";
import { Legend } from "./legend";
import { Picked } from "./node";
import { Nodes } from "./nodes";
import { canDraw, Picture } from "./picture";

// On a phone there is room for one thing at a time, and the picture is one of them.
type Part = "picture" | "node" | "nodes" | "filter" | "steps";
const narrow = matchMedia("(max-width: 720px)");

/** GraphView shows a result as a graph that one can go on with. */
export default function GraphView({ result, chosen, choose }: ViewProps) {
  const board = boardOf(result);
  const picture = useRef<Picture | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const [drawn] = useState(canDraw);
  const [lost, setLost] = useState(false);
  const [part, setPart] = useState<Part>(narrow.matches ? "picture" : "node");
  const held = result.held.value;
  const ready = result.ended || held >= 100;
  useEffect(() => { if (held > 0 && ready) void board.open(); }, [board, held > 0 && ready]);
  // What was chosen in the table is picked here, and the other way round.
  useEffect(() => { if (chosen && board.drawing.peek().nodes.has(chosen.hash)) board.picked.value = chosen.hash; }, [chosen, board]);
  useEffect(() => effect(() => {
    const i = board.at(board.picked.value);
    if (i && chosen && i.hash !== chosen.hash) choose(i);
  }), [board, chosen]);
  const picks = board.picked.value;
  const slim = useNarrow();
  useEffect(() => setPart((now) => (slim ? "picture" : now === "picture" ? "node" : now)), [slim]);
  useEffect(() => { if (picks) setPart((now) => (now === "steps" || now === "filter" ? "node" : now)); }, [picks]);
  useGraphKeys(board, picture);
  const canvas = drawn && !lost;
  const nothing = board.drawing.value.nodes.size === 0;
  return (
    <div class="graph">
      <Bar board={board} picture={picture} canvas={canvas} box={box} />
      {board.problem.value !== null && <Fault error={board.problem.value} />}
      <div class="graph-body" data-part={part}>
        <div class="graph-stage" ref={box}>
          {canvas
            ? <Canvas board={board} hold={(p) => { picture.current = p; }} lost={() => setLost(true)} />
            : (
              <>
                <div class="note warn" role="status"><div>{drawn ? "The browser has lost its graphics, so the graph is a table now." : "This browser has no WebGL, so the graph is a table here."} Everything else works: pick a row to draw on from it.</div></div>
                <Nodes board={board} />
              </>
            )}
          {nothing && board.busy.value !== "" && <div class="graph-wait"><Busy label="Drawing" /></div>}
        </div>
        <aside class="graph-side" aria-label="Graph">
          <Tabs id="graph" label="Graph" current={part} choose={setPart} tabs={[
            ...(slim ? [{ name: "picture" as const, label: canvas ? "Picture" : "Table" }] : []), { name: "node", label: "Node" }, ...(canvas ? [{ name: "nodes" as const, label: "Nodes" }] : []), { name: "filter", label: "Filter" }, { name: "steps", label: "Steps" },
          ]} />
          <div class="graph-panel" id="graph-panel" role="tabpanel" aria-labelledby={`graph-${part}`}>
            {part === "node" && <Picked board={board} details={choose} />}
            {part === "nodes" && <Nodes board={board} />}
            {part === "filter" && <Filters board={board} />}
            {part === "steps" && <Steps board={board} />}
          </div>
        </aside>
      </div>
      {canvas && !nothing && <Legend board={board} />}
      <Foot board={board} />
    </div>
  );
}

function useNarrow(): boolean {
  const [slim, setSlim] = useState(narrow.matches);
  useEffect(() => {
    const changed = () => setSlim(narrow.matches);
    narrow.addEventListener("change", changed);
    return () => narrow.removeEventListener("change", changed);
  }, []);
  return slim;
}

// useGraphKeys adds the keys of the graph.
function useGraphKeys(board: Board, picture: { current: Picture | null }): void {
  const onPicked = (act: (hash: string) => void) => () => { if (board.picked.peek()) act(board.picked.peek()!); };
  useKeys("Graph", [
    { keys: "+", does: "closer", run: () => picture.current?.zoom(1.5) },
    { keys: "-", does: "farther", run: () => picture.current?.zoom(1 / 1.5) },
    { keys: "0", does: "all of it", run: () => picture.current?.fit() },
    { keys: "u", does: "undo", run: () => board.undo() },
    { keys: "m", does: "draw more", run: () => void board.more() },
    { keys: "x", does: "hide the picked node", run: onPicked((hash) => board.hide(hash)) },
    { keys: "p", does: "pin it, or let it go", run: onPicked((hash) => board.pin(hash, !board.drawing.peek().pinned.has(hash))) },
    { keys: "b", does: "a path begins here", run: onPicked((hash) => { board.start.value = hash; }) },
    { keys: "e", does: "a path ends here", run: onPicked((hash) => {
      const [from, to] = [board.at(board.start.peek()), board.at(hash)];
      if (from && to && from !== to) void board.path(from, to);
    }) },
    { keys: "Escape", does: "pick nothing; once more: forget the path", run: () => board.leave() },
  ], [board]);
}

// Canvas is the picture. Its life is sigma's: what the board shows is handed over, and nothing moves when that is drawn.
function Canvas({ board, hold, lost }: { board: Board; hold: (picture: Picture | null) => void; lost: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [settled, setSettled] = useState(true);
  useEffect(() => {
    const el = box.current!;
    const picture = new Picture(el, board, setSettled);
    hold(picture);
    const off = [
      effect(() => picture.show(board.scene.value, board.weights.known.value)),
      effect(() => picture.mark(board.picked.value, board.start.value)),
    ];
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const themed = () => picture.themed();
    dark.addEventListener("change", themed);
    el.addEventListener("webglcontextlost", lost, true);
    return () => {
      el.removeEventListener("webglcontextlost", lost, true);
      dark.removeEventListener("change", themed);
      off.forEach((f) => f());
      picture.end();
      hold(null);
    };
  }, [board]);
  const { nodes, edges } = board.scene.value;
  const words = `${plural(nodes.size, "node")}, ${plural(edges.length, "edge")}. The tab “Nodes” lists them.`;
  return <div class="graph-canvas" ref={box} role="img" aria-label={words} data-settled={settled} />;
}

function Bar({ board, picture, canvas, box }: { board: Board; picture: { current: Picture | null }; canvas: boolean; box: { current: HTMLElement | null } }) {
  const keep = (format: Format) => () => {
    save(format, board, picture.current?.places() ?? null, box.current!).catch((err: unknown) => tell(textOf(err), "fault"));
  };
  const undoable = board.past.value.length - 1;
  return (
    <div class="graph-bar" role="toolbar" aria-label="Graph">
      <Button kind="quiet" icon="undo" disabled={undoable < 1 || board.busy.value !== ""} title={undoable > 0 ? `Undo: ${board.past.value.at(-1)!.step.label}` : "Nothing to undo"} onClick={() => board.undo()}>Undo</Button>
      {canvas && (
        <>
          <IconButton icon="minus" label="Farther (−)" onClick={() => picture.current?.zoom(1 / 1.5)} />
          <IconButton icon="add" label="Closer (+)" onClick={() => picture.current?.zoom(1.5)} />
          <IconButton icon="fit" label="All of it (0)" onClick={() => picture.current?.fit()} />
          <Button kind="quiet" onClick={() => picture.current?.layout()}>Lay out</Button>
        </>
      )}
      <Menu label="Save" icon="export" items={[
        ...(canvas ? [{ label: "PNG", hint: "a picture", run: keep("png") }, { label: "SVG", hint: "a drawing", run: keep("svg") }] : []),
        { label: "CSV", hint: "the nodes", run: keep("csv") },
        { label: "JSON", hint: "nodes, edges, steps", run: keep("json") },
        { label: "STIX 2.1", hint: "one bundle", run: keep("stix") },
      ]} />
      {board.busy.value !== "" && <Busy label={board.busy.value} />}
    </div>
  );
}

// Foot tells how much of all there is can be seen, and which query did the last thing.
function Foot({ board }: { board: Board }) {
  const { nodes, edges } = board.scene.value;
  const d = board.drawing.value;
  const left = board.rowsLeft;
  const hidden = d.nodes.size - nodes.size;
  const query = board.past.value.at(-1)?.step.queries[0];
  return (
    <div class="graph-foot">
      <span class="graph-count" role="status"><strong>{count(nodes.size)} of {count(board.found.value)} nodes shown</strong>, {plural(edges.length, "edge")}
        {hidden > 0 && <>, {count(hidden)} hidden or filtered</>}{left > 0 && <>; {count(d.rows)} of {count(board.result.held.value)} rows are in</>}</span>
      {(d.waiting.length > 0 || left > 0) && <Button icon="add" disabled={board.busy.value !== ""} onClick={() => void board.more()}>{d.waiting.length > 0 ? `${count(Math.min(100, d.waiting.length))} more` : "More rows"}</Button>}
      {query && <span class="graph-query"><a href={askAddress(query)} title={query}><code>{query}</code></a><Copy text={query} label="Copy the query of the last step" /></span>}
    </div>
  );
}
