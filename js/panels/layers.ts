import { badgesOf } from "../badges.js";
import { element, setAttributes, setText } from "../dom.js";
import { listen } from "../listen.js";
import { findable, isFound, wordsOf } from "../search.js";
import { pickLayer } from "../selection.js";
import type { Source } from "../source.js";
import type { ViewerStore } from "../state.js";
import { ancestors, holds, openDepth, type Row, treeOf, visibleRows } from "../tree.js";
import type { Layer } from "../wire.js";
import { chips } from "./chips.js";
import { GROUP_HEIGHT, LAYER_HEIGHT, previewPainter, rowElement } from "./layerrow.js";
import { virtualRows } from "./rows.js";
import { treeKeys } from "./treekeys.js";

/** The layers as the model is built of them, a box to find some by words, and which kind of them is shown. */
export function layersPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const filter = element("input.filter", {
    type: "search",
    placeholder: "Find: conv 3x3 512",
    "aria-label": "Find a layer by name, type, kernel, channels, map or note",
    spellcheck: "false",
    autocomplete: "off",
  });
  const total = element("span.total", { role: "status" });
  const none = element("p.none", { hidden: true }, "No layer has all of this.");
  const paint = previewPainter();
  let layers: readonly Layer[] = [];
  let badges: ReturnType<typeof badgesOf>[] = [];
  let texts: ReturnType<typeof findable>[] = [];
  let tiles = new Map<number, number>();
  let rows: readonly Row[] = [];
  /** Which layer each layer of the rows is: of those that are found. */
  let found: readonly number[] = [];
  let words: readonly string[] = [];
  let depth = 0;
  let picked = ALL;
  /** What was folded and opened by hand, by name; while something is looked for all is open but what is folded then. */
  const folds = new Map<string, boolean>();
  let searchFolds = new Map<string, boolean>();
  const list = virtualRows(make, signal);
  const kinds = chips(pickKind, signal);

  const searching = () => words.length > 0 || picked !== ALL;
  const layerOf = (index: number) => (rows[index].layer < 0 ? -1 : found[rows[index].layer]);
  const isOpen = (index: number) => {
    const { key, depth: own } = rows[index];
    return searching() ? (searchFolds.get(key) ?? true) : (folds.get(key) ?? own < depth);
  };

  function make(index: number): HTMLElement {
    const at = layerOf(index);
    const layer = at < 0 ? null : layers[at];
    const node = rowElement({ rows, index, layer, badges: badges[at] ?? [], words });
    dress(index, node);
    picture(index, node);
    return node;
  }

  /** What changes while the row stays: whether it is open, and the current one. */
  function dress(index: number, node: HTMLElement): void {
    const at = layerOf(index);
    const current = layers[at]?.name === store.state.layer;
    if (at >= 0) setAttributes(node, { "aria-selected": current });
    if (!holds(rows, index)) return;
    setAttributes(node, { "aria-expanded": isOpen(index) });
    const row = currentRow();
    node.classList.toggle("cnnvis-within", !isOpen(index) && row > index && row < rows[index].end);
  }

  function picture(index: number, node: HTMLElement): void {
    const place = node.querySelector<HTMLElement>(".cnnvis-preview");
    if (place !== null) paint(place, store.state.overview, tiles.get(layerOf(index)));
  }

  function redress(): void {
    for (const [index, node] of list.shown) dress(index, node);
  }

  const currentRow = () =>
    rows.findIndex((row) => row.layer >= 0 && layers[found[row.layer]].name === store.state.layer);

  function lay(fresh: boolean): void {
    const visible = visibleRows(rows, isOpen);
    list.set(
      visible,
      visible.map((index) => (rows[index].layer < 0 ? GROUP_HEIGHT : LAYER_HEIGHT)),
      fresh,
    );
    redress();
  }

  function read(): void {
    const first = layers.length === 0;
    const { metadata, notes } = store.state;
    layers = metadata.layers;
    badges = layers.map((layer) => badgesOf(notes.get(layer.name), layer));
    texts = layers.map((layer, index) => findable(layer, badges[index]));
    showKinds();
    if (!kinds.has(picked)) picked = ALL;
    showKinds();
    sift();
    if (first) mark();
  }

  function showKinds(): void {
    kinds.show(
      Object.entries(KINDS).map(([text, test]) => {
        return { text, count: layers.filter((layer, index) => test(layer, badges[index].length)).length };
      }),
      picked,
    );
  }

  function pickKind(kind: string): void {
    picked = kind;
    showKinds();
    searchFolds = new Map();
    sift();
    if (!searching()) mark();
  }

  function sift(): void {
    const anchor = list.anchor();
    const key = anchor === null ? null : rows[anchor.item]?.key;
    const active = rows[list.active()]?.key;
    words = wordsOf(filter.value);
    found = layers.flatMap((layer, index) =>
      KINDS[picked](layer, badges[index].length) && isFound(texts[index], words) ? [index] : [],
    );
    rows = treeOf(found.map((index) => layers[index]));
    depth = openDepth(rows);
    lay(true);
    if (anchor !== null)
      list.scrollTo(
        rows.findIndex((row) => row.key === key),
        anchor.over,
      );
    const again = rows.findIndex((row) => row.key === active);
    if (again >= 0) list.keep(again);
    none.hidden = found.length > 0 || layers.length === 0;
    setText(
      total,
      found.length === layers.length ? `${layers.length}` : `${found.length} of ${layers.length}`,
    );
  }

  /** Opens what the current layer lies in, and scrolls to it. */
  function mark(): void {
    const at = currentRow();
    if (at >= 0) {
      const closed = ancestors(rows, at).filter((index) => !isOpen(index));
      for (const index of closed) (searching() ? searchFolds : folds).set(rows[index].key, true);
      if (closed.length > 0) lay(false);
      list.activate(at, false);
      // Another layer has other notes below the list, which may leave it less room.
      requestAnimationFrame(() => {
        if (!signal.aborted && at === currentRow()) list.reveal(at);
      });
    }
    redress();
  }

  function fold(indices: readonly number[], open: boolean): void {
    for (const index of indices) (searching() ? searchFolds : folds).set(rows[index].key, open);
    lay(false);
  }

  function choose(index: number): void {
    const at = index < 0 ? -1 : layerOf(index);
    if (at >= 0 && layers[at].name !== store.state.layer) source.choose(pickLayer(layers[at].name));
  }

  /** Picks a layer, folds or opens a module. */
  function act(index: number): void {
    if (layerOf(index) >= 0) choose(index);
    else fold([index], !isOpen(index));
  }

  const firstLayer = () => rows.findIndex(({ layer }) => layer >= 0);

  treeKeys(list, { rows: () => rows, isOpen, fold, act, height: LAYER_HEIGHT }, signal);
  listen(
    list.box,
    "click",
    ({ target }) => {
      const index = list.of(target);
      if (index < 0) return;
      const onChevron = target instanceof Element && target.closest(".cnnvis-chevron") !== null;
      if (onChevron) fold([index], !isOpen(index));
      else act(index);
      list.activate(index, true);
    },
    signal,
  );
  // The pointer is on it, or the keys have come to it.
  listen(
    list.box,
    ["pointerover", "focusin"],
    ({ target }) => {
      const index = list.of(target);
      store.set({ ahead: index < 0 ? "" : (layers[layerOf(index)]?.name ?? "") });
    },
    signal,
  );
  listen(list.box, "pointerleave", () => store.set({ ahead: "" }), signal);
  listen(
    filter,
    "input",
    () => {
      searchFolds = new Map();
      sift();
      if (!searching()) mark();
    },
    signal,
  );
  listen(
    filter,
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.key === "Enter") choose(firstLayer());
      if (event.key === "ArrowDown" && list.items().length > 0) {
        event.preventDefault();
        list.activate(searching() ? list.items()[0] : list.active(), true);
      }
      if (event.key === "Escape" && filter.value !== "") {
        event.preventDefault();
        filter.value = "";
        sift();
        mark();
      }
    },
    signal,
  );
  store.on(["metadata", "notes"], read, signal);
  store.on(["layer"], mark, signal);
  store.on(
    ["overview", "metadata"],
    () => {
      tiles = tilesOf(store);
      for (const [index, node] of list.shown) picture(index, node);
    },
    signal,
  );
  tiles = tilesOf(store);
  read();
  return element(
    "section.layers",
    { "aria-label": "Layers" },
    element("header.find", filter, total),
    kinds.root,
    list.box,
    none,
  );
}

const ALL = "All";
const KINDS: Record<string, (layer: Layer, badges: number) => boolean> = {
  [ALL]: () => true,
  Convolutions: ({ kind }) => kind.startsWith("conv"),
  "Never ran": ({ ran }) => !ran,
  "With notes": (_, badges) => badges > 0,
};

const tilesOf = (store: ViewerStore): Map<number, number> =>
  new Map([...(store.state.overview?.channels ?? [])].map((layer, tile) => [layer, tile]));
