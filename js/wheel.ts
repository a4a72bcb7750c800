import { pointOn, take } from "./dom.js";
import { listen } from "./listen.js";
import type { Motion } from "./motion.js";
import { currentTransform, type ViewerStore } from "./state.js";
import { hold, invert, type Point, scaleWithin } from "./transform.js";

/** Milliseconds without a turn of the wheel that end a zoom. */
const PAUSE = 150;

/** Zooms about the pointer by the wheel, with Ctrl or Cmd, or while the canvas has the focus. */
export function followWheel(
  canvas: HTMLCanvasElement,
  store: ViewerStore,
  motion: Motion,
  signal: AbortSignal,
): void {
  let anchor: Point = { x: 0, y: 0 };
  let world = anchor;
  let last = Number.NEGATIVE_INFINITY;

  function turn(event: WheelEvent): void {
    const { scene } = store.state;
    const t = currentTransform(store.state);
    if (!scene || !t) return;
    if (!(event.ctrlKey || event.metaKey || hasFocus(canvas))) return;
    const k = scaleWithin(t.k * 2 ** doublings(event), scene.limits);
    const goesOn = event.timeStamp - last < PAUSE;
    // Where no scale is left, the wheel is the page's again, but not in the midst of a zoom.
    if (k === t.k && !goesOn) return;
    take(event);
    last = event.timeStamp;
    const at = pointOn(canvas, event);
    // A pointer that rests holds one point of the picture, also where the limits pushed it away for a while.
    if (!goesOn || at.x !== anchor.x || at.y !== anchor.y) {
      anchor = at;
      world = invert(t, at);
    }
    motion.stop();
    motion.show(hold(k, anchor, world));
  }

  listen(canvas, "wheel", turn, signal);
}

/** How many times an event doubles the scale; wheels count in pixels, lines or pages. */
function doublings({ deltaY, deltaMode, ctrlKey }: WheelEvent): number {
  const unit = deltaMode === 1 ? 0.05 : deltaMode ? 1 : 0.002;
  // A pinch on a touchpad comes as a wheel with Ctrl and small steps.
  const gain = ctrlKey && Math.abs(deltaY) < 16 ? 8 : 1;
  return Math.min(1, Math.max(-1, -deltaY * unit * gain));
}

/** Whether the canvas is what keys go to; in a shadow tree, the document's active element is its host. */
function hasFocus(canvas: HTMLCanvasElement): boolean {
  const root = canvas.getRootNode() as Document | ShadowRoot;
  return root.activeElement === canvas;
}
