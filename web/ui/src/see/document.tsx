// What is not a table: one number, a plan, a summary.
import { askAddress } from "../lib/router";
import { bare, count, word } from "../lib/text";
import { Copy } from "../ui/parts";
import type { ViewProps } from "./views";

/** Document shows a result of few rows as one reads it. */
export default function Document({ result }: ViewProps) {
  if (result.held.value === 0) return null;
  const rows = result.rows;
  return (
    <div class="document" tabIndex={0} role="region" aria-label="Result as text">
      {result.kind.value === "count" && <p class="big">{count(Number(rows[0]!.count))}</p>}
      {result.kind.value === "explain" && rows.map((row) => <Part title={String(row.part)} text={String(row.text)} />)}
      {result.kind.value === "summary" && <Summary values={(rows[0]!.summary ?? {}) as Record<string, unknown[]>} />}
    </div>
  );
}

function Part({ title, text }: { title: string; text: string }) {
  return (
    <section>
      <div class="document-head"><h3>{title}</h3><Copy text={text} label={`Copy ${title}`} /></div>
      <pre tabIndex={0}>{text}</pre>
    </section>
  );
}

const most = 200; // values of a sub-type that are shown; a file has all

function Summary({ values }: { values: Record<string, unknown[]> }) {
  return (
    <>
      {Object.entries(values).map(([subType, list]) => (
        <section>
          <h3>{subType} <span class="soft">{count(list.length)}</span></h3>
          <ul class="values">
            {list.slice(0, most).map((v) => (
              <li>{typeof v === "object" ? JSON.stringify(v) : <a class="mono" href={askAddress(`${word(subType)} ${bare(v)} | events`)}>{String(v)}</a>}</li>
            ))}
          </ul>
          {list.length > most && <p class="soft">and {count(list.length - most)} more, in the exported file</p>}
        </section>
      ))}
    </>
  );
}
