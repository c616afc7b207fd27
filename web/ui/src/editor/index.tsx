// The editor for queries. It lives in a shadow root: there its styles are sheets that a script adopts, which the server's policy
// allows, while outside they would be inline.
import { acceptCompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { lintKeymap, nextDiagnostic } from "@codemirror/lint";
import { EditorState, Prec, Transaction } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { effect, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { replacing } from "./replace";
import { theme } from "./theme";
import { tdql } from "./tdql";

export interface EditorProps {
  /** text is what the editor holds, in both directions. */
  text: Signal<string>;
  run: () => void;
  label: string;
  hint: string;
  /** handle gets what the editor can do, once it is there. */
  handle?: (editor: Handle | null) => void;
}

export interface Handle {
  focus: () => void;
  select: (from: number, to: number) => void;
  insert: (text: string) => void;
}

export default function Editor(props: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const now = useRef(props);
  now.current = props;
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open", delegatesFocus: true });
    const editor = new EditorView({ root, parent: root, state: stateOf(() => now.current) });
    // Signals tell at once, so what comes here while one types is always of somebody else's making.
    const off = effect(() => {
      const text = props.text.value;
      if (editor.state.doc.toString() === text) return;
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text }, selection: { anchor: text.length }, annotations: Transaction.addToHistory.of(true) });
    });
    props.handle?.({
      focus: () => editor.focus(),
      select: (from, to) => {
        const end = editor.state.doc.length;
        editor.dispatch({ selection: { anchor: Math.min(from, end), head: Math.min(to, end) }, scrollIntoView: true });
        editor.focus();
      },
      insert: (text) => {
        editor.dispatch(editor.state.replaceSelection(text));
        editor.focus();
      },
    });
    return () => {
      off();
      props.handle?.(null);
      editor.destroy();
    };
  }, []);
  return <div ref={host} class="editor" data-editor />;
}

function stateOf(props: () => EditorProps): EditorState {
  const { text, label, hint } = props();
  return EditorState.create({
    doc: text.peek(),
    extensions: [
      Prec.highest(keymap.of([
        { key: "Mod-Enter", run: () => { props().run(); return true; } },
        { key: "Tab", run: (editor) => completionStatus(editor.state) === "active" && acceptCompletion(editor) },
        { key: "F8", run: nextDiagnostic },
      ])),
      keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
      history(),
      drawSelection(),
      bracketMatching(),
      closeBrackets(),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off", autocorrect: "off" }),
      placeholder(hint),
      EditorView.updateListener.of((update) => { if (update.docChanged) props().text.value = update.state.doc.toString(); }),
      replacing,
      theme,
      tdql(),
    ],
  });
}
