import { element, setAttributes, take } from "../dom.js";
import { listen } from "../listen.js";
import type { Source } from "../source.js";
import type { ViewerStore } from "../state.js";

/** CSS pixels. */
const LEAST = 320;
const MOST = 2400;
const STEP = 20;

/** The lower edge of the view, to be dragged up and down, or moved by the arrow keys. */
export function sizerPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const sizer = element("div.sizer", {
    role: "separator",
    "aria-orientation": "horizontal",
    "aria-label": "Height of the view",
    "aria-valuemin": LEAST,
    "aria-valuemax": MOST,
    tabindex: 0,
    title: "Drag to change the height",
  });
  let from: { readonly y: number; readonly height: number } | null = null;

  const within = (height: number) => Math.round(Math.min(Math.max(height, LEAST), MOST));

  function end(event: PointerEvent): void {
    if (!from) return;
    from = null;
    if (sizer.hasPointerCapture(event.pointerId)) sizer.releasePointerCapture(event.pointerId);
    source.choose({ height: store.state.height });
  }

  listen(
    sizer,
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      sizer.setPointerCapture(event.pointerId);
      from = { y: event.clientY, height: store.state.height };
    },
    signal,
  );
  // Only this view follows the hand; Python and the other views hear of where it ends.
  listen(
    sizer,
    "pointermove",
    ({ clientY }) => from && store.set({ height: within(from.height + clientY - from.y) }),
    signal,
  );
  listen(sizer, ["pointerup", "pointercancel"], end, signal);
  listen(
    sizer,
    "keydown",
    (event) => {
      const by = { ArrowUp: -STEP, ArrowDown: STEP }[event.key];
      if (by === undefined) return;
      take(event);
      source.choose({ height: within(store.state.height + by) });
    },
    signal,
  );
  store.show(["height"], ({ height }) => setAttributes(sizer, { "aria-valuenow": height }), signal);
  return sizer;
}
