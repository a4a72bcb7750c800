import { badgesOf } from "../badges.js";
import { type Colormap, FAMILIES, SAFE } from "../colormaps.js";
import { blockText, callText, layerText, tileWord, viewWord } from "../describe.js";
import { button, element, group, setAttributes, setText } from "../dom.js";
import { capitalized } from "../format.js";
import { FEATURE_MAPS, FILTERS } from "../frame.js";
import type { Actions } from "../keys.js";
import type { Source } from "../source.js";
import {
  bestOf,
  currentLayer,
  hiddenCount,
  isHeld,
  isWanted,
  readable,
  type State,
  type ViewerStore,
  WANTED,
} from "../state.js";
import { upTo } from "../upto.js";
import { SCALES, type Scale, SORTS, type Sort } from "../wire.js";
import { badgeElements } from "./badge.js";
import { displayPanel } from "./display.js";
import { menu, options } from "./menu.js";
import { slicesPanel } from "./slices.js";
import { createStepper } from "./stepper.js";
import { toolsPanel } from "./tools.js";

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
  const name = element("h2.title");
  const badges = element("span.badges");
  const facts = element("p.summary");
  const amount = element("span.amount");
  const averaged = element("span.badge");
  const views = ([FEATURE_MAPS, FILTERS] as const).map((view) => {
    const segment = button("segment", capitalized(viewWord(view)), () => source.choose({ view }), signal);
    store.show(["view"], (state) => setAttributes(segment, { "aria-pressed": view === state.view }), signal);
    return segment;
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

  function showLayer(state: Readonly<State>): void {
    const layer = currentLayer(state);
    setText(name, (name.title = state.layer));
    badges.replaceChildren(...badgeElements(badgesOf(state.notes.get(state.layer), layer), ROOM));
  }

  function showFacts(state: Readonly<State>): void {
    const layer = currentLayer(state);
    setText(facts, (facts.title = layer ? layerText(layer, state.call) : ""));
  }

  /** Filters are the same in every call and for every image: there is nothing to pick then. */
  function showSteppers(state: Readonly<State>): void {
    const layer = currentLayer(state);
    const maps = state.view === FEATURE_MAPS;
    const labels = maps && layer ? upTo(layer.calls, (call) => callText(layer, call)) : [];
    calls.show(state.call, labels, (call) => isHeld(source, state, state.batchIndex, call));
    const count = state.metadata.input.images;
    const held = upTo(count, (image) => isHeld(source, state, image));
    const word = state.picture ? "image" : "item";
    const several = maps && held.filter(Boolean).length > 1;
    images.show(
      state.batchIndex,
      several ? held.map((_, image) => `${word} ${image + 1} of ${count}`) : [],
      (image) => held[image],
    );
  }

  function showChoices(state: Readonly<State>): void {
    colormap.select.value = state.colormap;
    scale.select.value = state.scale;
    sort.select.value = state.sort;
    const inColor = readable(state)?.arrangement === "color";
    colormap.select.disabled = inColor;
    colormap.field.title = inColor ? "Filters over red, green and blue are shown in these colors." : "";
    // A similarity is to something.
    const [first] = state.channels;
    const to = first === undefined ? "pick one first" : `to ${tileWord(state.view)} ${first}`;
    setText(sort.select.options[SORTS.indexOf("similarity")], `similarity (${to})`);
  }

  function showFrame(state: Readonly<State>): void {
    const { frame, scene, hover } = state;
    const isShown = isWanted(frame, state);
    const hidden = isShown ? hiddenCount(frame, state) : 0;
    const text = isShown ? `${frame.tiles - hidden} of ${frame.shape.tiles}` : "";
    // No longer than it was: a bar that wraps anew would move the picture.
    setText(amount, text);
    amount.title = isShown ? `${text} ${tileWord(frame.view)}s are shown, ${hidden} are hidden` : "";
    const isDetailed =
      isShown && scene && hover && bestOf(state, frame, scene.order[hover.position]).frame.factor === 1;
    setText(averaged, isShown && frame.factor > 1 ? `averaged ${blockText(frame)}` : "");
    averaged.style.visibility = isDetailed ? "hidden" : "";
  }

  store.later(["metadata", "notes", "layer"], showLayer, signal);
  store.later(["metadata", "layer", "call"], showFacts, signal);
  store.show([...WANTED, "picture"], showSteppers, signal);
  store.show([...WANTED, "colormap", "scale", "sort", "scene", "channels", "pinned"], showChoices, signal);
  store.later([...WANTED, "frame", "hover", "details", "scene"], showFrame, signal);

  return element(
    "header.head",
    element("div.headline", name, badges, facts),
    toolsPanel(store, actions, signal),
    element(
      "div.bar",
      { role: "toolbar", "aria-label": "View" },
      group("div.segments", "What is shown", ...views),
      calls.element,
      images.element,
      slicesPanel(store, source, signal),
      colormap.field,
      scale.field,
      sort.field,
      displayPanel(store, source, signal),
      element("div.status", averaged, amount),
    ),
  );
}
