import { element } from "./dom.js";
import { type Frame, keyOf } from "./frame.js";
import { atEnd, createTimer, onResize } from "./listen.js";
import type { Palette } from "./marks.js";
import { createPainter, paletteOf } from "./painter.js";
import { currentTransform, isWanted, type State, type ViewerStore } from "./state.js";

/** Milliseconds that coloring may hold up a frame; a larger picture comes in parts. */
const PATIENCE = 12;
/** Milliseconds until a wait is shown: what comes sooner should not flicker, nor wait for a hint to be drawn. */
const LATE = 150;

/** A canvas that draws the store's scene: a new frame when it comes, all else at most once per animation frame. */
export function createCanvas(store: ViewerStore, signal: AbortSignal): HTMLCanvasElement {
  const canvas = element("canvas.canvas", { tabindex: 0, role: "application" });
  const context = canvas.getContext("2d");
  const painter = createPainter(schedule, PATIENCE);
  let palette: Palette | null = null;
  let painted = "";
  let scheduled = 0;
  let drawn: Frame | null = null;
  let begun = 0;
  const late = createTimer(signal);
  wait("loading");

  function schedule(): void {
    if (scheduled === 0 && !signal.aborted) scheduled = requestAnimationFrame(paint);
  }

  function paint(): void {
    scheduled = 0;
    // Of what is off the screen no observer tells; it is drawn there too, since a page can be printed.
    if (store.state.viewport.width === 0) measure();
    const { state } = store;
    const { viewport, scene } = state;
    const { ratio } = viewport;
    const frame = scene?.frame ?? null;
    if (frame !== drawn || (frame && keyOf(frame) === painted)) begun = 0;
    drawn = frame;
    begun ||= performance.now();
    const width = Math.round(viewport.width * ratio);
    const height = Math.round(viewport.height * ratio);
    // Setting the size clears the canvas, even when it is the same.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    if (context) {
      context.clearRect(0, 0, width, height);
      palette ??= paletteOf(canvas);
      painter.draw(context, state, { width, height, ratio }, palette);
    }
    report();
  }

  function report(): void {
    const { state } = store;
    const { scene, status, came } = state;
    const t = currentTransform(state);
    const frame = scene?.frame ?? null;
    const isShown = isWanted(frame, state);
    const key = isShown && painter.isComplete ? keyOf(frame) : "";
    Object.assign(canvas.dataset, {
      coloring: isShown && !key,
      transform: t ? `${t.k},${t.x},${t.y}` : "",
      layer: frame?.layer ?? "",
      view: frame?.view ?? "",
      call: frame?.call ?? "",
      image: frame?.image ?? "",
      slice: scene?.slice.at ?? "",
      generation: frame?.generation ?? "",
    });
    wait(status.kind === "ready" && !key ? "loading" : status.kind);
    if (key && key !== painted) {
      // What was asked for may be on the screen already.
      const since = Math.max(begun, came.decoded);
      const colored = Math.max(painter.colored, since);
      const times = { ...came, begun: since, colored, painted: performance.now() };
      performance.mark("cnnvis:painted", {
        detail: { layer: frame?.layer, view: frame?.view, ...times },
      });
      store.set({ times });
    }
    painted = key;
  }

  function wait(state: string): void {
    if (canvas.dataset.state === state) return;
    canvas.dataset.state = state;
    late();
    delete canvas.dataset.late;
    if (state === "loading") late(() => (canvas.dataset.late = ""), LATE);
  }

  function measure(): void {
    const { width, height } = canvas.getBoundingClientRect();
    const ratio = devicePixelRatio;
    const last = store.state.viewport;
    if (width === last.width && height === last.height && ratio === last.ratio) return;
    store.set({ viewport: { width, height, ratio } });
  }

  onResize(canvas, measure, signal);
  followDensity(measure, signal);
  atEnd(signal, () => {
    cancelAnimationFrame(scheduled);
    painter.clear();
  });
  /** A new frame is drawn at once, so that it is there when the screen is next drawn. */
  function changed({ scene }: Readonly<State>): void {
    if (!scene || scene.frame === drawn) schedule();
    else {
      cancelAnimationFrame(scheduled);
      paint();
    }
  }

  store.on(["appearance"], () => (palette = null), signal);
  store.on(
    ["scene", "transform", "hover", "channels", "overlay", "picture", "viewport", "details", "appearance"],
    changed,
    signal,
  );
  // Nothing that is drawn changes with it; where a new frame comes too, it is drawn first.
  store.on(["status"], ({ scene }) => (scene?.frame ?? null) === drawn && report(), signal);
  schedule();
  return canvas;
}

/** Calls back when the window comes to a screen of another density, or the page is zoomed. */
function followDensity(changed: () => void, signal: AbortSignal): void {
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener(
    "change",
    () => {
      changed();
      // The question holds for one density: for the new one it is another.
      followDensity(changed, signal);
    },
    { once: true, signal },
  );
}
