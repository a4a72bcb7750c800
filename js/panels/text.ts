import { button, element, focusOn } from "../dom.js";
import { saveText } from "../files.js";
import type { ViewerStore } from "../state.js";
import { sheetPanel } from "./sheet.js";

/** Text to be copied by hand, selected: for pages that may not use the clipboard, nor save files. */
export function textPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const text = element("textarea.text", { readonly: true, "aria-label": "Values", rows: 12 });
  const save = button("button", "Save as a file", () => saveText(store.state.text, "values.txt"), signal);
  const panel = sheetPanel(
    store,
    "text",
    "Copy by hand",
    signal,
    element("p", "This page may not use the clipboard. The text is selected: copy it with Ctrl or ⌘ and C."),
    text,
    save,
  );
  store.on(
    ["sheet", "text"],
    (state) => {
      const isOpen = state.sheet === "text";
      text.value = isOpen ? state.text : "";
      if (!isOpen) return;
      focusOn(text);
      text.select();
    },
    signal,
  );
  return panel;
}
