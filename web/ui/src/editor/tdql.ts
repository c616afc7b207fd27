// TDQL for the editor: colours from a small tokenizer; completion and faults from the server's own engine.
import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { HighlightStyle, LanguageSupport, StreamLanguage, syntaxHighlighting, type StringStream } from "@codemirror/language";
import { linter, type Diagnostic } from "@codemirror/lint";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { post } from "../lib/http";
import { Problem, type Fault } from "../lib/problem";
import { keywords } from "../lib/text";
import { paramsOf, values } from "../model/desk";
import { at } from "./engine";
import { help } from "./help";
import { spanOf, unitsOf } from "./mark";

const word = /[^\s,()|"'`=!<>~$]+/;

function token(stream: StringStream): string | null {
  if (stream.eatSpace()) return null;
  const atStart = stream.pos === 0 || /\s/.test(stream.string[stream.pos - 1] ?? "");
  if (atStart && stream.match("--")) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'[^']*'?/)) return "string";
  if (stream.match(/^`[^`]*`?/)) return "propertyName";
  if (stream.match(/^\$[A-Za-z_]\w*/)) return "variableName";
  if (stream.match(/^[|]/)) return "controlOperator";
  if (stream.match(/^(!=|<=|>=|[=<>~])/)) {
    if (stream.string[stream.pos - 1] === "~") stream.match(/^\s*\/(?:[^/\\]|\\.)*\/i?/);
    return "operator";
  }
  if (stream.match(/^[(),]/)) return "punctuation";
  const match = stream.match(word) as RegExpMatchArray | null;
  if (!match) {
    stream.next();
    return null;
  }
  const text = match[0].toLowerCase();
  if (keywords.has(text)) return "keyword";
  return /^-?\d+(\.\d+)?([smhdwMY])?$/.test(match[0]) ? "number" : null;
}

const language = StreamLanguage.define({
  name: "tdql",
  token,
  languageData: { commentTokens: { line: "--" }, closeBrackets: { brackets: ["(", '"', "'", "`"] } },
  tokenTable: { controlOperator: tags.controlOperator, propertyName: tags.propertyName },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--keyword)", fontWeight: "600" },
  { tag: tags.string, color: "var(--string)" },
  { tag: tags.number, color: "var(--number)" },
  { tag: tags.variableName, color: "var(--session)" },
  { tag: tags.propertyName, color: "var(--attribute)" },
  { tag: tags.comment, color: "var(--comment)", fontStyle: "italic" },
  { tag: tags.controlOperator, color: "var(--accent)", fontWeight: "700" },
]);

const kinds: Record<string, string> = { keyword: "keyword", operator: "operator", field: "property", sub_type: "type", value: "text", duration: "constant", time: "constant", zone: "constant", number: "constant" };

async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const before = text.slice(Math.max(0, context.pos - 1), context.pos);
  if (!context.explicit && !/[\w|.(,=:'"`-]/.test(before) && !/\s/.test(before)) return null;
  try {
    const list = (await at(text, context.pos)).candidates;
    if (list.length === 0 || (!context.explicit && /\s/.test(before) && list.length > 40)) return null;
    const from = unitsOf(text, list[0]!.start);
    const whole = text.slice(from, context.pos);
    if (!context.explicit && list.length === 1 && list[0]!.text === whole) return null;
    const options: Completion[] = list.map((c, i) => ({ label: c.text, type: kinds[c.kind] ?? "text", detail: c.detail ?? (c.kind === "sub_type" ? "" : c.kind), boost: -i }));
    return { from, to: context.pos, options, filter: false };
  } catch {
    return null; // to offer nothing is better than to disturb
  }
}

const known = (fault: Fault) => fault.hint ? `${fault.message}\n${fault.hint}` : fault.message;

async function check(view: EditorView): Promise<Diagnostic[]> {
  const text = view.state.doc.toString();
  if (text.trim() === "") return [];
  const mark = (severity: Diagnostic["severity"]) => (fault: Fault): Diagnostic[] => {
    const span = spanOf(fault, text);
    return span ? [{ ...span, severity, message: known(fault) }] : [];
  };
  try {
    const answer = await post<{ warnings?: Fault[] }>("/api/v1/tdql/check", { tdql: text, params: paramsOf(text, values.peek()) });
    return (answer.warnings ?? []).flatMap(mark("warning"));
  } catch (err) {
    return err instanceof Problem ? err.faults.flatMap(mark("error")) : [];
  }
}

/** tdql makes the editor know TDQL. */
export function tdql(): Extension {
  return [
    new LanguageSupport(language),
    syntaxHighlighting(colours),
    autocompletion({ override: [complete], activateOnTypingDelay: 120, maxRenderedOptions: 50, icons: false, aboveCursor: false }),
    linter(check, { delay: 350 }),
    help,
  ];
}
