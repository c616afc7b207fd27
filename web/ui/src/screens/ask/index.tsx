import "./ask.css";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Handle } from "../../editor";
import { useKeys } from "../../lib/keys";
import { place } from "../../lib/router";
import { follow, result, run, text } from "../../model/desk";
import { See } from "../../see/see";
import { Button } from "../../ui/parts";
import { Bar } from "./bar";
import { EditorSlot } from "./editor-slot";
import { Faults } from "./faults";
import { Params } from "./params";
import { Start } from "./start";

/** Ask is the desk: a query, and what comes of it. */
export default function Ask() {
  const editor = useRef<Handle | null>(null);
  const [asked, setAsked] = useState("");
  const params = place.value.params;
  useEffect(() => { follow(params); }, [params]);
  const go = () => {
    setAsked(text.peek());
    run();
  };
  useKeys("Ask", [
    { keys: "Ctrl+Enter", does: "run the query", run: go, inFields: true },
    { keys: "/", does: "to the editor", run: () => editor.current?.focus() },
    { keys: "Ctrl+Space", does: "what may stand here" },
    { keys: "F8", does: "to the next fault in the query" },
    { keys: "ArrowDown", does: "in the table: the next row; Enter shows its details, Escape closes them" },
  ]);
  const shown = result.value;
  return (
    <div class="ask">
      <h1 class="unseen">Ask</h1>
      <section class="asker" aria-label="Query">
        <EditorSlot run={go} handle={(h) => { editor.current = h; }} />
        <Params run={go} />
        <div class="asker-bar">
          <Button kind="primary" icon="play" onClick={go} disabled={text.value.trim() === ""}>Run</Button>
          <Bar editor={() => editor.current} />
        </div>
      </section>
      {shown
        ? <See timeline result={shown} faults={shown.problem.value && <Faults faults={shown.problem.value.faults} text={shown.tdql || asked} select={(from, to) => editor.current?.select(from, to)} />} />
        : <Start />}
    </div>
  );
}
