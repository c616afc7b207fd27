import { useState } from "preact/hooks";
import type { Handle } from "../../editor";
import { post } from "../../lib/http";
import { useKeys } from "../../lib/keys";
import { textOf } from "../../lib/problem";
import { ago } from "../../lib/text";
import { tell } from "../../lib/toasts";
import { addressOf, text, values } from "../../model/desk";
import { asked, forgetAll } from "../../model/history";
import { watch } from "../../model/watches";
import { Button, copyText, Dialog, Menu } from "../../ui/parts";
import { IndicatorDialog } from "./indicator";
import { SavedQueries } from "./saved";
import { Time } from "./time";

/** Bar has what one does with a query, beside running it. */
export function Bar({ editor }: { editor: () => Handle | null }) {
  const [open, setOpen] = useState<"history" | "saved" | "indicator" | null>(null);
  const put = (tdql: string) => {
    text.value = tdql;
    setOpen(null);
    editor()?.focus();
  };
  const shut = () => setOpen(null);
  useKeys("Ask", [
    { keys: "i", does: "paste an indicator", run: () => setOpen("indicator") },
    { keys: "s", does: "saved queries", run: () => setOpen("saved") },
    { keys: "h", does: "history", run: () => setOpen("history") },
  ]);
  return (
    <>
      <Button kind="quiet" icon="paste" onClick={() => setOpen("indicator")}><span class="word">Indicator</span></Button>
      <Time />
      <Button kind="quiet" icon="star" onClick={() => setOpen("saved")}><span class="word">Saved</span></Button>
      <Button kind="quiet" icon="clock" onClick={() => setOpen("history")}><span class="word">History</span></Button>
      <Menu label={<span class="word">More</span>} icon="more" align="right" items={[
        { label: "Tidy the query", icon: "check", run: () => void tidy() },
        { label: "Explain it", icon: "help", run: () => put(`explain ${text.peek()}`) },
        { label: "Watch it", icon: "watches", run: () => startWatch() },
        { label: "Copy a link to it", icon: "copy", run: () => void copyText(location.origin + addressOf(text.peek(), values.peek())) },
      ]} />
      {open === "history" && <History put={put} close={shut} />}
      {open === "saved" && <SavedQueries put={put} close={shut} />}
      {open === "indicator" && <IndicatorDialog close={shut} />}
    </>
  );
}

async function tidy(): Promise<void> {
  try {
    text.value = (await post<{ tdql: string }>("/api/v1/tdql/format", { tdql: text.peek() })).tdql;
  } catch (err) {
    tell(textOf(err), "fault");
  }
}

function startWatch(): void {
  const tdql = text.peek().trim();
  if (tdql === "") return;
  watch(tdql.slice(0, 60), tdql);
  tell("Watching. New matches are told wherever you are in the page.", "ok", "/watches");
}

function History({ put, close }: { put: (tdql: string) => void; close: () => void }) {
  const [find, setFind] = useState("");
  const list = asked.value.filter((a) => a.tdql.toLowerCase().includes(find.toLowerCase()));
  return (
    <Dialog title="History" close={close} wide>
      <input type="search" aria-label="Search the history" placeholder="Search" value={find} onInput={(event) => setFind(event.currentTarget.value)} />
      <ul class="picks">
        {list.map((a) => (
          <li><button type="button" class="pick" onClick={() => put(a.tdql)}><code>{a.tdql}</code><time dateTime={new Date(a.at).toISOString()}>{ago(a.at)}</time></button></li>
        ))}
      </ul>
      {list.length === 0 && <p class="soft">{asked.value.length === 0 ? "What you ask is kept here, in this browser." : "Nothing of that kind."}</p>}
      {asked.value.length > 0 && <div class="actions"><Button kind="quiet" icon="trash" onClick={forgetAll}>Forget all</Button></div>}
    </Dialog>
  );
}
