import { atEnd, createTimer, listen } from "./listen.js";

/** Milliseconds that a finger rests before it points, and CSS pixels that it may tremble. */
const REST = 400;
const TREMBLE = 8;

/** Whether a finger points now. */
export interface LongPress {
  readonly isPointing: boolean;
}

/**
 * A finger that rests on the canvas points, as a mouse does by hovering: until it is lifted, what it moves over
 * is read and the picture stays where it is.
 *
 * @param point called when it begins, and for each movement after that.
 */
export function followLongPress(
  canvas: HTMLCanvasElement,
  point: (event: PointerEvent) => void,
  signal: AbortSignal,
): LongPress {
  let first: PointerEvent | null = null;
  const rest = createTimer(signal);
  let isPointing = false;

  function end(): void {
    rest();
    first = null;
    isPointing = false;
  }

  function down(event: PointerEvent): void {
    const isAlone = event.isPrimary && event.pointerType === "touch";
    end();
    if (!isAlone) return;
    first = event;
    rest(() => {
      isPointing = true;
      point(event);
    }, REST);
  }

  function move(event: PointerEvent): void {
    if (!first || event.pointerId !== first.pointerId) return;
    if (isPointing) point(event);
    else if (Math.hypot(event.clientX - first.clientX, event.clientY - first.clientY) > TREMBLE) end();
  }

  listen(canvas, "pointerdown", down, signal);
  listen(canvas, "pointermove", move, signal);
  listen(canvas, ["pointerup", "pointercancel"], end, signal);
  // A rest of a finger asks for a menu, which would cover what it points at.
  listen(canvas, "contextmenu", (event) => first !== null && event.preventDefault(), signal);
  atEnd(signal, end);
  return {
    get isPointing() {
      return isPointing;
    },
  };
}
