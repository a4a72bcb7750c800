import { element, setText } from "../dom.js";
import { listen } from "../listen.js";
import type { Source } from "../source.js";
import { isWanted, type ViewerStore } from "../state.js";

/** Which slice in depth is shown; only where there are more than one. */
export function slicesPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const slider = element("input", {
    type: "range",
    class: "cnnvis-slider",
    min: 1,
    step: 1,
    title: "Slice in depth (keys [ and ])",
  });
  const where = element("output", { class: "cnnvis-slice" });
  const field = element(
    "label",
    { class: "cnnvis-field cnnvis-depth" },
    element("span", {}, "Depth"),
    slider,
    where,
  );

  function show(): void {
    const { state } = store;
    const { scene } = state;
    const shown = scene !== null && isWanted(scene.frame, state) && scene.slice.depth > 1;
    // While the next frame comes, the slider stays: it would only flicker.
    field.hidden = scene === null || scene.slice.depth <= 1;
    slider.disabled = !shown;
    if (scene === null) return;
    const { at, depth } = scene.slice;
    slider.max = String(depth);
    slider.value = String(at + 1);
    slider.setAttribute("aria-valuetext", `${at + 1} of ${depth}`);
    setText(where, `${at + 1} of ${depth}`);
  }

  listen(slider, "input", () => source.choose({ slice: Number(slider.value) - 1 }), signal);
  // Arrows are the slider's, not the notebook's.
  listen(slider, "keydown", (event) => event.stopPropagation(), signal);
  store.later(["scene", "layer", "view", "metadata"], show, signal);
  show();
  return field;
}
