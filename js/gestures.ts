import { pointer, type Selection, select } from "d3-selection";
import { type D3ZoomEvent, type ZoomBehavior, ZoomTransform, zoom } from "d3-zoom";
import { type Cell, cellAt, positionAt } from "./layout.js";
import { followLongPress } from "./longpress.js";
import { focusOf } from "./scene.js";
import { pick } from "./selection.js";
import type { Source } from "./source.js";
import { currentTransform, isWanted, type ViewerStore } from "./state.js";
import { between, clamp, invert, type Point, same, type Transform, zoomAt } from "./transform.js";

/** Milliseconds of a movement that is not the pointer's own. */
const GLIDE = 180;

/** What buttons and keys can do to the picture. */
export interface Motion {
  /** Scales about `anchor`, a point of the canvas in CSS pixels; without it, about what is picked. */
  zoomBy(factor: number, anchor?: Point): void;
  fit(): void;
  goTo(transform: Transform): void;
}

/** Turns wheel, drag, pinch, click and hover on the canvas into the next transform, selection and hover. */
export function addGestures(
  canvas: HTMLCanvasElement,
  store: ViewerStore,
  source: Source,
  signal: AbortSignal,
): Motion {
  let gliding = 0;

  function show(t: Transform): void {
    const { scene } = store.state;
    if (scene === null) return;
    const next = clamp(t, scene.limits);
    store.set({ transform: next.k <= scene.limits.fit.k ? null : next });
  }

  function goTo(target: Transform): void {
    const { scene } = store.state;
    const from = currentTransform(store.state);
    if (scene === null || from === null) return;
    cancelAnimationFrame(gliding);
    const to = clamp(target, scene.limits);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      show(to);
      return;
    }
    const start = performance.now();
    const step = (now: number) => {
      const u = Math.min(1, Math.max(0, (now - start) / GLIDE));
      show(between(from, to, 1 - (1 - u) ** 3));
      if (u < 1) gliding = requestAnimationFrame(step);
    };
    gliding = requestAnimationFrame(step);
  }

  function zoomBy(factor: number, anchor?: Point): void {
    const t = currentTransform(store.state);
    if (t === null) return;
    goTo(zoomAt(t, factor, anchor ?? focusOf(store.state)));
  }

  function fit(): void {
    const { scene } = store.state;
    if (scene !== null) goTo(scene.limits.fit);
  }

  const behavior: ZoomBehavior<HTMLCanvasElement, unknown> = zoom<HTMLCanvasElement, unknown>()
    .clickDistance(4)
    .extent(() => {
      const { width, height } = store.state.viewport;
      return [
        [0, 0],
        [width, height],
      ];
    })
    .filter((event: Event) => {
      if (store.state.scene === null) return false;
      if (event instanceof WheelEvent) return event.ctrlKey || event.metaKey || hasFocus(canvas);
      // While all is shown, one finger scrolls the page.
      if ("touches" in event)
        return store.state.transform !== null || (event as TouchEvent).touches.length > 1;
      return !(event instanceof MouseEvent) || event.button === 0;
    })
    .wheelDelta((event: WheelEvent) => {
      const unit = event.deltaMode === 1 ? 0.05 : event.deltaMode ? 1 : 0.002;
      // A pinch on a touchpad comes as a wheel with Ctrl and small steps.
      const gain = event.ctrlKey && Math.abs(event.deltaY) < 16 ? 8 : 1;
      return Math.min(1, Math.max(-1, -event.deltaY * unit * gain));
    })
    .constrain((t) => {
      const { scene } = store.state;
      if (scene === null) return t;
      const { k, x, y } = clamp(t, scene.limits);
      return new ZoomTransform(k, x, y);
    })
    .on("start", ({ sourceEvent }: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
      if (sourceEvent !== null) cancelAnimationFrame(gliding);
      if (sourceEvent !== null && sourceEvent.type !== "wheel") canvas.dataset.grabbed = "";
    })
    .on("zoom", ({ sourceEvent, transform }: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
      if (sourceEvent !== null && !press.isPointing) show(transform);
    })
    .on("end", () => {
      delete canvas.dataset.grabbed;
      follow();
    });

  const selection: Selection<HTMLCanvasElement, unknown, null, undefined> = select<
    HTMLCanvasElement,
    unknown
  >(canvas);
  selection.call(behavior);
  // d3 hands a double tap to this name too, as a touch event.
  selection.on("dblclick.zoom", (event: MouseEvent | TouchEvent) => {
    event.preventDefault();
    const at = "changedTouches" in event ? event.changedTouches[0] : event;
    const [x, y] = pointer(at, canvas);
    zoomBy(event.shiftKey ? 0.5 : 2, { x, y });
  });
  signal.addEventListener(
    "abort",
    () => {
      selection.on(".zoom", null);
      cancelAnimationFrame(gliding);
    },
    { once: true },
  );

  // d3 keeps the transform of its gestures on the element: it must start from what the store shows.
  const follow = () => {
    const { scene } = store.state;
    const t = currentTransform(store.state);
    // A finger pans only what is zoomed in.
    canvas.style.touchAction = store.state.transform === null ? "pan-y" : "none";
    if (scene === null || t === null) return;
    behavior.scaleExtent([scene.limits.fit.k, Math.max(scene.limits.kMax, scene.limits.fit.k)]);
    const held = (canvas as { __zoom?: ZoomTransform }).__zoom;
    if (held === undefined || !same(held, t)) {
      (canvas as { __zoom?: ZoomTransform }).__zoom = new ZoomTransform(t.k, t.x, t.y);
    }
  };
  store.on(["transform", "scene"], follow, signal);
  follow();

  function worldAt(event: MouseEvent): Point | null {
    const t = currentTransform(store.state);
    const [x, y] = pointer(event, canvas);
    return t === null ? null : invert(t, { x, y });
  }

  function hover(event: PointerEvent): void {
    if (event.pointerType === "touch" && !press.isPointing) return;
    const { scene } = store.state;
    const point = worldAt(event);
    const isRead = scene !== null && point !== null && isWanted(scene.frame, store.state);
    const cell = isRead ? cellAt(scene.layout, point) : null;
    if (!sameCell(cell, store.state.hover)) store.set({ hover: cell, inCells: false });
  }

  let beforeClick: readonly number[] = [];
  function click(event: MouseEvent): void {
    const { scene, channels } = store.state;
    const point = worldAt(event);
    if (scene === null || point === null || !isWanted(scene.frame, store.state)) return;
    const position = positionAt(scene.layout, point);
    if (position === null) return;
    if (event.detail > 1) {
      // The first click of a double click, which zooms, picked: that is taken back.
      if (event.detail === 2) source.choose({ channels: beforeClick });
      return;
    }
    beforeClick = channels;
    const channel = scene.frame.channels[scene.order[position]];
    source.choose({ channels: pick(channels, channel, event.shiftKey || event.ctrlKey || event.metaKey) });
  }

  const press = followLongPress(canvas, hover, signal);
  canvas.addEventListener("pointermove", hover, { signal, passive: true });
  // What a finger pointed at stays to be read.
  canvas.addEventListener(
    "pointerleave",
    ({ pointerType }) => pointerType !== "touch" && !store.state.inCells && store.set({ hover: null }),
    { signal },
  );
  canvas.addEventListener("click", click, { signal });
  return { zoomBy, fit, goTo };
}

/** Whether the canvas is what keys go to; in a shadow tree, the document's active element is its host. */
function hasFocus(canvas: HTMLCanvasElement): boolean {
  const root = canvas.getRootNode();
  return (root instanceof Document || root instanceof ShadowRoot) && root.activeElement === canvas;
}

function sameCell(a: Cell | null, b: Cell | null): boolean {
  if (a === null || b === null) return a === b;
  return a.position === b.position && a.plane === b.plane && a.row === b.row && a.column === b.column;
}
