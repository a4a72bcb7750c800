import { middleCell, type Step, stepCell } from "./cursor.js";
import { take } from "./dom.js";
import { FEATURE_MAPS, FILTERS } from "./frame.js";
import type { Go } from "./history.js";
import { bound, type Chapter, chordOf } from "./keymap.js";
import { cellRect, type Rect, tileRect } from "./layout.js";
import { listen } from "./listen.js";
import type { Motion } from "./motion.js";
import { channelAt } from "./order.js";
import { pickedPositions, revealing, type Scene } from "./scene.js";
import { pickLayer } from "./selection.js";
import type { Source } from "./source.js";
import { currentTransform, type Panels, readable, type Sheet, type ViewerStore } from "./state.js";
import { centerOf, hold, seenThrough } from "./transform.js";

/** CSS pixels of a cell that can be told from its neighbors. */
const READABLE = 12;

const ARROWS: Readonly<Record<string, Step>> = {
  ArrowLeft: { dx: -1, dy: 0 },
  ArrowRight: { dx: 1, dy: 0 },
  ArrowUp: { dx: 0, dy: -1 },
  ArrowDown: { dx: 0, dy: 1 },
};

/** What keys can do beyond the picture; each is also behind a button. */
export interface Actions {
  readonly motion: Motion;
  readonly go: Go;
  focusLayers(): void;
  toggleFullscreen(): void;
  copyValues(how: "tsv" | "numpy"): void;
  copyPicture(): void;
  /** @param ratio pixels of the file in one CSS pixel. */
  savePicture(ratio: number): void;
}

/**
 * What the keys of the canvas do. Arrows pick tiles; after Enter they move from cell to cell of the picked tile,
 * until Escape.
 */
export function keymap(store: ViewerStore, source: Source, { motion, go, ...actions }: Actions): Chapter[] {
  function show(part: Rect): void {
    const t = revealing(store.state, part);
    if (t) motion.goTo(t);
  }

  function move(step: Step, extend: boolean): void {
    if (store.state.inCells) moveCell(step);
    else moveTile(step, extend);
  }

  function moveTile({ dx, dy }: Step, extend: boolean): void {
    jump((scene) => {
      const from = pickedPositions(scene, store.state.channels).at(-1);
      return from === undefined ? 0 : from + dx + dy * scene.layout.columns;
    }, extend);
  }

  function jump(to: (scene: Scene) => number, extend = false): void {
    const scene = readable(store.state);
    if (!scene) return;
    const position = to(scene);
    if (position >= 0 && position < scene.layout.tiles) pickTile(scene, position, extend);
  }

  function pickTile(scene: Scene, position: number, extend = false): void {
    const channel = channelAt(scene, position);
    const others = extend ? store.state.channels.filter((each) => each !== channel) : [];
    source.choose({ channels: [...others, channel] });
    show(tileRect(scene.layout, position));
  }

  /** From the picked tile to its cells, near enough to tell them apart. */
  function enter(): void {
    const scene = readable(store.state);
    const t = currentTransform(store.state);
    if (!scene || !t || store.state.inCells) return;
    const position = pickedPositions(scene, store.state.channels).at(-1);
    if (position === undefined) {
      pickTile(scene, 0);
      return;
    }
    const { viewport } = scene.limits;
    const hover = middleCell(scene.layout, position, seenThrough(t, viewport));
    store.set({ hover, inCells: true });
    const cell = cellRect(scene.layout, hover);
    const k = Math.max(t.k, READABLE);
    if (k === t.k) show(cell);
    else motion.goTo(hold(k, centerOf(viewport), centerOf(cell)));
  }

  function moveCell(step: Step): void {
    const scene = readable(store.state);
    const { hover } = store.state;
    if (!scene || !hover) return;
    const next = stepCell(scene.layout, hover, step);
    store.set({ hover: next });
    const channel = channelAt(scene, next.position);
    if (next.position !== hover.position) source.choose({ channels: [channel] });
    show(cellRect(scene.layout, next));
  }

  function leave(): void {
    if (store.state.inCells) store.set({ inCells: false, hover: null });
    else source.choose({ channels: [] });
  }

  function sliceBy(step: number): void {
    const scene = readable(store.state);
    if (!scene) return;
    const { at, depth } = scene.slice;
    source.choose({ slice: Math.min(Math.max(at + step, 0), depth - 1) });
  }

  function layerBy(step: number): void {
    const { metadata, layer } = store.state;
    const next = metadata.layers[metadata.layers.findIndex(({ name }) => name === layer) + step];
    if (next) source.choose(pickLayer(next.name));
  }

  function turn(): void {
    source.choose({ view: store.state.view === FILTERS ? FEATURE_MAPS : FILTERS });
  }

  function fold(panel: keyof Panels): void {
    const { panels } = store.state;
    store.set({ panels: { ...panels, [panel]: !panels[panel] } });
  }

  function compare(): void {
    const { channels, pinned } = store.state;
    source.choose({ pinned: pinned.length > 0 ? [] : channels.slice() });
  }

  const open = (sheet: Sheet) => () => store.set({ sheet });
  const arrows = (prefix: string, extend: boolean) =>
    Object.fromEntries(
      Object.entries(ARROWS).map(([key, step]) => [`${prefix}${key}`, () => move(step, extend)]),
    );
  return [
    {
      title: "Pick",
      bindings: [
        ["← → ↑ ↓", "the next tile, or the next cell", arrows("", false)],
        ["Shift + ← → ↑ ↓", "one tile more", arrows("Shift+", true)],
        [
          "Home, End",
          "the first tile, the last",
          {
            Home: () => jump(() => 0),
            End: () => jump(({ layout }) => layout.tiles - 1),
          },
        ],
        ["Enter", "into the cells of the picked tile", { Enter: enter }],
        ["Esc", "out of the cells, then pick nothing", { Escape: leave }],
      ],
    },
    {
      title: "Zoom",
      bindings: [
        [
          "+ −",
          "in, out",
          {
            "+": () => motion.zoomBy(1.5),
            "=": () => motion.zoomBy(1.5),
            "-": () => motion.zoomBy(1 / 1.5),
          },
        ],
        ["0", "show all", { "0": () => motion.fit() }],
        ["Ctrl or Cmd + wheel, pinch", "about the pointer"],
        ["Double click", "in; with Shift, out"],
      ],
    },
    {
      title: "Go",
      bindings: [
        [
          "Page Up, Page Down",
          "the layer before, the next",
          { PageUp: () => layerBy(-1), PageDown: () => layerBy(1) },
        ],
        ["v", "from a filter to its map, and back", { v: turn }],
        ["[ ]", "the slice before, the next", { "[": () => sliceBy(-1), "]": () => sliceBy(1) }],
        [
          "Alt + ← →",
          "back and forward in what was looked at",
          { "Alt+ArrowLeft": () => go(-1), "Alt+ArrowRight": () => go(1) },
        ],
      ],
    },
    {
      title: "See",
      bindings: [
        ["c", "only the picked tiles, side by side; all", { c: compare }],
        ["t", "the values of a tile as a table", { t: open("table") }],
        ["l, i", "the layers, the inspector", { l: () => fold("layers"), i: () => fold("inspector") }],
        ["/", "find a layer", { "/": actions.focusLayers }],
        [
          "Ctrl or Cmd + C",
          "copy the values of the picked tile",
          { "Mod+c": () => actions.copyValues("tsv") },
        ],
        [
          "p, s",
          "copy the tile as a picture, save all of it",
          { p: actions.copyPicture, s: () => actions.savePicture(2) },
        ],
        [
          "m",
          "the milliseconds that each stage takes",
          { m: () => source.choose({ timing: !store.state.timing }) },
        ],
        ["f", "full screen", { f: actions.toggleFullscreen }],
        ["?", "these keys", { "?": open("help") }],
      ],
    },
  ];
}

/** Runs what is bound to the keys that go to the canvas, and keeps these from the notebook. */
export function addKeys(canvas: HTMLCanvasElement, chapters: readonly Chapter[], signal: AbortSignal): void {
  const runs = bound(chapters);
  listen(
    canvas,
    "keydown",
    (event) => {
      const run = runs.get(chordOf(event));
      if (!run) return;
      take(event);
      run();
    },
    signal,
  );
}

/**
 * Jupyter takes its shortcut keys before they reach the page, unless the element that has the focus says not to:
 * so each one that gets it, says so. Of what nothing here uses, chords with Ctrl or Cmd are handed on, as saving.
 */
export function suppressShortcuts(root: HTMLElement, signal: AbortSignal): void {
  listen(
    root,
    "focusin",
    ({ target }) => {
      if (target instanceof HTMLElement) target.dataset.lmSuppressShortcuts = "true";
    },
    signal,
  );
  listen(
    root,
    "keydown",
    (event) => {
      const jupyter = root.parentElement?.closest(".lm-Widget");
      if (!(event.ctrlKey || event.metaKey) || event.defaultPrevented || !jupyter) return;
      // What takes it, also keeps the browser from it.
      if (!jupyter.dispatchEvent(new KeyboardEvent(event.type, event))) event.preventDefault();
    },
    signal,
  );
}
