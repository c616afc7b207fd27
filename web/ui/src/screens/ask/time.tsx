import type { TargetedEvent } from "preact";
import { useState } from "preact/hooks";
import { textOf } from "../../lib/problem";
import { tell } from "../../lib/toasts";
import { inRange, moveTo, type Range } from "../../model/range";
import { Button, Dialog, Field, Menu } from "../../ui/parts";

const spans = [["Last hour", "1h"], ["Last day", "1d"], ["Last 7 days", "7d"], ["Last 30 days", "30d"], ["Last year", "1Y"]] as const;

/** Time writes a range of time into the query and runs it. */
export function Time() {
  const [open, setOpen] = useState(false);
  const to = (range: Range) => moveTo(range).catch((err: unknown) => tell(textOf(err), "fault"));
  return (
    <>
      <Menu label={<span class="word">Time</span>} icon="chart" items={[
        ...spans.map(([label, last]) => ({ label, hint: last, run: () => void to({ last }) })),
        { label: "From … to …", run: () => setOpen(true) },
        { label: "All time", run: () => void to({}) },
      ]} />
      {open && <Between close={() => setOpen(false)} />}
    </>
  );
}

function Between({ close }: { close: () => void }) {
  const [error, setError] = useState("");
  const send = async (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const range = { from: String(form.get("from")).trim(), to: String(form.get("to")).trim() };
    try {
      await inRange(range);
      close();
      await moveTo(range);
    } catch (err) {
      setError(textOf(err));
    }
  };
  const help = "As in TDQL: 2025-04-12, 2025-04-12 08:30, yesterday, Unix seconds. Empty is open.";
  return (
    <Dialog title="Range of time" close={close}>
      <form class="form" onSubmit={(event) => void send(event)}>
        <Field label="From" help={help}>{(a) => <input {...a} name="from" autocomplete="off" autofocus />}</Field>
        <Field label="To" error={error}>{(a) => <input {...a} name="to" autocomplete="off" />}</Field>
        <div class="actions"><Button kind="primary" type="submit">Run</Button></div>
      </form>
    </Dialog>
  );
}
