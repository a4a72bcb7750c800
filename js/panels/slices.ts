import { element, setAttributes, setText } from "../dom.js";
import { keepKeys, listen } from "../listen.js";
import type { Source } from "../source.js";
import { readable, type State, type ViewerStore, WANTED } from "../state.js";

/** Which slice in depth is shown; only where there are more than one. */
export function slicesPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const slider = element("input.slider", {
    type: "range",
    min: 1,
    title: "Slice in depth (keys [ and ])",
  });
  const where = element("output.slice");
  const field = element("label.field.depth", element("span", "Depth"), slider, where);

  function show(state: Readonly<State>): void {
    // While the next frame comes, the slider stays: it would only flicker.
    const { at, depth } = state.scene?.slice ?? { at: 0, depth: 1 };
    const text = `${at + 1} of ${depth}`;
    field.hidden = depth <= 1;
    slider.disabled = !readable(state);
    slider.max = String(depth);
    slider.value = String(at + 1);
    setAttributes(slider, { "aria-valuetext": text });
    setText(where, text);
  }

  listen(slider, "input", () => source.choose({ slice: Number(slider.value) - 1 }), signal);
  // Arrows are the slider's, not the notebook's.
  keepKeys(slider, signal);
  store.later([...WANTED, "scene"], show, signal);
  return field;
}
