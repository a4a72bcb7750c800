import { ranked } from "./badges.js";
import { Cache } from "./cache.js";
import { FEATURE_MAPS, FILTERS, type Frame, keyIn, keyOf } from "./frame.js";
import { atEnd } from "./listen.js";
import type { Source } from "./source.js";
import { currentLayer, type State, type ViewerStore, WANTED, wanted } from "./state.js";
import { NOTHING } from "./wire.js";

/** Bytes of frames that a view keeps, to draw a layer seen before at once. */
const BUDGET = 48 * 2 ** 20;
/** Kinds of notes that say why a layer has no maps. */
const WHY_NOT = new Set(["never ran", "not taken", "weights bypassed"]);
/** Milliseconds without an answer after which a view says so. */
const PATIENCE = 4000;
/** Milliseconds that the frame behind a stand-in has to come before the stand-in is shown. */
const GRACE = 1000;
/** Milliseconds that panels speak of the layer before, which is on the screen, while the next one is on its way. */
const LATE = 120;
/** Milliseconds that a pointer rests on a layer until its frame is fetched ahead of the click. */
const REST = 40;
/** How many times as long as it takes to fetch a frame ahead the link is then left to what is asked for. */
const SPARE = 4;

/**
 * Carries what the source says into the store, and sees to it that the store's frame becomes the one wanted:
 * from the cache when it was seen before, else from the source.
 */
export function feed(store: ViewerStore, source: Source, signal: AbortSignal): void {
  const cache = new Cache<string, Frame>(BUDGET);
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let late: ReturnType<typeof setTimeout> | undefined;
  let grace: ReturnType<typeof setTimeout> | undefined;
  let resting: ReturnType<typeof setTimeout> | undefined;
  let spare = 0;
  let fetching: AbortController | null = null;
  let asked = "";
  let { came } = store.state;

  function showWanted(): void {
    const { state } = store;
    rest();
    fetching?.abort();
    fetching = null;
    const key = wanted(state);
    asked = keyOf(key);
    const now = performance.now();
    came = { asked: now, arrived: now, decoded: now, spent: NOTHING };
    const frame = cache.get(asked);
    if (frame !== undefined && !(frame.standIn && source.live)) {
      show({ frame, came, status: { kind: "ready" } });
      return;
    }
    const reason = impossible(state);
    if (reason !== null) {
      show({ frame: null, status: reason });
      return;
    }
    store.hold();
    late = setTimeout(() => store.release(), LATE);
    store.set({ status: { kind: "loading" } });
    if (state.metadata.layers.length === 0) return;
    waiting = setTimeout(() => {
      if (source.live && store.state.connection === "ok") store.set({ connection: "slow" });
    }, PATIENCE);
    source.want(key);
  }

  source.onChange((patch) => store.set(patch), signal);
  source.onFrame((arrival) => {
    const { state } = store;
    if ("frame" in arrival) {
      if (arrival.frame.generation < state.generation) return;
      came = { ...came, arrived: arrival.arrived, decoded: performance.now(), spent: arrival.spent };
      const { frame } = arrival;
      const known = cache.get(keyOf(frame));
      if (frame.standIn && known?.standIn === false) return showIfNews(known);
      cache.set(keyOf(frame), frame);
      if (frame.standIn && source.live && keyOf(frame) === keyOf(wanted(state))) void fetchWhole(frame);
      else showIfNews(frame);
    } else if (state.status.kind !== "ready") {
      show({ frame: null, status: { kind: arrival.absent ? "empty" : "error", text: arrival.failure } });
    }
  }, signal);
  store.on(
    WANTED,
    () => {
      // Another call or image of filters is the same frame: nothing to show anew.
      const key = keyOf(wanted(store.state));
      if (key !== asked || store.state.status.kind !== "ready" || impossible(store.state) !== null)
        showWanted();
    },
    signal,
  );
  // With a problem, Python sends no frame; the banner says what it is.
  store.on(
    ["problem"],
    () => {
      if (store.state.problem === "" || store.state.status.kind !== "loading") return;
      show({ frame: null, status: { kind: "empty", text: "" } });
    },
    signal,
  );
  store.on(
    ["ahead"],
    () => {
      clearTimeout(resting);
      if (store.state.ahead !== "" && source.live) resting = setTimeout(fetchAhead, REST);
    },
    signal,
  );
  atEnd(signal, () => {
    rest();
    clearTimeout(resting);
    fetching?.abort();
  });
  showWanted();

  /** Shows what the frame stands in for once it comes, and the frame itself until then, where that takes long. */
  async function fetchWhole(frame: Frame): Promise<void> {
    if (fetching !== null) return;
    const mine = new AbortController();
    fetching = mine;
    clearTimeout(waiting);
    grace = setTimeout(() => showIfNews(frame), GRACE);
    try {
      const whole = await source.whole(keyIn(frame), mine.signal);
      // An answer out of another look is of other values; the frame of that look is on its way.
      if (keyOf(whole) !== keyOf(frame) || mine.signal.aborted) return;
      cache.set(keyOf(whole), whole);
      showFetched(whole);
    } catch {
      if (!mine.signal.aborted) showIfNews(frame);
    } finally {
      if (fetching === mine) fetching = null;
    }
  }

  /** Fetches the frame of the layer under the pointer, one at a time: a click on it then shows it at once. */
  async function fetchAhead(): Promise<void> {
    const { ahead: layer, generation, connection } = store.state;
    const key = wanted({ ...store.state, layer, call: 0 });
    const next = { ...store.state, layer };
    const begun = performance.now();
    if (
      begun < spare ||
      connection !== "ok" ||
      keyOf(key) === asked ||
      cache.get(keyOf(key)) !== undefined ||
      impossible(next) !== null
    )
      return;
    spare = begun + PATIENCE; // what a kernel that left was asked for never comes
    try {
      const frame = await source.ahead(key, signal);
      if (frame.generation !== generation) return;
      cache.set(keyOf(frame), frame);
      if (store.state.status.kind === "loading") showFetched(frame);
    } catch {
      // Then it is asked for when it is picked, and why it cannot be had is said there.
    } finally {
      const now = performance.now();
      spare = now + SPARE * (now - begun);
    }
  }

  /** Shows what came by a message, of which the kernel does not say what it spent. */
  function showFetched(frame: Frame): void {
    const now = performance.now();
    came = { ...came, arrived: now, decoded: now, spent: NOTHING };
    showIfNews(frame);
  }

  function showIfNews(frame: Frame): void {
    if (keyOf(frame) === keyOf(wanted(store.state)))
      show({ frame, came, status: { kind: "ready" }, connection: "ok" });
  }

  /** Ends the wait: with a frame, which is painted first and then spoken of, or with the reason why there is none. */
  function show(patch: Partial<State>): void {
    rest();
    store.set(patch);
    store.release();
  }

  function rest(): void {
    for (const timer of [waiting, late, grace]) clearTimeout(timer);
  }
}

/** Why no frame can come for what is wanted; null when one can. */
function impossible(state: Readonly<State>): State["status"] | null {
  const { metadata, notes, view } = state;
  if (metadata.mismatch) return { kind: "error", text: metadata.mismatch };
  if (metadata.layers.length === 0) return null;
  const layer = currentLayer(state);
  if (layer === null) return { kind: "empty", text: `There is no layer “${state.layer}”.` };
  if (view === FEATURE_MAPS && !layer.ran) {
    const why = ranked(notes.get(layer.name)).find(({ kind }) => WHY_NOT.has(kind));
    return {
      kind: "empty",
      text: `${why?.text ?? "It did not run for this input."} There are no feature maps.`,
    };
  }
  if (view === FILTERS && layer.filtersShape === null) {
    return { kind: "empty", text: "This layer has no filters." };
  }
  return null;
}
