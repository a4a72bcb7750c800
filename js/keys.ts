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
import { comparison, pickLayer } from "./selection.js";
import type { Source } from "./source.js";
import {
  currentTransform,
  foldPanel,
  type Panels,
  readable,
  type Sheet,
  type State,
  type ViewerStore,
} from "./state.js";
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

  /** Nothing is done while no scene of what is wanted is there. */
  function inScene(run: (scene: Scene, state: Readonly<State>) => void): void {
    const { state } = store;
    const scene = readable(state);
    if (scene) run(scene, state);
  }

  /** Picks the tile at a position, where there is one. */
  function jump(to: (scene: Scene, last: number | undefined) => number, extend = false): void {
    inScene((scene, { channels }) => {
      const { layout } = scene;
      const position = to(scene, pickedPositions(scene, channels).at(-1));
      if (position < 0 || position >= layout.tiles) return;
      const channel = channelAt(scene, position);
      const others = extend ? channels.filter((each) => each !== channel) : [];
      source.choose({ channels: [...others, channel] });
      show(tileRect(layout, position));
    });
  }

  function move(step: Step, extend: boolean): void {
    if (store.state.inCells) moveCell(step);
    else {
      jump(({ layout }, last) => {
        return last === undefined ? 0 : last + step.dx + step.dy * layout.columns;
      }, extend);
    }
  }

  /** From the picked tile to its cells, near enough to tell them apart. */
  function enter(): void {
    inScene((scene, state) => {
      const { layout, limits } = scene;
      const t = currentTransform(state);
      if (!t || state.inCells) return;
      const position = pickedPositions(scene, state.channels).at(-1);
      if (position === undefined) return jump(() => 0);
      const { viewport } = limits;
      const hover = middleCell(layout, position, seenThrough(t, viewport));
      store.set({ hover, inCells: true });
      const cell = cellRect(layout, hover);
      if (t.k >= READABLE) show(cell);
      else motion.goTo(hold(READABLE, centerOf(viewport), centerOf(cell)));
    });
  }

  function moveCell(step: Step): void {
    inScene((scene, { hover }) => {
      if (!hover) return;
      const next = stepCell(scene.layout, hover, step);
      store.set({ hover: next });
      if (next.position !== hover.position) source.choose({ channels: [channelAt(scene, next.position)] });
      show(cellRect(scene.layout, next));
    });
  }

  function leave(): void {
    if (store.state.inCells) store.set({ inCells: false, hover: null });
    else source.choose({ channels: [] });
  }

  const sliceBy = (step: number) => () =>
    inScene(({ slice: { at, depth } }) =>
      source.choose({ slice: Math.min(Math.max(at + step, 0), depth - 1) }),
    );

  const layerBy = (step: number) => () => {
    const { metadata, layer } = store.state;
    const next = metadata.layers[metadata.layers.findIndex(({ name }) => name === layer) + step];
    if (next) source.choose(pickLayer(next.name));
  };

  const turn = () => source.choose({ view: store.state.view === FILTERS ? FEATURE_MAPS : FILTERS });
  const zoom = (factor: number) => () => motion.zoomBy(factor);
  const fold = (panel: keyof Panels) => () => foldPanel(store, panel);
  const open = (sheet: Sheet) => () => store.set({ sheet });
  const arrows = (shift = "") =>
    Object.fromEntries(
      Object.entries(ARROWS).map(([key, step]) => [`${shift}${key}`, () => move(step, shift !== "")]),
    );
  return [
    {
      title: "Pick",
      bindings: [
        ["← → ↑ ↓", "the next tile, or the next cell", arrows()],
        ["Shift + ← → ↑ ↓", "one tile more", arrows("Shift+")],
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
            "+": zoom(1.5),
            "=": zoom(1.5),
            "-": zoom(1 / 1.5),
          },
        ],
        ["0", "show all", { "0": motion.fit }],
        ["Ctrl or Cmd + wheel, pinch", "about the pointer"],
        ["Double click", "in; with Shift, out"],
      ],
    },
    {
      title: "Go",
      bindings: [
        ["Page Up, Page Down", "the layer before, the next", { PageUp: layerBy(-1), PageDown: layerBy(1) }],
        ["v", "from a filter to its map, and back", { v: turn }],
        ["[ ]", "the slice before, the next", { "[": sliceBy(-1), "]": sliceBy(1) }],
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
        [
          "c",
          "only the picked tiles, side by side; all",
          { c: () => source.choose(comparison(store.state)) },
        ],
        ["t", "the values of a tile as a table", { t: open("table") }],
        ["l, i", "the layers, the inspector", { l: fold("layers"), i: fold("inspector") }],
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
