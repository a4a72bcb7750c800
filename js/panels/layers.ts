import { badgesOf } from "../badges.js";
import { element, setAttributes, setText } from "../dom.js";
import { keepKeys, listen } from "../listen.js";
import { findable, isFound, wordsOf } from "../search.js";
import { pickLayer } from "../selection.js";
import type { Source } from "../source.js";
import type { State, ViewerStore } from "../state.js";
import { ancestors, holds, openDepth, type Row, treeOf, visibleRows } from "../tree.js";
import { upTo } from "../upto.js";
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
  /** Of the layers that are found; each says which of all layers it is. */
  let rows: readonly Row[] = [];
  let words: readonly string[] = [];
  let depth = 0;
  let picked = ALL;
  /** What was folded and opened by hand, by name; while something is looked for all is open but what is folded then. */
  const folds = new Map<string, boolean>();
  let searchFolds = new Map<string, boolean>();
  const list = virtualRows(make, signal);
  const kinds = chips(pickKind, signal);

  const searching = () => words.length > 0 || picked !== ALL;
  const layerAt = (index: number): Layer | undefined => layers[rows[index]?.layer];
  const isCurrent = (layer: Layer | undefined) => layer?.name === store.state.layer;
  const currentRow = () => rows.findIndex((_, index) => isCurrent(layerAt(index)));
  const isOpen = (index: number) => {
    const { key, depth: own } = rows[index];
    return searching() ? (searchFolds.get(key) ?? true) : (folds.get(key) ?? own < depth);
  };

  function make(index: number): HTMLElement {
    const node = rowElement(rows, index, layerAt(index), badges[rows[index].layer] ?? [], words);
    dress(index, node);
    picture(index, node);
    return node;
  }

  /** What changes while the row stays: whether it is open, and the current one. */
  function dress(index: number, node: HTMLElement): void {
    const layer = layerAt(index);
    const isFolder = holds(rows, index);
    const open = isFolder && isOpen(index);
    const row = currentRow();
    setAttributes(node, {
      "aria-selected": layer && isCurrent(layer),
      "aria-expanded": isFolder ? open : undefined,
    });
    node.classList.toggle("cnnvis-within", isFolder && !open && row > index && row < rows[index].end);
  }

  function picture(index: number, node: HTMLElement): void {
    const place = node.querySelector<HTMLElement>(".cnnvis-preview");
    if (place) paint(place, store.state.overview, rows[index].layer);
  }

  function redress(): void {
    for (const [index, node] of list.shown) dress(index, node);
  }

  function lay(fresh: boolean): void {
    const visible = visibleRows(rows, isOpen);
    list.set(
      visible,
      visible.map((index) => (layerAt(index) ? LAYER_HEIGHT : GROUP_HEIGHT)),
      fresh,
    );
    redress();
  }

  function read({ metadata, notes }: Readonly<State>): void {
    const first = layers.length === 0;
    layers = metadata.layers;
    badges = layers.map((layer) => badgesOf(notes.get(layer.name), layer));
    texts = layers.map((layer, index) => findable(layer, badges[index]));
    showKinds();
    sift();
    if (first) mark();
  }

  const isKind = (kind: string) => (layer: Layer, index: number) => KINDS[kind](layer, badges[index].length);

  function showKinds(): void {
    picked = kinds.show(
      Object.keys(KINDS).map((text) => ({ text, count: layers.filter(isKind(text)).length })),
      picked,
    );
  }

  function pickKind(kind: string): void {
    picked = kind;
    showKinds();
    search();
  }

  function search(): void {
    searchFolds = new Map();
    sift();
    if (!searching()) mark();
  }

  function sift(): void {
    const anchor = list.anchor();
    const key = anchor && rows[anchor.item]?.key;
    const active = rows[list.active()]?.key;
    words = wordsOf(filter.value);
    const test = isKind(picked);
    const found = upTo(layers.length, (index) => index).filter(
      (index) => test(layers[index], index) && isFound(texts[index], words),
    );
    rows = treeOf(found.map((index) => layers[index])).map((row) => ({
      ...row,
      layer: found[row.layer] ?? -1,
    }));
    depth = openDepth(rows);
    lay(true);
    const rowOf = (key: string | null) => rows.findIndex((row) => row.key === key);
    if (anchor) list.scrollTo(rowOf(key), anchor.over);
    list.keep(rowOf(active));
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
      if (closed.length > 0) fold(closed, true);
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
    const layer = layerAt(index);
    if (layer && !isCurrent(layer)) source.choose(pickLayer(layer.name));
  }

  /** Picks a layer, folds or opens a module; of a layer that holds others, by its chevron. */
  function act(index: number, byChevron = false): void {
    if (byChevron || !layerAt(index)) fold([index], !isOpen(index));
    else choose(index);
  }

  treeKeys(list, { rows: () => rows, isOpen, fold, act }, signal);
  listen(
    list.box,
    "click",
    ({ target }) => {
      const index = list.of(target);
      if (index < 0) return;
      act(index, target instanceof Element && target.closest(".cnnvis-chevron") !== null);
      list.activate(index, true);
    },
    signal,
  );
  // The pointer is on it, or the keys have come to it.
  listen(
    list.box,
    ["pointerover", "focusin"],
    ({ target }) => store.set({ ahead: layerAt(list.of(target))?.name ?? "" }),
    signal,
  );
  listen(list.box, "pointerleave", () => store.set({ ahead: "" }), signal);
  listen(filter, "input", search, signal);
  keepKeys(filter, signal, {
    Enter: () => choose(rows.findIndex(({ layer }) => layer >= 0)),
    ArrowDown(event) {
      const [first] = list.items();
      if (first === undefined) return;
      event.preventDefault();
      list.activate(searching() ? first : list.active(), true);
    },
    Escape(event) {
      if (!filter.value) return;
      event.preventDefault();
      filter.value = "";
      sift();
      mark();
    },
  });
  store.show(["metadata", "notes"], read, signal);
  store.on(["layer"], mark, signal);
  store.on(
    ["overview", "metadata"],
    () => {
      for (const [index, node] of list.shown) picture(index, node);
    },
    signal,
  );
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
