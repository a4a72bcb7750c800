import { badgesOf } from "../badges.js";
import { FAMILIES, SAFE } from "../colormaps.js";
import { blockText, callText, layerText, tileWord } from "../describe.js";
import { element, setText } from "../dom.js";
import { FEATURE_MAPS, FILTERS, type View } from "../frame.js";
import type { Actions } from "../keys.js";
import { listen } from "../listen.js";
import type { Source } from "../source.js";
import { bestOf, currentLayer, hiddenCount, isHeld, isWanted, type ViewerStore } from "../state.js";
import { type Colormap, SCALES, type Scale, SORTS, type Sort } from "../wire.js";
import { badgeElements } from "./badge.js";
import { displayPanel } from "./display.js";
import { menu, options } from "./menu.js";
import { slicesPanel } from "./slices.js";
import { createStepper } from "./stepper.js";
import { toolsPanel } from "./tools.js";

const VIEWS: readonly (readonly [View, string])[] = [
  [FEATURE_MAPS, "Feature maps"],
  [FILTERS, "Filters"],
];
const SCALE_NAMES: Record<Scale, string> = {
  channel: "each its own",
  layer: "whole layer",
  symmetric: "about zero",
  limits: "typed limits",
};
const SORT_NAMES: Record<Sort, string> = {
  index: "channel",
  mean: "mean",
  max: "maximum",
  std: "deviation",
  zeros: "zeros",
  norm: "norm",
  similarity: "similarity",
};

/** Characters that the badges of the headline may have. */
const ROOM = 22;

/** What is shown and how: the layer's headline, which call and image, and how values become colors. */
export function toolbarPanel(
  store: ViewerStore,
  source: Source,
  actions: Actions,
  signal: AbortSignal,
): HTMLElement {
  const name = element("h2", { class: "cnnvis-title" });
  const badges = element("span", { class: "cnnvis-badges" });
  const facts = element("p", { class: "cnnvis-summary" });
  const amount = element("span", { class: "cnnvis-amount" });
  const averaged = element("span", { class: "cnnvis-badge" });
  const views = VIEWS.map(([view, label]) => {
    const button = element("button", { type: "button", class: "cnnvis-segment" }, label);
    listen(button, "click", () => source.choose({ view }), signal);
    return { view, button };
  });
  const colormap = menu<Colormap>("Colors", [], {}, (value) => source.choose({ colormap: value }), signal);
  colormap.select.append(
    ...options(["auto"], {}),
    ...FAMILIES.map(([label, maps]) => {
      const names = Object.fromEntries(maps.map((name) => [name, `${name}${SAFE.has(name) ? " ◐" : ""}`]));
      return element("optgroup", { label }, ...options(maps, names));
    }),
  );
  colormap.select.title = "Maps marked ◐ are also read by who does not tell red from green";
  const scale = menu("Range", SCALES, SCALE_NAMES, (value: Scale) => source.choose({ scale: value }), signal);
  const sort = menu("Sort", SORTS, SORT_NAMES, (value: Sort) => source.choose({ sort: value }), signal);

  const calls = createStepper("call", (call) => source.choose({ call }), signal);
  const images = createStepper("image", (batchIndex) => source.choose({ batchIndex }), signal);

  function showLayer(): void {
    const { metadata, layer: wanted } = store.state;
    const layer = currentLayer(store.state);
    setText(name, wanted);
    name.title = wanted;
    badges.replaceChildren(...badgeElements(badgesOf(metadata.notesOf.get(wanted) ?? [], layer), ROOM));
    showFacts();
  }

  function showFacts(): void {
    const layer = currentLayer(store.state);
    setText(facts, layer === null ? "" : layerText(layer, store.state.call));
    facts.title = facts.textContent ?? "";
  }

  /** Filters are the same in every call and for every image: there is nothing to pick then. */
  function showSteppers(): void {
    const { state } = store;
    const layer = currentLayer(state);
    const maps = state.view === FEATURE_MAPS;
    if (maps && layer !== null && layer.calls > 1) {
      const labels = Array.from({ length: layer.calls }, (_, call) => callText(layer, call));
      calls.show(state.call, labels, (call) => isHeld(source, state, state.batchIndex, call));
    } else calls.hide();
    const count = state.metadata.input.images;
    const held = Array.from({ length: count }, (_, image) => isHeld(source, state, image));
    if (maps && held.filter(Boolean).length > 1) {
      const word = state.picture === "" ? "item" : "image";
      images.show(
        state.batchIndex,
        held.map((_, image) => `${word} ${image + 1} of ${count}`),
        (image) => held[image],
      );
    } else images.hide();
  }

  function showChoices(): void {
    const { state } = store;
    for (const { view, button } of views) button.setAttribute("aria-pressed", String(view === state.view));
    colormap.select.value = state.colormap;
    scale.select.value = state.scale;
    sort.select.value = state.sort;
    const inColor = state.scene?.arrangement === "color" && isWanted(state.scene.frame, state);
    colormap.select.disabled = inColor;
    showSorts();
    colormap.field.title = inColor ? "Filters over red, green and blue are shown in these colors." : "";
  }

  /** The words of the sorts that need them: a similarity is to something. */
  function showSorts(): void {
    const { channels, view } = store.state;
    const [first] = channels;
    const option = sort.select.querySelector<HTMLOptionElement>("option[value=similarity]");
    const to = first === undefined ? "pick one first" : `to ${tileWord(view)} ${first}`;
    if (option !== null) setText(option, `similarity (${to})`);
  }

  function showFrame(): void {
    const { state } = store;
    const { frame, scene, hover } = state;
    const shown = frame !== null && isWanted(frame, state);
    const hidden = shown ? hiddenCount(frame, state) : 0;
    // No longer than it was: a bar that wraps anew would move the picture.
    setText(amount, shown ? `${frame.tiles - hidden} of ${frame.shape.tiles}` : "");
    amount.title = shown
      ? `${frame.tiles - hidden} of ${frame.shape.tiles} ${tileWord(frame.view)}s are shown, ${hidden} are hidden`
      : "";
    const detailed =
      shown &&
      scene !== null &&
      hover !== null &&
      bestOf(state, frame, scene.order[hover.position]).frame.factor === 1;
    setText(averaged, shown && frame.factor > 1 ? `averaged ${blockText(frame)}` : "");
    averaged.style.visibility = detailed ? "hidden" : "";
  }

  store.later(["metadata", "layer"], showLayer, signal);
  store.later(["call"], showFacts, signal);
  store.on(["metadata", "layer", "view", "call", "batchIndex", "picture"], showSteppers, signal);
  store.on(
    ["view", "colormap", "scale", "sort", "scene", "layer", "call", "batchIndex", "channels", "pinned"],
    showChoices,
    signal,
  );
  store.later(
    ["frame", "layer", "view", "call", "batchIndex", "metadata", "hover", "details", "scene"],
    showFrame,
    signal,
  );
  showLayer();
  showSteppers();
  showChoices();
  showFrame();

  return element(
    "header",
    { class: "cnnvis-head" },
    element("div", { class: "cnnvis-headline" }, name, badges, facts),
    toolsPanel(store, actions, signal),
    element(
      "div",
      { class: "cnnvis-bar", role: "toolbar", "aria-label": "View" },
      element(
        "div",
        { class: "cnnvis-segments", role: "group", "aria-label": "What is shown" },
        ...views.map(({ button }) => button),
      ),
      calls.element,
      images.element,
      slicesPanel(store, source, signal),
      colormap.field,
      scale.field,
      sort.field,
      displayPanel(store, source, signal),
      element("div", { class: "cnnvis-status" }, averaged, amount),
    ),
  );
}
