import "./reports.css";
import { useEffect, useState } from "preact/hooks";
import { del, get } from "../../lib/http";
import { textOf } from "../../lib/problem";
import { askAddress } from "../../lib/router";
import { line } from "../../lib/socket";
import { ago, count, took } from "../../lib/text";
import { tell } from "../../lib/toasts";
import { Badge, Button, Copy, Empty, Fault } from "../../ui/parts";

interface Report {
  id: string;
  status: string;
  canonical: string;
  created: string;
  rows: number;
  elapsed_ms: number;
  position?: number;
  error?: { message: string };
}

const step = 50;

/** Reports lists what I asked in the last hour, and how it stands now. */
export default function Reports() {
  const [reports, setReports] = useState<Report[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [shown, setShown] = useState(step);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const load = async () => {
      timer = 0;
      try {
        const answer = await get<{ reports: Report[] }>("/api/v1/reports?limit=1000");
        if (!gone) { setReports(answer.reports ?? []); setError(null); }
      } catch (err) {
        if (!gone) setError(err);
      }
    };
    // The line tells of each change; the list is fetched at most every half second.
    const operation = line.reports(() => { if (timer === 0) timer = window.setTimeout(() => void load(), 500); });
    void load();
    return () => { gone = true; clearTimeout(timer); operation.cancel(); };
  }, []);
  return (
    <div class="screen">
      <div class="screen-head">
        <h1>Reports</h1>
        <p>What you asked, and how it stands. Reports are kept for a while (an hour, unless the operator says otherwise).</p>
      </div>
      {error !== null && <Fault error={error} />}
      {reports?.length === 0 && <Empty icon="reports" title="No reports yet"><p>Ask something, and it is here while it is kept.</p></Empty>}
      {reports !== null && reports.length > 0 && (
        <div class="panel">
          <table class="list reports">
            <thead><tr><th>State</th><th>Query</th><th class="number">Rows</th><th class="number">Time</th><th>Asked</th><th><span class="unseen">Actions</span></th></tr></thead>
            <tbody>{reports.slice(0, shown).map((r) => <Line report={r} key={r.id} />)}</tbody>
          </table>
        </div>
      )}
      {reports !== null && reports.length > shown && <div><Button onClick={() => setShown(shown + step)}>Show more of {count(reports.length)}</Button></div>}
    </div>
  );
}

function Line({ report: r }: { report: Report }) {
  const going = r.status === "wait" || r.status === "processing" || r.status === "invalid";
  const state = r.status === "ready" ? "done" : r.status === "processing" ? "running" : r.status === "wait" ? "waiting" : r.status;
  const cancel = () => del(`/api/v1/reports/${encodeURIComponent(r.id)}`).catch((err: unknown) => tell(textOf(err), "fault"));
  return (
    <tr>
      <td class="tight"><Badge tone={r.status}>{going && <span class="spinner" aria-hidden="true" />}{state}{r.position && r.position > 1 ? ` (${r.position})` : ""}</Badge></td>
      <td class="query"><a href={askAddress(r.canonical, { report: r.id })}><code>{r.canonical}</code></a>{r.error && <p class="field-error">{r.error.message}</p>}</td>
      <td class="number tight" data-label="Rows">{count(r.rows)}</td>
      <td class="number tight" data-label="Time">{going ? "" : took(r.elapsed_ms)}</td>
      <td class="tight" data-label="Asked"><time dateTime={r.created} title={r.created}>{ago(r.created)}</time></td>
      <td class="tight"><span class="actions">{going && <Button kind="quiet" icon="stop" onClick={cancel}>Cancel</Button>}<Copy text={r.canonical} label="Copy the query" /></span></td>
    </tr>
  );
}
