import type { State } from "./state.js";
import type { Choice } from "./wire.js";

/** Another layer: its first call, and no channel picked and all of it shown, since those are a layer's. */
export const pickLayer = (layer: string): Choice => ({
  layer,
  call: 0,
  channels: [],
  pinned: [],
  place: null,
});

/** The picked channels after a click on one: it alone, or none when it was; `extend` adds and removes it. */
export function pick(channels: readonly number[], channel: number, extend: boolean): number[] {
  const picked = channels.includes(channel);
  if (extend) return picked ? channels.filter((other) => other !== channel) : [...channels, channel];
  return picked && channels.length === 1 ? [] : [channel];
}

/** The picked channels alone, side by side; all again where some are shown alone. */
export const comparison = ({ channels, pinned }: Readonly<State>): Choice => ({
  pinned: pinned.length > 0 ? [] : channels,
});
