import { pointOn } from "./dom.js";
import { listen } from "./listen.js";
import type { LongPress } from "./longpress.js";
import type { Motion } from "./motion.js";
import { currentTransform, type ViewerStore } from "./state.js";
import { distance, hold, invert, middle, type Point, scaleWithin } from "./transform.js";

/** CSS pixels that a mouse may move between down and up, which still is a click. */
const TREMBLE = 4;

/** What one finger or the mouse holds: where it is on the canvas, and what of the world should lie there. */
interface Held {
  at: Point;
  world: Point;
}

/** Pans by a drag and zooms by two fingers: what is under a pointer when it takes hold stays under it. */
export function followGrip(
  canvas: HTMLCanvasElement,
  store: ViewerStore,
  motion: Motion,
  press: LongPress,
  signal: AbortSignal,
): void {
  const held = new Map<number, Held>();
  let isGrabbed = false;
  let first: Point = { x: 0, y: 0 };
  let hasMoved = false;

  function holdAnew(): void {
    const t = currentTransform(store.state);
    if (t) for (const each of held.values()) each.world = invert(t, each.at);
  }

  function down(event: PointerEvent): void {
    const { scene, transform } = store.state;
    if (!scene || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const at = pointOn(canvas, event);
    if (held.size === 0) {
      first = at;
      hasMoved = false;
    }
    held.set(event.pointerId, { at, world: at });
    holdAnew();
    // While all is shown, one finger scrolls the page.
    if (event.pointerType === "touch" && !transform && held.size === 1) return;
    isGrabbed = true;
    motion.stop();
    canvas.dataset.grabbed = "";
  }

  function move(event: PointerEvent): void {
    const { scene } = store.state;
    const t = currentTransform(store.state);
    const own = held.get(event.pointerId);
    if (!own || !scene || !t) return;
    own.at = pointOn(canvas, event);
    if (!isGrabbed || press.isPointing) return;
    hasMoved ||= distance(own.at, first) > TREMBLE;
    const [a, b] = held.values();
    if (!b) {
      motion.show(hold(t.k, a.at, a.world));
      return;
    }
    const k = scaleWithin(distance(a.at, b.at) / distance(a.world, b.world), scene.limits);
    motion.show(hold(k, middle(a.at, b.at), middle(a.world, b.world)));
  }

  function end({ pointerId }: PointerEvent): void {
    if (!held.delete(pointerId)) return;
    holdAnew();
    if (held.size > 0) return;
    isGrabbed = false;
    delete canvas.dataset.grabbed;
    setTimeout(() => (hasMoved = false)); // after the click, which comes at once or not at all
  }

  /** What moves the picture is not the page's too, such as a scroll by two fingers. */
  function keep(event: Event): void {
    if (!isGrabbed) return;
    event.stopPropagation();
    if (event.type === "touchmove" && event.cancelable) event.preventDefault();
  }

  listen(canvas, "pointerdown", down, signal);
  listen(canvas, "pointermove", move, signal);
  listen(canvas, "lostpointercapture", end, signal);
  listen(canvas, ["mousedown", "touchstart", "touchmove"], keep, signal);
  // The click that ends a drag is none.
  listen(canvas, "click", (event) => hasMoved && event.stopImmediatePropagation(), signal);
}
