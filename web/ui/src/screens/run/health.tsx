// How each part of the platform does, for superusers.
import { Badge } from "../../ui/parts";
import { Coded, Head, Shown, useGet } from "./parts";

interface Part {
  name: string;
  state: string;
  detail: string;
  advice?: string;
}

const tones: Record<string, string> = { ok: "ok", warning: "warn", down: "fault" };
const words: Record<string, string> = { ok: "All is well.", warning: "It works, and somebody should look.", down: "A part is down." };

/** Health shows the parts and what to do about them, anew every ten seconds. */
export function Health() {
  const health = useGet<{ state: string; parts: Part[] }>("/api/v1/health", 10);
  return (
    <Shown of={health}>{({ state, parts }) => (
      <>
        <Head about={words[state] ?? state} />
        <ul class="panel run-health">
          {parts.map((p) => (
            <li key={p.name}>
              <strong>{p.name}</strong>
              <Badge tone={tones[p.state]}>{p.state}</Badge>
              <div>{p.detail}{p.advice && <p class="soft"><Coded text={p.advice} /></p>}</div>
            </li>
          ))}
        </ul>
      </>
    )}</Shown>
  );
}
