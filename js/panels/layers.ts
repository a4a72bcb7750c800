import { type Badge, badgesOf } from "../badges.js";
import { channelsText, kernelText, layerText, mapText } from "../describe.js";
import { element, reveal, setText } from "../dom.js";
import { pickLayer } from "../selection.js";
import type { Source } from "../source.js";
import type { ViewerStore } from "../state.js";
import type { Layer } from "../wire.js";
import { badgeElements } from "./badge.js";

/** Characters that badges may take from a name. */
const ROOM = 16;

/** The list of all layers in the order in which they ran, and a box to find one by its name, type or badges. */
export function layersPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const filter = element("input", {
    class: "cnnvis-filter",
    type: "search",
    placeholder: "Find a layer",
    "aria-label": "Find a layer",
    spellcheck: "false",
    autocomplete: "off",
  });
  const total = element("span", { class: "cnnvis-total" });
  const list = element("div", { class: "cnnvis-list", role: "listbox", "aria-label": "Layers" });
  const none = element(
    "p",
    { class: "cnnvis-none", hidden: true },
    "No layer has this in its name, type or notes.",
  );
  let rows: HTMLElement[] = [];
  let texts: string[] = [];
  let layers: readonly Layer[] = [];

  function build(): void {
    if (store.state.metadata.layers === layers) return;
    const { metadata } = store.state;
    layers = metadata.layers;
    const badges = layers.map((layer) => badgesOf(metadata.notesOf.get(layer.name) ?? [], layer));
    texts = layers.map(({ name, type }, index) =>
      [name, type, ...badges[index].map(({ text }) => text)].join(" ").toLowerCase(),
    );
    rows = layers.map((layer, index) => rowOf(layer, index, badges[index]));
    list.replaceChildren(...rows);
    sift();
    mark();
  }

  function sift(): void {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let visible = 0;
    texts.forEach((text, index) => {
      const found = words.every((word) => text.includes(word));
      rows[index].hidden = !found;
      if (found) visible++;
    });
    none.hidden = visible > 0 || layers.length === 0;
    setText(total, visible === layers.length ? `${layers.length}` : `${visible} of ${layers.length}`);
  }

  let marked: HTMLElement | undefined;
  function mark(): void {
    const current = rows[layers.findIndex(({ name }) => name === store.state.layer)];
    if (marked !== current) {
      marked?.setAttribute("aria-selected", "false");
      marked?.setAttribute("tabindex", "-1");
    }
    marked = current;
    current?.setAttribute("aria-selected", "true");
    // One stop for the Tab key: the current layer, or the first where there is none.
    (current ?? rows[0])?.setAttribute("tabindex", "0");
    if (current === undefined) return;
    reveal(list, current);
    // Another layer has other notes below the list, which may leave it less room.
    requestAnimationFrame(() => {
      if (current === marked) reveal(list, current);
    });
  }

  function choose(row: HTMLElement | undefined, focus: boolean): void {
    if (row === undefined) return;
    const layer = layers[rows.indexOf(row)].name;
    if (layer !== store.state.layer) source.choose(pickLayer(layer));
    if (focus) row.focus({ preventScroll: true });
  }

  function key(event: KeyboardEvent): void {
    const visible = rows.filter((row) => !row.hidden);
    const at = visible.indexOf(event.target as HTMLElement);
    const steps: Record<string, number> = {
      ArrowDown: Math.min(at + 1, visible.length - 1),
      ArrowUp: Math.max(at - 1, 0),
      Home: 0,
      End: visible.length - 1,
      PageDown: Math.min(at + 10, visible.length - 1),
      PageUp: Math.max(at - 10, 0),
      Enter: at,
      " ": at,
    };
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    choose(visible[steps[event.key]], true);
  }

  list.addEventListener("keydown", key, { signal });
  list.addEventListener(
    "click",
    ({ target }) =>
      choose(
        rows.find((row) => target instanceof Node && row.contains(target)),
        true,
      ),
    { signal },
  );
  filter.addEventListener("input", sift, { signal });
  filter.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.key === "Enter")
        choose(
          rows.find((row) => !row.hidden),
          false,
        );
      if (event.key === "ArrowDown") {
        event.preventDefault();
        choose(
          rows.find((row) => !row.hidden),
          true,
        );
      }
      if (event.key === "Escape" && filter.value !== "") {
        event.preventDefault();
        filter.value = "";
        sift();
      }
    },
    { signal },
  );
  store.on(["metadata"], build, signal);
  store.on(["layer"], mark, signal);
  build();
  return element(
    "section",
    { class: "cnnvis-layers", "aria-label": "Layers" },
    element("header", { class: "cnnvis-find" }, filter, total),
    list,
    none,
  );
}

function rowOf(layer: Layer, index: number, badges: readonly Badge[]): HTMLElement {
  const cut = layer.name.lastIndexOf(".") + 1;
  const facts = [
    [layer.type, kernelText(layer)].filter(Boolean).join(" "),
    channelsText(layer),
    layer.ran ? mapText(layer) : "",
  ].filter(Boolean);
  const row = element(
    "div",
    { class: "cnnvis-row", role: "option", "aria-selected": "false", tabindex: -1 },
    element("span", { class: "cnnvis-index" }, String(index)),
    element(
      "span",
      { class: "cnnvis-name" },
      // The path gives way before the last part does.
      element("span", { class: "cnnvis-path" }, layer.name.slice(0, cut)),
      element("span", { class: "cnnvis-leaf" }, layer.name.slice(cut)),
    ),
    element("span", { class: "cnnvis-facts" }, facts.join(" · ")),
  );
  row.title = `${layer.name}\n${layerText(layer)}`;
  row.classList.toggle("cnnvis-unrun", !layer.ran);
  if (badges.length > 0)
    row.append(element("span", { class: "cnnvis-badges" }, ...badgeElements(badges, ROOM)));
  return row;
}
