import { element } from "../dom.js";
import type { Source } from "../source.js";
import type { ViewerStore } from "../state.js";
import { inputPanel } from "./input.js";
import { notesPanel } from "./notes.js";
import { numbersPanel } from "./numbers.js";

/** CSS pixels: a narrower view starts with the inspector folded. */
const NARROW = 640;

/** The numbers of the picked channel, what the model saw and said, and what there is to note. */
export function inspectorPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const numbers = numbersPanel(store, signal);
  const input = inputPanel(store, source, signal);
  const notes = notesPanel(store, signal);
  const panel = element("aside.inspector", { "aria-label": "Inspector" }, numbers, input, notes);

  let isPlaced = false;
  store.on(
    ["viewport"],
    () => {
      if (isPlaced || panel.offsetWidth === 0) return;
      isPlaced = true;
      const root = panel.closest<HTMLElement>(".cnnvis");
      if (root && root.clientWidth < NARROW) input.open = notes.open = false;
    },
    signal,
  );
  return panel;
}
