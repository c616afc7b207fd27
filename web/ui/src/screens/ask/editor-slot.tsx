import type { Handle } from "../../editor";
import { text } from "../../model/desk";
import { useLoaded } from "../../ui/loaded";

const load = () => import("../../editor");

/** EditorSlot holds a plain field until the editor's code is here, so that one can type at once. */
export function EditorSlot({ run, handle }: { run: () => void; handle: (h: Handle | null) => void }) {
  const { part: Editor } = useLoaded(load);
  const hint = "ipv4 1.1.1.1 | events last 7d | count by day";
  if (Editor) return <Editor text={text} run={run} label="Query, in TDQL" hint={hint} handle={handle} />;
  return (
    <textarea class="editor mono" aria-label="Query, in TDQL" placeholder={hint} rows={3} spellcheck={false} value={text.value}
      onInput={(event) => { text.value = event.currentTarget.value; }} />
  );
}
