import type { Motion } from "./gestures.js";
import { pickedPositions, revealing } from "./scene.js";
import type { Source } from "./source.js";
import { isWanted, type ViewerStore } from "./state.js";

/**
 * Keys of the canvas: arrows move the picked tile, + and - zoom, 0 shows all, [ and ] go through the slices in
 * depth, Escape picks nothing.
 */
export function addKeys(
  canvas: HTMLCanvasElement,
  store: ViewerStore,
  source: Source,
  motion: Motion,
  signal: AbortSignal,
): void {
  function moveBy(offset: (columns: number) => number): void {
    const { scene, channels } = store.state;
    if (scene === null || !isWanted(scene.frame, store.state)) return;
    const from = pickedPositions(scene, channels).at(-1);
    const to = from === undefined ? 0 : from + offset(scene.layout.columns);
    if (to >= 0 && to < scene.layout.tiles) goTo(to);
  }

  function goTo(position: number): void {
    const { scene } = store.state;
    if (scene === null) return;
    source.choose({ channels: [scene.frame.channels[scene.order[position]]] });
    const t = revealing(store.state, position);
    if (t !== null) motion.goTo(t);
  }

  function sliceBy(step: number): void {
    const { scene } = store.state;
    if (scene === null) return;
    const { at, depth } = scene.slice;
    source.choose({ slice: Math.min(Math.max(at + step, 0), depth - 1) });
  }

  const actions: Record<string, () => void> = {
    ArrowLeft: () => moveBy(() => -1),
    ArrowRight: () => moveBy(() => 1),
    ArrowUp: () => moveBy((columns) => -columns),
    ArrowDown: () => moveBy((columns) => columns),
    Home: () => goTo(0),
    End: () => goTo((store.state.scene?.layout.tiles ?? 1) - 1),
    Escape: () => source.choose({ channels: [] }),
    "+": () => motion.zoomBy(1.5),
    "=": () => motion.zoomBy(1.5),
    "-": () => motion.zoomBy(1 / 1.5),
    "0": () => motion.fit(),
    "[": () => sliceBy(-1),
    "]": () => sliceBy(1),
  };

  canvas.addEventListener(
    "keydown",
    (event) => {
      // Many keyboards have brackets on AltGr, which comes as Ctrl with Alt.
      const bracket = event.key === "[" || event.key === "]";
      if (!bracket && (event.ctrlKey || event.metaKey || event.altKey)) return;
      if (!Object.hasOwn(actions, event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      actions[event.key]();
    },
    { signal },
  );
}

/**
 * Notebook 7 takes its shortcut keys before they reach the page, unless the element that has the focus says not
 * to: so each one that gets it, says so.
 */
export function suppressShortcuts(root: HTMLElement, signal: AbortSignal): void {
  root.addEventListener(
    "focusin",
    ({ target }) => {
      if (target instanceof HTMLElement) target.dataset.lmSuppressShortcuts = "true";
    },
    { signal },
  );
}
