// Help with what the word at the cursor takes, in a line at the foot of the editor. The line is always there, so that nothing jumps.
import { showPanel, type EditorView, type Panel, type ViewUpdate } from "@codemirror/view";
import { at, type Help } from "./engine";

const patience = 250; // ms without a key
const idle = "Ctrl+Enter runs, Ctrl+Space tells what may stand here";

function panel(view: EditorView): Panel {
  const dom = document.createElement("div");
  dom.className = "cm-help";
  const takes = dom.appendChild(document.createElement("code"));
  const words = dom.appendChild(document.createElement("span"));
  const show = (help: Help | null) => {
    takes.textContent = help?.takes ?? "";
    words.textContent = help?.text ?? idle;
    dom.title = help ? `${help.takes}\n${help.text}\n${help.example}` : "";
  };
  const ask = async () => {
    const text = view.state.doc.toString();
    const place = view.state.selection.main.head;
    const help = text.trim() === "" ? null : await at(text, place).then((answer) => answer.help ?? null, () => null);
    if (view.state.doc.toString() === text && view.state.selection.main.head === place) show(help);
  };
  let timer = 0;
  show(null);
  return {
    dom,
    update(update: ViewUpdate) {
      if (!update.docChanged && !update.selectionSet) return;
      clearTimeout(timer);
      if (view.hasFocus) timer = window.setTimeout(() => void ask(), patience);
    },
    destroy: () => clearTimeout(timer),
  };
}

/** help shows what the word at the cursor takes. */
export const help = showPanel.of(panel);
