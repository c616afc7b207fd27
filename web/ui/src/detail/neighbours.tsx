import { useEffect, useState } from "preact/hooks";
import { get } from "../lib/http";
import { askAddress } from "../lib/router";
import { count } from "../lib/text";
import { Busy, Copy, Fault } from "../ui/parts";
import type { SectionProps } from "./sections";

interface Neighbours {
  kind: string;
  sub_type?: string;
  count: number;
  exact: boolean;
  tdql: string;
}

/** Neighbours counts what lies around an instance, before one asks for it. */
export function Neighbours({ instance }: SectionProps) {
  const [list, setList] = useState<Neighbours[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const gone = new AbortController();
    get<{ neighbours: Neighbours[] }>(`/api/v1/instances/${instance.hash}/neighbours`, { signal: gone.signal }).then(
      (answer) => setList(answer.neighbours ?? []),
      (err: unknown) => { if (!gone.signal.aborted) setError(err); },
    );
    return () => gone.abort();
  }, [instance.hash]);
  return (
    <section>
      <h3>Around it</h3>
      {error !== null && <Fault error={error} />}
      {list === null && error === null && <Busy label="Counting" />}
      {list?.length === 0 && <p class="soft">Nothing that you may read.</p>}
      <ul class="around">
        {list?.map((n) => (
          <li key={n.tdql}>
            <a href={askAddress(n.tdql)} title={n.tdql}><span class={`kind ${n.kind}`}>{n.sub_type ?? `${n.kind}s`}</span><b>{count(n.count)}{n.exact ? "" : "+"}</b></a>
            <Copy text={n.tdql} label={`Copy the query: ${n.kind} ${n.sub_type ?? ""}`} />
          </li>
        ))}
      </ul>
    </section>
  );
}
