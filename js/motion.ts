import { atEnd } from "./listen.js";
import { focusOf } from "./scene.js";
import { currentTransform, type ViewerStore } from "./state.js";
import { between, clamp, type Point, type Transform, zoomAt } from "./transform.js";

/** Milliseconds of a movement that is not the pointer's own. */
const GLIDE = 180;

/** What hands, buttons and keys can do to the picture. */
export interface Motion {
  /** Shows the nearest transform within the limits, at once. */
  show(transform: Transform): void;
  /** Ends the movement that goes on, where it is. */
  stop(): void;
  goTo(transform: Transform): void;
  /** Scales about `anchor`, a point of the canvas in CSS pixels; without it, about what is picked. */
  zoomBy(factor: number, anchor?: Point): void;
  fit(): void;
}

/** Moves the picture: at once under a hand, gliding for all else. */
export function createMotion(store: ViewerStore, signal: AbortSignal): Motion {
  let gliding = 0;

  function show(t: Transform): void {
    const { scene } = store.state;
    if (!scene) return;
    const next = clamp(t, scene.limits);
    store.set({ transform: next.k <= scene.limits.fit.k ? null : next });
  }

  const stop = () => cancelAnimationFrame(gliding);

  function goTo(target: Transform): void {
    const { scene } = store.state;
    const from = currentTransform(store.state);
    if (!scene || !from) return;
    stop();
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
    if (t) goTo(zoomAt(t, factor, anchor ?? focusOf(store.state)));
  }

  function fit(): void {
    const { scene } = store.state;
    if (scene) goTo(scene.limits.fit);
  }

  atEnd(signal, stop);
  return { show, stop, goTo, zoomBy, fit };
}
