import { spanOf } from "../../editor/mark";
import type { Fault } from "../../lib/problem";
import { Button } from "../../ui/parts";

/** Faults tells what is wrong with a query: the line, carets under the place, and a hint. */
export function Faults({ faults, text, select }: { faults: Fault[]; text: string; select: (from: number, to: number) => void }) {
  return (
    <div class="faults" role="alert">
      {faults.map((fault) => {
        const span = spanOf(fault, text);
        return (
          <div class="note fault">
            <div>
              <strong>{fault.message}</strong>
              {span && <> <span class="where">line {fault.line}, column {fault.column}</span> <Button kind="quiet" onClick={() => select(span.from, span.to)}>Show</Button></>}
              {span && <Carets fault={fault} text={text} />}
              {fault.hint && <p>{fault.hint}</p>}
            </div>
          </div>
        );
      })}
    </div>
  );
}

// Tabs stay tabs before the carets, so that both lines keep step.
function Carets({ fault, text }: { fault: Fault; text: string }) {
  const characters = Array.from(text.split("\n")[fault.line! - 1] ?? "");
  const from = Math.min(fault.column! - 1, characters.length);
  const to = Math.min(from + Math.max(fault.length ?? 1, 1), characters.length);
  const before = characters.slice(0, from).join("");
  return (
    <pre tabIndex={0}>
      {before}<mark>{characters.slice(from, to).join("")}</mark>{characters.slice(to).join("")}{"\n"}
      {before.replace(/[^\t]/gu, " ")}<mark aria-hidden="true">{"^".repeat(Math.max(to - from, 1))}</mark>
    </pre>
  );
}
