import "./watches.css";
import type { TargetedEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { place } from "../../lib/router";
import { count, plural } from "../../lib/text";
import { again, drop, look, watch, watches, type Watch } from "../../model/watches";
import { See } from "../../see/see";
import { Badge, Button, Empty, Field } from "../../ui/parts";

/** Watches lists the queries that stay, and shows what came of one. */
export default function Watches() {
  const all = watches.value;
  const wanted = place.value.params.get("id");
  const [id, setId] = useState<string | null>(null);
  useEffect(() => { if (wanted) setId(wanted); }, [wanted]);
  const current = all.find((w) => w.id === id) ?? null;
  return (
    <div class="watching">
      <div class="screen">
        <div class="screen-head">
          <h1>Watches</h1>
          <p>A watch tells when something new matches, wherever you are in this page. It runs while the page is open, and begins anew when you come back.</p>
        </div>
        <Add added={(w) => setId(w.id)} />
        {all.length === 0
          ? <Empty icon="watches" title="Nothing is watched"><p>Write what you wait for above, or ask it first and choose <em>Watch it</em> there.</p></Empty>
          : <div class="panel"><ul class="watch-list">{all.map((w) => <Line watch={w} current={w === current} choose={() => setId(w.id)} key={w.id} />)}</ul></div>}
      </div>
      {current && <Shown watch={current} key={current.id} />}
    </div>
  );
}

function Add({ added }: { added: (w: Watch) => void }) {
  const send = (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const tdql = String(form.get("tdql")).trim();
    const name = String(form.get("name")).trim();
    event.currentTarget.reset();
    added(watch(name || tdql.slice(0, 60), tdql));
  };
  return (
    <form class="panel panel-body watch-form" onSubmit={send}>
      <Field label="Query">{(a) => <input {...a} name="tdql" class="mono" required spellcheck={false} autocomplete="off" placeholder="events category malicious where ipv4 in 10.0.0.0/8" />}</Field>
      <Field label="Name">{(a) => <input {...a} name="name" autocomplete="off" placeholder="as you like" />}</Field>
      <Button kind="primary" type="submit" icon="watches">Watch</Button>
    </form>
  );
}

function Line({ watch: w, current, choose }: { watch: Watch; current: boolean; choose: () => void }) {
  const state = w.result.state.value;
  const news = Math.max(0, w.result.held.value - (w.seen.value ?? 0));
  return (
    <li class={current ? "current" : undefined}>
      <button type="button" class="watch-pick" aria-pressed={current} onClick={choose}>
        <strong>{w.name}</strong>
        {w.name !== w.tdql.replace(/^watch /, "") && <code>{w.tdql}</code>}
      </button>
      {w.result.ended ? <Badge tone={state}>{state === "failed" ? "failed" : "ended"}</Badge> : <Badge tone="busy">watching</Badge>}
      <span class="soft">{plural(w.result.held.value, "match", "matches")}</span>
      {news > 0 && <Badge tone="warn">{count(news)} new</Badge>}
      {w.result.ended && <Button kind="quiet" onClick={() => again(w)}>Start again</Button>}
      <Button kind="quiet" icon="trash" onClick={() => drop(w)}>Remove</Button>
    </li>
  );
}

// Shown is what came of a watch. To look at it is to have seen it.
function Shown({ watch: w }: { watch: Watch }) {
  const held = w.result.held.value;
  useEffect(() => look(w), [w, held]);
  return <See result={w.result} faults={<ul>{w.result.problem.value?.faults.map((f) => <li class="note fault">{f.message} {f.hint}</li>)}</ul>} />;
}
