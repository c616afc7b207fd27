// Dead letters: records that were given up.
import { useState } from "preact/hooks";
import { del, post } from "../../lib/http";
import { orgs } from "../../lib/session";
import { bytes, count, plural } from "../../lib/text";
import { Button, Dialog, Empty } from "../../ui/parts";
import { Act, Head, Rows, Shown, Time, attempt, useGet } from "./parts";

interface Letter {
  id: number;
  reason: string;
  time: string;
  org: string;
  typetag: string;
  line?: number;
  records: number;
  bytes: number;
}

const full = 100; // letters that the server lists at a time

/** Dead lists what was given up, to be looked at, tried again or deleted. */
export function Dead() {
  const [after, setAfter] = useState(0);
  const list = useGet<{ dead: Letter[] }>(`/api/v1/dead?after=${after}`);
  const [shown, setShown] = useState<Letter | null>(null);
  return (
    <>
      <Head about="What could not be worked on, after several tries. It is kept sealed until somebody decides." />
      <Shown of={list}>{({ dead }) => (
        <>
          {dead.length === 0
            ? <Empty icon="check" title={after ? "No more" : "None"}><p>All that came was worked on.</p></Empty>
            : <Rows heads={["Why", "Format", "Given up", "Holds"]}>
                {dead.map((l) => <Line letter={l} look={() => setShown(l)} reload={list.reload} key={l.id} />)}
              </Rows>}
          <div class="actions">
            {after > 0 && <Button onClick={() => setAfter(0)}>Back to the first</Button>}
            {dead.length >= full && <Button onClick={() => setAfter(dead.at(-1)!.id)}>The next {full}</Button>}
          </div>
        </>
      )}</Shown>
      {shown && <Content letter={shown} close={() => setShown(null)} />}
    </>
  );
}

function Line({ letter: l, look, reload }: { letter: Letter; look: () => void; reload: () => Promise<void> }) {
  const org = orgs.value.find((o) => o.hash === l.org);
  const path = `/api/v1/dead/${l.id}`;
  return (
    <tr>
      <td class="run-wide"><div><strong class="run-break">{l.reason}</strong>{org && <div class="soft">{org.title || org.name}{l.line ? `, line ${count(l.line)}` : ""}</div>}</div></td>
      <td class="tight" data-label="Format">{l.typetag}</td>
      <td class="tight" data-label="Given up"><Time at={l.time} /></td>
      <td class="tight" data-label="Holds">{plural(l.records, "record")}, {bytes(l.bytes)}</td>
      <td class="tight"><span class="actions">
        <Button kind="quiet" aria-label={`Look at ${l.id}`} onClick={look}>Look</Button>
        <Button kind="quiet" icon="undo" aria-label={`Retry ${l.id}`} onClick={async () => { await attempt(post(`${path}/retry`), "It is worked on again."); await reload(); }}>Retry</Button>
        <Act words="Delete" about={String(l.id)} icon="trash" kind="quiet" title="Delete it for good?" done="It is gone." send={async () => { await del(path); await reload(); }}>
          <p>{plural(l.records, "record")} of {l.typetag} will be gone; nobody can bring them back.</p>
        </Act>
      </span></td>
    </tr>
  );
}

function Content({ letter, close }: { letter: Letter; close: () => void }) {
  const one = useGet<Letter & { content: { line: number; text: string }[] | null; sealed?: string }>(`/api/v1/dead/${letter.id}`);
  return (
    <Dialog title="What was given up" close={close} wide>
      <p class="soft">{letter.reason}</p>
      <Shown of={one}>{({ content, sealed }) => (
        <>{sealed && <p>{sealed}</p>}{content?.map((r) => <section class="run-record"><h3>{r.line ? `Line ${count(r.line)}` : "Record"}</h3><pre tabIndex={0}>{r.text}</pre></section>)}</>
      )}</Shown>
    </Dialog>
  );
}
