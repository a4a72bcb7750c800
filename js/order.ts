import { type Frame, statistic } from "./frame.js";
import type { Sort } from "./wire.js";

/**
 * The frame's tiles in the order in which they are shown: by channel, or the largest first. Equal ones, and
 * those without a number, keep the order of their channels.
 */
export function order(frame: Frame, sort: Sort): Int32Array {
  const keys = Float64Array.from({ length: frame.tiles }, (_, tile) => sortKey(frame, tile, sort));
  return Int32Array.from({ length: frame.tiles }, (_, tile) => tile).sort(
    (a, b) => compare(keys[b], keys[a]) || frame.channels[a] - frame.channels[b] || a - b,
  );
}

/** The inverse: at which position each tile is. */
export function positions(order: Int32Array): Int32Array {
  const result = new Int32Array(order.length);
  for (let position = 0; position < order.length; position++) result[order[position]] = position;
  return result;
}

function sortKey(frame: Frame, tile: number, sort: Sort): number {
  const key = keyOf(frame, tile, sort);
  return Number.isNaN(key) ? Number.NEGATIVE_INFINITY : key;
}

function keyOf(frame: Frame, tile: number, sort: Sort): number {
  if (sort === "index" || sort === "similarity") return 0;
  if (sort === "max") return frame.bounds[2 * tile + 1];
  // All tiles have as many values: the root of their mean square orders them as their norm does.
  if (sort === "norm") return Math.hypot(statistic(frame, tile, "mean"), statistic(frame, tile, "std"));
  return statistic(frame, tile, sort);
}

// Not a difference, which is NaN for two infinities.
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
