import { useState } from "preact/hooks";
import type { Result } from "../model/result";
import { readWord, writeWord } from "../model/store";
import { useLoaded } from "../ui/loaded";
import { Button } from "../ui/parts";
import { units, type Unit } from "./buckets";

const load = () => import("./timeline");
const key = "cybexp.timeline";

/** TimelineSlot shows when events happened, above their rows, unless one has closed it. */
export function TimelineSlot({ result }: { result: Result }) {
  const [open, setOpen] = useState(() => readWord(key) !== "closed");
  const byTime = units.includes(result.fields.value[0] as Unit);
  const fits = result.state.value === "ready" && result.held.value > 1 && (result.kind.value === "events" || byTime);
  if (!fits) return null;
  const turn = () => {
    writeWord(key, open ? "closed" : "open");
    setOpen(!open);
  };
  return (
    <div class="timeline-slot">
      <Button kind="quiet" icon={open ? "down" : "right"} aria-expanded={open} onClick={turn}>Timeline</Button>
      {open && <Loaded result={result} />}
    </div>
  );
}

function Loaded({ result }: { result: Result }) {
  const { part: Timeline } = useLoaded(load);
  return <div class="timeline">{Timeline && <Timeline result={result} key={result.report.value} />}</div>;
}
