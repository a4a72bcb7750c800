import { kindText, ranked, toneOf } from "../badges.js";
import { element } from "../dom.js";
import { currentLayer, type State, type ViewerStore } from "../state.js";
import type { Layer, Note } from "../wire.js";
import { fold } from "./fold.js";

/** What there is to note of the layer. */
export function notesPanel(store: ViewerStore, signal: AbortSignal): HTMLDetailsElement {
  const { element: panel, body } = fold("Notes");
  const list = element("ul.notes");
  body.append(list);
  const show = (state: Readonly<State>) => {
    const own = ranked(state.notes.get(state.layer));
    list.replaceChildren(...own.map((note) => noteItem(note, currentLayer(state))));
    panel.hidden = own.length === 0;
  };
  store.later(["metadata", "notes", "layer"], show, signal);
  return panel;
}

export function noteItem({ kind, text }: Note, layer: Layer | null): HTMLElement {
  const word = element("span.kind", { "data-tone": toneOf(kind) }, kindText(kind, layer));
  return element("li", word, " ", text);
}
