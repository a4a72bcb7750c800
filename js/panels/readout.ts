import { placeText, tileWord, valueText } from "../describe.js";
import { element, setText } from "../dom.js";
import { currentLayer, readable, type State, type ViewerStore, WANTED } from "../state.js";

/** The value under the pointer, in a line that is always there. */
export function readoutPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const place = element("span.place");
  const value = element("span.value");

  function show(state: Readonly<State>): void {
    const { hover } = state;
    const scene = readable(state);
    const isPointed = scene && hover;
    setText(place, isPointed ? placeText(scene, currentLayer(state), hover) : scene ? idleText(state) : "");
    setText(value, isPointed ? valueText(state, scene, hover) : "");
  }

  store.later([...WANTED, "scene", "hover", "details", "exact", "channels"], show, signal);
  return element("div.readout", place, value);
}

function idleText({ view, channels }: Readonly<State>): string {
  const word = tileWord(view);
  if (channels.length === 0)
    return `Point at a value to read it · click picks a ${word} · Ctrl + wheel zooms`;
  const some = channels.slice(0, 6).join(", ");
  return `Picked: ${word} ${some}${channels.length > 6 ? ` and ${channels.length - 6} more` : ""}`;
}
