import "./bring.css";
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { get } from "../../lib/http";
import { me, orgs } from "../../lib/session";
import { askAddress } from "../../lib/router";
import { bytes, count, plural } from "../../lib/text";
import { Badge, Button, Empty, Fault, Field, IconButton } from "../../ui/parts";
import { Upload, type Account, type Choice, type Reason } from "./upload";

interface Format {
  typetag: string;
  about: string;
  records: string;
}

// They go on while one looks at other screens.
const uploads = signal<Upload[]>([]);
me.subscribe((who) => { if (!who) uploads.value = []; });

const markings = ["clear", "green", "amber", "amber+strict", "red"];

/** Bring takes files, offers what they may be, and tells what became of them, by line. */
export default function Bring() {
  const mine = orgs.value.filter((o) => o.admin);
  const [formats, setFormats] = useState<Format[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [choice, setChoice] = useState<Omit<Choice, "typetag">>({ org: "", timezone: "UTC", tlp: "" });
  useEffect(() => {
    get<{ typetags: Format[] }>("/api/v1/typetags").then((answer) => setFormats(answer.typetags ?? []), setError);
  }, []);
  const org = choice.org || mine[0]?.hash || "";
  const add = (files: FileList | null) => { uploads.value = [...[...(files ?? [])].map((f) => new Upload(f)), ...uploads.value]; };
  const send = (u: Upload) => void u.begin({ ...choice, org, typetag: u.typetag.peek() });
  const ready = uploads.value.filter((u) => u.sent.value === null && u.typetag.value !== "");
  return (
    <div class="screen">
      <div class="screen-head">
        <h1>Bring</h1>
        <p>Files become records, and records become events. What a file is, is guessed from its beginning; you have the last word.</p>
      </div>
      {error !== null && <Fault error={error} />}
      {mine.length === 0
        ? <Empty icon="bring" title="You administer no organisation"><p>Files are uploaded for an organisation by its administrators. Ask one of them, or have yourself made one.</p></Empty>
        : (
          <>
            <Drop add={add} />
            <div class="panel panel-body bring-choice">
              <Field label="Organisation">{(a) => <select {...a} name="org" value={org} onChange={(event) => setChoice({ ...choice, org: event.currentTarget.value })}>{mine.map((o) => <option value={o.hash}>{o.name}</option>)}</select>}</Field>
              <Field label="Time zone of times without one">{(a) => <input {...a} name="timezone" value={choice.timezone} spellcheck={false} autocomplete="off" onInput={(event) => setChoice({ ...choice, timezone: event.currentTarget.value.trim() })} />}</Field>
              <Field label="How far it may be shared">{(a) => <select {...a} name="tlp" value={choice.tlp} onChange={(event) => setChoice({ ...choice, tlp: event.currentTarget.value })}><option value="">as the data says</option>{markings.map((m) => <option value={m}>TLP:{m.toUpperCase()}</option>)}</select>}</Field>
            </div>
            {ready.length > 1 && <div><Button kind="primary" icon="bring" onClick={() => ready.forEach(send)}>Upload all {count(ready.length)}</Button></div>}
            {uploads.value.map((u) => <Line upload={u} formats={formats} send={() => send(u)} key={u.id} />)}
          </>
        )}
    </div>
  );
}

function Drop({ add }: { add: (files: FileList | null) => void }) {
  const [over, setOver] = useState(false);
  return (
    <label class={over ? "bring-drop over" : "bring-drop"}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); add(event.dataTransfer?.files ?? null); }}>
      <span><strong>Choose files</strong> or drop them here. They may be of any length.</span>
      <input type="file" multiple onChange={(event) => { add(event.currentTarget.files); event.currentTarget.value = ""; }} />
    </label>
  );
}

function Line({ upload: u, formats, send }: { upload: Upload; formats: Format[]; send: () => void }) {
  const guesses = u.guesses.value;
  const sent = u.sent.value;
  const account = u.account.value;
  const about = guesses?.find((g) => g.typetag === u.typetag.value)?.why ?? formats.find((f) => f.typetag === u.typetag.value)?.about;
  const rest = formats.filter((f) => !guesses?.some((g) => g.typetag === f.typetag));
  return (
    <section class="panel bring-file" aria-label={u.file.name}>
      <div class="bring-head">
        <strong class="grow">{u.file.name}</strong><span class="soft">{bytes(u.file.size)}</span>
        {!u.going && <IconButton icon="close" label={`Take ${u.file.name} off the list`} onClick={() => { uploads.value = uploads.value.filter((other) => other !== u); }} />}
      </div>
      {sent === null || u.error.value !== "" ? (
        <div class="bring-ask">
          <Field label="Format" help={guesses === null ? "Looking at it…" : about ?? "Nothing known fits its beginning. Choose what it is."}>
            {(a) => (
              <select {...a} name="typetag" value={u.typetag.value} onChange={(event) => { u.typetag.value = event.currentTarget.value; }}>
                <option value="" disabled>choose</option>
                {guesses !== null && guesses.length > 0 && <optgroup label="Likely">{guesses.map((g) => <option value={g.typetag}>{g.typetag}</option>)}</optgroup>}
                <optgroup label="All">{rest.map((f) => <option value={f.typetag}>{f.typetag}</option>)}</optgroup>
              </select>
            )}
          </Field>
          <Button kind="primary" icon="bring" disabled={u.typetag.value === ""} onClick={send}>{u.error.value ? "Send again" : "Upload"}</Button>
        </div>
      ) : account === null && <progress max={1} value={sent} aria-label="Sent" />}
      {u.error.value !== "" && <Fault error={new Error(u.error.value)} />}
      {account && <Outcome account={account} />}
    </section>
  );
}

// Outcome is the account of an upload. The numbers of records add up.
function Outcome({ account: a }: { account: Account }) {
  const rest: [number, string][] = [[a.kept, "kept, nothing to map"], [a.not_supported, "kept until there is a filter"], [a.invalid, "kept, not of this format"], [a.dead, "given up"], [a.rejected, "too long, not kept"]];
  const working = a.received - a.mapped - a.kept - a.not_supported - a.invalid - a.dead;
  return (
    <div class="bring-outcome">
      <p>
        <Badge tone={a.state === "interrupted" ? "failed" : a.done ? "ok" : "busy"}>{!a.done && <span class="spinner" aria-hidden="true" />}{a.done && a.state === "finished" ? "done" : a.state}</Badge>{" "}
        <span role="status">{count(a.mapped)} of {plural(a.received, "record")} became {plural(a.events, "event")}</span>
        {!a.done && working > 0 && <span class="soft">, {count(working)} are worked on</span>}
        {rest.filter(([n]) => n > 0).map(([n, what]) => <span class="soft">, {count(n)} {what}</span>)}
        {a.parts > 0 && <span class="soft">, {plural(a.parts, "part")} of records not used</span>}
      </p>
      {a.failed && <p class="field-error">{a.failed}</p>}
      {a.reasons && a.reasons.length > 0 && (
        <table class="list">
          <caption class="unseen">What could not be used</caption>
          <thead><tr><th class="number">Count</th><th>What was said</th><th>Lines</th></tr></thead>
          <tbody>{a.reasons.map((r) => <Loss reason={r} />)}</tbody>
        </table>
      )}
      {a.done && a.events > 0 && <p><a href={askAddress("events | limit 100")}>Look at the newest events</a></p>}
    </div>
  );
}

function Loss({ reason: r }: { reason: Reason }) {
  const lines = r.lines ?? [];
  return (
    <tr>
      <td class="number tight" data-label="Count">{count(r.count)} {r.record ? (r.count === 1 ? "record" : "records") : r.count === 1 ? "part" : "parts"}</td>
      <td title={r.example} data-label="Said"><span>{r.field && <code>{r.field}: </code>}{r.message}</span></td>
      <td class="tight" data-label="Lines">{lines.slice(0, 8).map(count).join(", ")}{r.count > Math.min(lines.length, 8) && lines.length > 0 ? " …" : ""}</td>
    </tr>
  );
}
