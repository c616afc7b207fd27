import type { TargetedEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { del, get, post, put } from "../../lib/http";
import { textOf } from "../../lib/problem";
import { orgs } from "../../lib/session";
import { bare } from "../../lib/text";
import { tell } from "../../lib/toasts";
import { paramsOf, text, values } from "../../model/desk";
import { Badge, Busy, Button, Dialog, Fault, Field, IconButton } from "../../ui/parts";

interface Saved {
  id: string;
  name: string;
  tdql: string;
  params?: Record<string, unknown>;
  org?: string;
  org_name?: string;
  owner_name: string;
  mine: boolean;
  watch: boolean;
}

/** SavedQueries lists what was saved by me, or shared with an organisation that I read, and saves what is in the editor. */
export function SavedQueries({ close, put: toEditor }: { close: () => void; put: (tdql: string) => void }) {
  const [list, setList] = useState<Saved[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [find, setFind] = useState("");
  const load = () => get<{ saved: Saved[] }>("/api/v1/saved").then((a) => setList(a.saved ?? []), setError);
  useEffect(() => { void load(); }, []);
  const pick = (s: Saved) => {
    const fields = Object.entries(s.params ?? {}).map(([name, value]) => [name, typeof value === "string" ? value : bare(value)]);
    values.value = { ...values.peek(), ...Object.fromEntries(fields) };
    toEditor(s.tdql);
  };
  const remove = async (s: Saved) => {
    try {
      await del(`/api/v1/saved/${encodeURIComponent(s.id)}`);
      await load();
    } catch (err) {
      tell(textOf(err), "fault");
    }
  };
  const shown = list?.filter((s) => `${s.name} ${s.tdql}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <Dialog title="Saved queries" close={close} wide>
      {text.value.trim() !== "" && <Save list={list ?? []} saved={() => void load()} />}
      {error !== null && <Fault error={error} />}
      {list === null && error === null && <Busy />}
      {list !== null && list.length > 6 && <input type="search" aria-label="Search saved queries" placeholder="Search" value={find} onInput={(event) => setFind(event.currentTarget.value)} />}
      {list?.length === 0 && <p class="soft">Nothing is saved yet. What you save here is on the server, for you, or for an organisation that you share it with.</p>}
      <ul class="picks">
        {shown?.map((s) => (
          <li key={s.id}>
            <button type="button" class="pick" onClick={() => pick(s)}>
              <span><strong>{s.name}</strong> <code>{s.tdql}</code></span>
              <small>{s.mine ? "" : s.owner_name}</small>
            </button>
            {s.org_name && <Badge>{s.org_name}</Badge>}
            {s.mine && <IconButton icon="trash" label={`Delete ${s.name}`} onClick={() => void remove(s)} />}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function Save({ list, saved }: { list: Saved[]; saved: () => void }) {
  const [error, setError] = useState("");
  const send = async (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const name = String(data.get("name")).trim();
    const tdql = text.peek();
    const body = { name, tdql, params: paramsOf(tdql, values.peek()), org: String(data.get("org") ?? ""), watch: false };
    const before = list.find((s) => s.mine && s.name === name);
    setError("");
    try {
      if (before) await put(`/api/v1/saved/${encodeURIComponent(before.id)}`, body);
      else await post("/api/v1/saved", body);
      form.reset();
      tell(before ? `Saved “${name}” anew.` : `Saved “${name}”.`, "ok");
      saved();
    } catch (err) {
      setError(textOf(err));
    }
  };
  return (
    <form class="save" onSubmit={(event) => void send(event)}>
      <Field label="Save the query in the editor as" error={error}>{(a) => <input {...a} name="name" required maxLength={100} autocomplete="off" />}</Field>
      <Field label="For">
        {(a) => (
          <select {...a} name="org">
            <option value="">me alone</option>
            {orgs.value.map((o) => <option value={o.hash}>readers of {o.title || o.name}</option>)}
          </select>
        )}
      </Field>
      <Button kind="primary" type="submit">Save</Button>
    </form>
  );
}
