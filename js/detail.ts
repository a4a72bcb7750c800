import { Cache } from "./cache.js";
import { type Frame, keyIn, keyOf, tileSize } from "./frame.js";
import { positionsIn } from "./layout.js";
import { createController, createTimer } from "./listen.js";
import { channelAt } from "./order.js";
import type { Source } from "./source.js";
import { currentTransform, type Detail, isWanted, type State, type ViewerStore } from "./state.js";
import { seenThrough } from "./transform.js";

/** Bytes of one answer, and of all that is asked for while the picture stays where it is. */
const ANSWER = 0.95 * 2 ** 20;
const SCREENFUL = 6 * 2 ** 20;
const BUDGET = 32 * 2 ** 20;
/** Milliseconds: how long the picture must rest, and how long an answer may take. */
const REST = 150;
const PATIENCE = 10_000;

/** Where a frame holds averages and the zoom shows more than they hold, asks for the values on the screen. */
export function followDetail(store: ViewerStore, source: Source, signal: AbortSignal): void {
  if (!source.live) return;
  let of: Frame | null = null;
  let known = new Cache<number, Detail>(BUDGET);
  let refused = new Set<number>();
  let request: AbortController | null = null;
  const rest = createTimer(signal);

  function start({ frame, details }: Readonly<State>): void {
    rest();
    if (frame !== of) {
      of = frame;
      known = new Cache(BUDGET);
      refused = new Set();
      request?.abort();
      request = null;
      if (details.size > 0) store.set({ details: new Map() });
    }
    if (of && of.factor > 1) rest(ask, REST);
  }

  async function ask(): Promise<void> {
    if (request || !of) return;
    const frame = of;
    const missing = lacking(store.state).filter((channel) => !refused.has(channel));
    const channels = missing.slice(0, Math.max(1, Math.floor(ANSWER / tileSize(frame.shape))));
    if (channels.length === 0) return;
    const mine = createController(signal);
    request = mine;
    const timer = setTimeout(() => {
      if (store.state.connection === "ok") store.set({ connection: "slow" });
      mine.abort();
    }, PATIENCE);
    try {
      const { generation: _, ...key } = keyIn(frame);
      const answer = await source.detail({ ...key, channels, factor: 1 }, mine.signal);
      // An answer out of another look is none: its values are not those that are shown.
      if (of !== frame || mine.signal.aborted || keyOf(answer) !== keyOf(frame)) return;
      for (const channel of channels) refused.add(channel);
      answer.channels.forEach((channel, tile) => {
        refused.delete(channel);
        known.set(channel, { frame: answer, tile, byteLength: answer.byteLength / answer.tiles });
      });
      store.set({ details: new Map(known), connection: "ok" });
      rest(ask);
    } catch {
      // What the kernel refuses once, it is not asked again; what it did not answer, when the picture moves.
      if (of === frame && !mine.signal.aborted) for (const channel of channels) refused.add(channel);
    } finally {
      clearTimeout(timer);
      mine.abort();
      if (request === mine) request = null;
    }
  }

  store.on(["frame", "transform", "scene"], start, signal);
}

/** The channels on the screen whose values are needed and not here; none while they would be too many. */
export function lacking(state: Readonly<State>): number[] {
  const { frame, scene, viewport, details } = state;
  const t = currentTransform(state);
  if (!scene || !t || scene.frame !== frame || !isWanted(frame, state)) return [];
  if (frame.factor === 1 || t.k * viewport.ratio * frame.factor <= 1.25) return [];
  const visible = positionsIn(scene.layout, seenThrough(t, viewport));
  if (visible.length * tileSize(frame.shape) > SCREENFUL) return [];
  return visible.map((position) => channelAt(scene, position)).filter((channel) => !details.has(channel));
}
