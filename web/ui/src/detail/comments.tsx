import type { TargetedEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { del, get, post } from "../lib/http";
import { orgs } from "../lib/session";
import { textOf } from "../lib/problem";
import { ago, when } from "../lib/text";
import { tell } from "../lib/toasts";
import { Button, Fault, Field, IconButton } from "../ui/parts";
import type { SectionProps } from "./sections";

interface Comment {
  id: string;
  org: string;
  org_name: string;
  author_name: string;
  text: string;
  created: string;
  mine: boolean;
}

const longest = 4000; // characters, as the server allows

/** Comments shows what people have noted on an instance, and takes a note. */
export function Comments({ instance }: SectionProps) {
  const [list, setList] = useState<Comment[]>([]);
  const [error, setError] = useState<unknown>(null);
  const address = `/api/v1/instances/${instance.hash}/comments`;
  useEffect(() => {
    const gone = new AbortController();
    get<{ comments: Comment[] }>(address, { signal: gone.signal }).then(
      (answer) => setList(answer.comments ?? []),
      (err: unknown) => { if (!gone.signal.aborted) setError(err); },
    );
    return () => gone.abort();
  }, [address]);
  const drop = (c: Comment) => del(`/api/v1/comments/${encodeURIComponent(c.id)}`).then(
    () => setList((now) => now.filter((other) => other !== c)),
    (err: unknown) => tell(textOf(err), "fault"),
  );
  const administers = (c: Comment) => orgs.value.some((o) => o.hash === c.org && o.admin);
  return (
    <section>
      <h3>Comments</h3>
      {error !== null && <Fault error={error} />}
      <ul class="comments">
        {list.map((c) => (
          <li key={c.id}>
            <div class="comment-head">
              <strong>{c.author_name}</strong><span class="soft">{c.org_name}, <time dateTime={c.created} title={`${when(c.created)} UTC`}>{ago(c.created)}</time></span>
              {(c.mine || administers(c)) && <IconButton icon="trash" label="Delete the comment" onClick={() => void drop(c)} />}
            </div>
            <p>{c.text}</p>
          </li>
        ))}
      </ul>
      <Write address={address} org={String(instance.row.org ?? "")} written={(c) => setList((now) => [...now, c])} />
    </section>
  );
}

function Write({ address, org, written }: { address: string; org: string; written: (c: Comment) => void }) {
  const [busy, setBusy] = useState(false);
  const [text, setText] = useState("");
  const send = async (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const to = String(new FormData(event.currentTarget).get("org") ?? "");
    setBusy(true);
    try {
      written(await post<Comment>(address, { text, org: to }));
      setText("");
    } catch (err) {
      tell(textOf(err), "fault");
    } finally {
      setBusy(false);
    }
  };
  const all = orgs.value;
  if (all.length === 0) return null;
  return (
    <form class="comment-form" onSubmit={send}>
      <textarea name="text" aria-label="New comment" rows={2} maxLength={longest} placeholder="A note for colleagues" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <div class="actions">
        {all.length === 1 ? <input type="hidden" name="org" value={all[0]!.hash} /> : (
          <Field label="For those who read">{(a) => <select {...a} name="org">{all.map((o) => <option value={o.hash} selected={o.hash === org}>{o.name}</option>)}</select>}</Field>
        )}
        <Button type="submit" disabled={busy || text.trim() === ""}>Comment</Button>
      </div>
    </form>
  );
}
