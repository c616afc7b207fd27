import type { TargetedEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { put } from "../lib/http";
import { textOf } from "../lib/problem";
import { orgs } from "../lib/session";
import { tell } from "../lib/toasts";
import { nameOf, type Instance } from "../model/instance";
import { Result, type Row } from "../model/result";
import { Button, Field } from "../ui/parts";
import type { SectionProps } from "./sections";

const verdicts = ["malicious", "benign", "unknown"];
const most = 200; // attributes of an event to choose from

/** Judge lets administrators of an event's organisation say what it is, and what an attribute is in it. What they say no filter changes again. */
export function Judge({ instance }: SectionProps) {
  const org = orgs.value.find((o) => o.hash === instance.row.org);
  const [category, setCategory] = useState(String(instance.row.category ?? "unknown"));
  if (instance.itype !== "event" || !org?.admin) return null;
  const classify = async (next: string) => {
    try {
      await put(`/api/v1/events/${instance.hash}/category`, { category: next });
      instance.row.category = next;
      setCategory(next);
      tell(`The event is ${next} from now on.`, "ok");
    } catch (err) {
      tell(textOf(err), "fault");
    }
  };
  return (
    <section>
      <h3>What it is</h3>
      <div class="actions" role="group" aria-label="Category">
        {verdicts.map((v) => <Button key={v} aria-pressed={v === category} onClick={() => void classify(v)}>{v}</Button>)}
      </div>
      <Contexts event={instance} />
    </section>
  );
}

// Contexts says what one attribute is held to be in the event.
function Contexts({ event: of }: { event: Instance }) {
  const [asked, setAsked] = useState<Result | null>(null);
  useEffect(() => () => { if (asked && !asked.ended) asked.cancel(); }, [asked]);
  const open = (event: TargetedEvent<HTMLDetailsElement>) => {
    if (event.currentTarget.open && !asked) setAsked(Result.ask(`event ${of.hash} | attributes | limit ${most}`));
  };
  const send = async (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const context = String(form.get("context"));
    try {
      await put(`/api/v1/events/${of.hash}/context`, { instance: String(form.get("instance")), context });
      tell(`It is ${context} in this event from now on.`, "ok");
    } catch (err) {
      tell(textOf(err), "fault");
    }
  };
  const rows = asked && asked.held.value > 0 ? asked.rows : [];
  return (
    <details onToggle={open}>
      <summary>Say it of one attribute in it</summary>
      <form class="judge-form" onSubmit={send}>
        <Field label="Attribute">{(a) => <select {...a} name="instance" required>{rows.map((row) => <option value={String(row.hash)}>{words(row)}</option>)}</select>}</Field>
        <Field label="In this event it is">{(a) => <select {...a} name="context">{verdicts.map((v) => <option>{v}</option>)}</select>}</Field>
        <Button type="submit" disabled={rows.length === 0}>Say so</Button>
      </form>
    </details>
  );
}

const words = (row: Row) => `${String(row.sub_type)} ${nameOf({ hash: String(row.hash), itype: "attribute", sub_type: String(row.sub_type), data: row.data, row })}`;
