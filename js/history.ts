import { keyOf } from "./frame.js";
import { createTimer } from "./listen.js";
import { isSamePlace, placeOf } from "./place.js";
import type { Source } from "./source.js";
import { type State, type ViewerStore, wanted } from "./state.js";
import { isAt, present, revise, step, visit } from "./trail.js";

/** Milliseconds that the picture must rest before the kernel is told where it is. */
const REST = 250;

/** Goes so many steps through what was looked at; nothing where there are not as many. */
export type Go = (by: number) => void;

/**
 * Keeps the trail of what this view showed, and the shared place of the view that was moved last. A place that
 * Python sets is gone to; one that another view of the same widget wrote is its own.
 */
export function followHistory(store: ViewerStore, source: Source, signal: AbortSignal): Go {
  const [id] = crypto.getRandomValues(new Uint32Array(1));
  const me = id.toString(36);
  const rest = createTimer(signal);

  function record(state: Readonly<State>): void {
    const { trail, channels, pinned } = state;
    const key = wanted(state);
    if (!isAt(trail, key)) store.set({ trail: visit(trail, { key, channels, pinned, place: null }) });
  }

  /** What is known of the place that is being looked at, for when it is come back to. */
  function note(state: Readonly<State>): void {
    const { trail, channels, pinned } = state;
    const here = isAt(trail, wanted(state)) && present(trail);
    const place = state.transform ? placeOf(state, "") : null;
    if (!here || (here.channels === channels && here.pinned === pinned && here.place === place)) return;
    store.set({ trail: revise(trail, { channels, pinned, place }) });
  }

  function share(): void {
    rest(() => {
      const { place: shared, arriving, transform } = store.state;
      const place = placeOf(store.state, me);
      if (!place || arriving) return;
      // Who says nothing, shows all.
      const isKnown = shared ? isSamePlace(place, shared) : !transform;
      if (!isKnown) source.choose({ place });
    }, REST);
  }

  function arrive({ place }: Readonly<State>): void {
    if (place?.by !== "") return;
    // What Python sets together comes as one change after the other: the place is one of the last layer of them.
    queueMicrotask(
      () => !signal.aborted && store.set({ arriving: { place, key: keyOf(wanted(store.state)) } }),
    );
  }

  store.show(["layer", "view", "call", "batchIndex"], record, signal);
  store.on(["channels", "pinned", "transform"], note, signal);
  store.on(["transform", "scene"], share, signal);
  store.on(["place"], arrive, signal);

  return (by) => {
    const trail = step(store.state.trail, by);
    if (!trail) return;
    const { channels, pinned, place, key: visited } = trail.visits[trail.at];
    const key = keyOf({ ...visited, generation: store.state.generation });
    // First the trail: so that what follows is no new visit.
    store.set({ trail, arriving: place && { place, key } });
    const { layer, view, call, image } = visited;
    source.choose({ layer, view, call, batchIndex: image, channels, pinned, place: null });
  };
}
