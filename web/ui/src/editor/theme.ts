import { EditorView } from "@codemirror/view";

/** theme is the editor's look. Its colours are the page's variables, which reach into the shadow root, so it needs no dark twin. */
export const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "13.5px", borderRadius: "var(--radius)", border: "1px solid var(--line-strong)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "0", borderColor: "var(--accent)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", maxHeight: "34vh", overflow: "auto" },
  ".cm-content": { padding: "8px 0", minHeight: "60px", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 12px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--soft)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--chosen)", outline: "1px solid var(--line-strong)" },
  ".cm-lintRange": { backgroundImage: "none", paddingBottom: "1px" },
  ".cm-lintRange-error": { textDecoration: "underline wavy var(--fault) 1.5px", textUnderlineOffset: "3px", backgroundColor: "var(--fault-ground)" },
  ".cm-lintRange-warning": { textDecoration: "underline wavy var(--warn) 1.5px", textUnderlineOffset: "3px" },
  ".cm-lintPoint::after": { borderBottomColor: "var(--fault)" },
  ".cm-tooltip": { border: "1px solid var(--line)", borderRadius: "8px", backgroundColor: "var(--raised)", color: "var(--ink)", boxShadow: "var(--shadow)", overflow: "hidden", zIndex: "40" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px", maxHeight: "264px", padding: "4px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", borderRadius: "4px", lineHeight: "1.5" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--chosen)", color: "var(--ink)" },
  ".cm-completionDetail": { fontStyle: "normal", fontFamily: "var(--sans)", fontSize: "11.5px", color: "var(--soft)", marginLeft: "12px" },
  ".cm-tooltip-lint": { fontFamily: "var(--sans)" },
  ".cm-diagnostic": { padding: "6px 12px", whiteSpace: "pre-line", fontFamily: "var(--sans)", fontSize: "13px", maxWidth: "60ch" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--fault)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  "@media (max-width: 720px)": { "&": { fontSize: "16px" } },
});
