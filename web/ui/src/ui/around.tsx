// What lies around an instance, counted by the server before one asks for it.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../lib/http";
import { Busy, Fault } from "./parts";

/** Neighbours are instances of one kind next to another; `tdql` is the query for them. */
export interface Neighbours {
  kind: string;
  sub_type?: string;
  count: number;
  exact: boolean;
  tdql: string;
}

/** Around lists the neighbours of an instance, each as the caller draws it. */
export function Around({ hash, class: name, item }: { hash: string; class: string; item: (n: Neighbours) => ComponentChildren }) {
  const [list, setList] = useState<Neighbours[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const gone = new AbortController();
    get<{ neighbours: Neighbours[] }>(`/api/v1/instances/${hash}/neighbours`, { signal: gone.signal }).then(
      (answer) => setList(answer.neighbours ?? []),
      (err: unknown) => { if (!gone.signal.aborted) setError(err); },
    );
    return () => gone.abort();
  }, [hash]);
  return (
    <section>
      <h3>Around it</h3>
      {error !== null && <Fault error={error} />}
      {list === null && error === null && <Busy label="Counting" />}
      {list?.length === 0 && <p class="soft">Nothing that you may read.</p>}
      <ul class={name}>{list?.map(item)}</ul>
    </section>
  );
}
