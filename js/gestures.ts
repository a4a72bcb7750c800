import { pointOn } from "./dom.js";
import { followGrip } from "./grip.js";
import { cellAt, positionAt } from "./layout.js";
import { listen } from "./listen.js";
import { followLongPress } from "./longpress.js";
import { createMotion, type Motion } from "./motion.js";
import { channelAt } from "./order.js";
import { isSame } from "./same.js";
import { pick } from "./selection.js";
import type { Source } from "./source.js";
import { currentTransform, readable, type State, type ViewerStore } from "./state.js";
import { invert, type Point } from "./transform.js";
import { followWheel } from "./wheel.js";

/** Turns wheel, drag, pinch, click and hover on the canvas into the next transform, selection and hover. */
export function addGestures(
  canvas: HTMLCanvasElement,
  store: ViewerStore,
  source: Source,
  signal: AbortSignal,
): Motion {
  const motion = createMotion(store, signal);
  const press = followLongPress(canvas, hover, signal);
  followGrip(canvas, store, motion, press, signal);
  followWheel(canvas, store, motion, signal);

  // A finger pans only what is zoomed in.
  const leaveToPage = ({ transform }: Readonly<State>) => {
    canvas.style.touchAction = transform ? "none" : "pan-y";
  };
  store.show(["transform"], leaveToPage, signal);

  function worldAt(event: MouseEvent): Point | null {
    const t = currentTransform(store.state);
    return t ? invert(t, pointOn(canvas, event)) : null;
  }

  function hover(event: PointerEvent): void {
    if (event.pointerType === "touch" && !press.isPointing) return;
    const scene = readable(store.state);
    const point = worldAt(event);
    const cell = scene && point ? cellAt(scene.layout, point) : null;
    if (!isSame(cell, store.state.hover)) store.set({ hover: cell, inCells: false });
  }

  let beforeClick: readonly number[] = [];
  function click(event: MouseEvent): void {
    const { channels } = store.state;
    const scene = readable(store.state);
    const point = worldAt(event);
    if (!scene || !point) return;
    const position = positionAt(scene.layout, point);
    if (position === null) return;
    if (event.detail > 1) {
      // The first click of a double click, which zooms, picked: that is taken back.
      if (event.detail === 2) source.choose({ channels: beforeClick });
      return;
    }
    beforeClick = channels;
    const channel = channelAt(scene, position);
    source.choose({ channels: pick(channels, channel, event.shiftKey || event.ctrlKey || event.metaKey) });
  }

  function doubleClick(event: MouseEvent): void {
    event.preventDefault();
    motion.zoomBy(event.shiftKey ? 0.5 : 2, pointOn(canvas, event));
  }

  listen(canvas, "pointermove", hover, signal);
  // What a finger pointed at stays to be read.
  listen(
    canvas,
    "pointerleave",
    ({ pointerType }) => pointerType !== "touch" && !store.state.inCells && store.set({ hover: null }),
    signal,
  );
  listen(canvas, "click", click, signal);
  listen(canvas, "dblclick", doubleClick, signal);
  return motion;
}
