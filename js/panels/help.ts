import { definitions, element } from "../dom.js";
import type { Chapter } from "../keymap.js";
import type { ViewerStore } from "../state.js";
import { sheetPanel } from "./sheet.js";

/** The sheet of keys. */
export function helpPanel(
  store: ViewerStore,
  chapters: readonly Chapter[],
  signal: AbortSignal,
): HTMLElement {
  const columns = chapters.map(({ title, bindings }) =>
    element("section", element("h3", title), element("dl", ...definitions(bindings))),
  );
  return sheetPanel(
    store,
    "help",
    "Keys",
    signal,
    element("div.keys", ...columns),
    element("p.note", "Keys go to the picture while it has the focus: click it, or Tab to it."),
  );
}
