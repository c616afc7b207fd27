// faults.js shows what is wrong with a query: the message, the line with carets under the span, and the hint.
import { make } from "./dom.js";

// showFaults fills box with one entry per fault. text is the query that was sent; goto(start, end) selects a span in the editor.
export function showFaults(box, problem, text, goto) {
  const faults = problem.errors ?? [];
  const entries = faults.map((fault) => entry(fault, text, goto));
  if (entries.length === 0) {
    entries.push(make("div", { className: "fault" }, make("p", { className: "what" }, problem.message ?? problem.detail ?? "The query failed.")));
  }
  box.replaceChildren(...entries);
  box.hidden = false;
}

function entry(fault, text, goto) {
  const what = make("p", { className: "what" }, fault.message);
  const box = make("div", { className: "fault" }, what);
  const span = spanOf(fault, text);
  if (span) {
    what.append(" ", make("span", { className: "where" }, `line ${fault.line}, column ${fault.column}`), button(span, goto));
    box.append(carets(span));
  }
  if (fault.hint) box.append(make("p", {}, fault.hint));
  return box;
}

function button(span, goto) {
  const b = make("button", { type: "button", className: "goto" }, "Select");
  b.addEventListener("click", () => goto(span.start, span.end));
  return b;
}

// spanOf places a fault in the text. Lines and columns count from 1, columns and lengths in characters, not UTF-16 units.
function spanOf(fault, text) {
  const lines = text.split("\n");
  if (!fault.line || fault.line > lines.length) return null;
  const characters = Array.from(lines[fault.line - 1]);
  const from = Math.min(Math.max(fault.column - 1, 0), characters.length);
  const to = Math.min(from + Math.max(fault.length, 1), characters.length);
  const before = characters.slice(0, from).join("");
  const marked = characters.slice(from, to).join("");
  const start = lines.slice(0, fault.line - 1).reduce((n, line) => n + line.length + 1, 0) + before.length;
  return { before, marked, after: characters.slice(to).join(""), width: Math.max(to - from, 1), start, end: start + marked.length };
}

// carets prints the line and, below it, carets. Tabs stay tabs in the padding so that both lines keep step.
function carets(span) {
  const padding = span.before.replace(/[^\t]/gu, " ");
  return make("pre", {},
    span.before, make("mark", {}, span.marked), span.after, "\n",
    padding, make("mark", { ariaHidden: "true" }, "^".repeat(span.width)));
}
