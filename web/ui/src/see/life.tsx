import { useEffect, useState } from "preact/hooks";
import { line } from "../lib/socket";
import { count, plural, took } from "../lib/text";
import type { Result } from "../model/result";
import { Badge } from "../ui/parts";

const words = { sent: "Sent", wait: "Waiting", processing: "Running", ready: "Done", failed: "Failed", cancelled: "Cancelled" };

/** Life says how a result stands: state, rows, time. */
export function Life({ result }: { result: Result }) {
  const [, tick] = useState(0);
  const state = result.state.value;
  const ended = result.ended;
  useEffect(() => {
    if (ended) return;
    const timer = setInterval(() => tick((n) => n + 1), 200);
    return () => clearInterval(timer);
  }, [result, ended]);
  const held = result.held.value;
  const made = Math.max(result.made.value, held);
  const lost = line.lost.value > 0 && !ended;
  const tone = lost ? "warn" : result.paused.value ? "warn" : state;
  const word = lost ? "Reconnecting" : result.paused.value ? "Paused" : words[state];
  const queue = state === "wait" && result.position.value > 1 ? ` (${count(result.position.value)} in the queue)` : "";
  const ms = ended ? result.elapsed.value : Date.now() - result.started;
  return (
    <div class="life" data-state={lost ? "lost" : state} aria-label="State of the query" role="group">
      <Badge tone={tone}>{!ended && !lost && !result.paused.value && <span class="spinner" aria-hidden="true" />}{word}{queue}</Badge>
      {state !== "failed" && <span><strong>{plural(made, "row")}</strong>{ended ? "" : " so far"}</span>}
      {result.scanned.value > made && <span>{count(result.scanned.value)} read</span>}
      <span>{took(ms)}</span>
      <span class="unseen" role="status" aria-live="polite">{ended ? `${words[state]}, ${plural(made, "row")}` : word}</span>
    </div>
  );
}
