// What is shown of the drawing, and the steps that led to it.
import type { TargetedEvent } from "preact";
import { useMemo, useState } from "preact/hooks";
import { askAddress } from "../lib/router";
import { count, when } from "../lib/text";
import { Button, Copy, Field } from "../ui/parts";
import type { Board } from "./board";
import { all, typeOf, type Filter } from "./filter";

/** Filters narrows what is shown by type, time and number of edges. */
export function Filters({ board }: { board: Board }) {
  const d = board.drawing.value;
  const f = board.filter.value;
  const types = useMemo(() => {
    const counts = new Map<string, number>();
    for (const i of d.nodes.values()) counts.set(typeOf(i), (counts.get(typeOf(i)) ?? 0) + 1);
    return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }, [d.nodes]);
  const set = (change: Partial<Filter>) => { board.filter.value = { ...f, ...change }; };
  const turn = (type: string, on: boolean) => {
    const without = new Set(f.without);
    if (on) without.delete(type);
    else without.add(type);
    set({ without });
  };
  const number = (event: TargetedEvent<HTMLInputElement>) => (event.currentTarget.value === "" ? null : Number(event.currentTarget.value));
  return (
    <div class="graph-filters">
      <fieldset>
        <legend>Types</legend>
        {types.map(([type, n]) => (
          <label class="graph-type" key={type}>
            <input type="checkbox" checked={!f.without.has(type)} onChange={(event) => turn(type, event.currentTarget.checked)} />
            <span class={`kind ${type.split(" ")[0]}`}>{type.split(" ").slice(1).join(" ") || type}</span><b>{count(n)}</b>
          </label>
        ))}
      </fieldset>
      <div class="graph-pair">
        <Time label="From (UTC)" name="graph-from" time={f.from} set={(from) => set({ from })} />
        <Time label="To (UTC)" name="graph-to" time={f.to} set={(to) => set({ to })} />
      </div>
      <div class="graph-pair">
        <Field label="Edges, at least">{(a) => <input {...a} type="number" min="0" name="graph-least" value={f.least || ""} onInput={(event) => set({ least: number(event) ?? 0 })} />}</Field>
        <Field label="Edges, at most">{(a) => <input {...a} type="number" min="0" name="graph-most" value={f.most ?? ""} onInput={(event) => set({ most: number(event) })} />}</Field>
      </div>
      <div class="actions">
        <Button kind="quiet" onClick={() => { board.filter.value = all; }}>Show all types, times and degrees</Button>
        {d.hidden.size > 0 && <Button kind="quiet" onClick={() => board.showHidden()}>Show {count(d.hidden.size)} hidden</Button>}
      </div>
    </div>
  );
}

// Time is a field for a time, as 2025-04-12 or 2025-04-12 00:15:16. The browser's own has a clock of its own zone.
function Time({ label, name, time, set }: { label: string; name: string; time: number | null; set: (time: number | null) => void }) {
  const [error, setError] = useState("");
  const read = (text: string) => {
    const ms = text === "" ? null : Date.parse(`${text.length <= 10 ? `${text} 00:00` : text}Z`.replace(" ", "T"));
    setError(Number.isNaN(ms) ? "As in 2025-04-12 00:15" : "");
    if (!Number.isNaN(ms)) set(ms);
  };
  return (
    <Field label={label} error={error}>
      {(a) => <input {...a} name={name} autocomplete="off" spellcheck={false} placeholder="2025-04-12 00:15" value={time === null ? "" : when(time)} onChange={(event) => read(event.currentTarget.value.trim())} />}
    </Field>
  );
}

/** Steps lists what was done, with the queries that it asked, newest first. */
export function Steps({ board }: { board: Board }) {
  return (
    <ol class="graph-steps" reversed>
      {board.past.value.toReversed().map(({ step }) => (
        <li>
          <strong>{step.label}</strong>
          {step.queries.map((tdql) => <div class="graph-query"><a href={askAddress(tdql)} title={tdql}><code>{tdql}</code></a><Copy text={tdql} label="Copy the query" /></div>)}
        </li>
      ))}
    </ol>
  );
}
