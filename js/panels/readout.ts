import { placeText, tileWord, valueText } from "../describe.js";
import { element, setText } from "../dom.js";
import { currentLayer, isWanted, type ViewerStore } from "../state.js";

/** The value under the pointer, in a line that is always there. */
export function readoutPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const place = element("span", { class: "cnnvis-place" });
  const value = element("span", { class: "cnnvis-value" });

  function show(): void {
    const { state } = store;
    const { scene, hover, channels } = state;
    const shown = scene !== null && isWanted(scene.frame, state);
    if (shown && hover !== null) {
      setText(place, placeText(scene, currentLayer(state), hover));
      setText(value, valueText(state, scene, hover));
    } else {
      setText(place, shown ? idleText(state.view, channels) : "");
      setText(value, "");
    }
  }

  store.later(
    ["scene", "hover", "details", "exact", "channels", "layer", "view", "call", "batchIndex", "metadata"],
    show,
    signal,
  );
  show();
  return element("div", { class: "cnnvis-readout" }, place, value);
}

function idleText(view: Parameters<typeof tileWord>[0], channels: readonly number[]): string {
  const word = tileWord(view);
  if (channels.length === 0)
    return `Point at a value to read it · click picks a ${word} · Ctrl + wheel zooms`;
  const some = channels.slice(0, 6).join(", ");
  return `Picked: ${word} ${some}${channels.length > 6 ? ` and ${channels.length - 6} more` : ""}`;
}
