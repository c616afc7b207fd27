import { useEffect, useState } from "preact/hooks";
import { post } from "../../lib/http";
import { textOf } from "../../lib/problem";
import { askAddress } from "../../lib/router";
import { plural } from "../../lib/text";
import { Copy, Dialog } from "../../ui/parts";

interface Candidate {
  sub_type: string;
  value: string;
  tdql: string;
}

interface Found {
  candidates: Candidate[];
  together: Candidate[];
}

const patience = 200; // ms without a key

/** Indicator turns what one pastes, defanged or not, into queries. */
export function Indicator({ chosen, focus = false }: { chosen?: () => void; focus?: boolean }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<Found | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    setError("");
    if (text.trim() === "") return setFound(null);
    let gone = false;
    const timer = setTimeout(() => {
      post<Found>("/api/v1/tdql/indicator", { text }).then(
        (answer) => { if (!gone) setFound(answer); },
        (err: unknown) => { if (!gone) setError(textOf(err)); },
      );
    }, patience);
    return () => { gone = true; clearTimeout(timer); };
  }, [text]);
  return (
    <div class="indicator">
      <textarea class="mono" rows={2} autofocus={focus} aria-label="Paste an indicator" placeholder="Paste addresses, URLs, domains, hashes: 1.2.3[.]4, hxxp://evil[.]com/a, …" spellcheck={false}
        value={text} onInput={(event) => setText(event.currentTarget.value)} />
      {error && <p class="field-error" role="alert">{error}</p>}
      {found && (
        <div role="status" aria-live="polite">
          <p class="unseen">{plural(found.candidates.length, "reading")}</p>
          <ul class="picks">
            {[...found.together.map((c) => ({ ...c, all: true })), ...found.candidates.map((c) => ({ ...c, all: false }))].map((c) => (
              <li key={c.tdql}>
                <a class="pick" href={askAddress(`${c.tdql} | events`)} onClick={chosen}><small>{c.all ? `all ${c.sub_type}` : c.sub_type}</small><code>{c.value}</code></a>
                <a class="button quiet" href={askAddress(`related ${c.tdql}`)} onClick={chosen} hidden={c.sub_type === "cidr"}>Seen with</a>
                <Copy text={c.tdql} label={`Copy the query for ${c.value}`} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

export function IndicatorDialog({ close }: { close: () => void }) {
  return <Dialog title="Paste an indicator" close={close} wide><Indicator chosen={close} focus /></Dialog>;
}
