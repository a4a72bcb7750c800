import { type Frame, statistic, tileOf, tileSize } from "./frame.js";
import { isEmpty } from "./ranges.js";
import { upTo } from "./upto.js";
import type { Hide, Sort } from "./wire.js";

/** Which tiles are shown, and in which order. */
export interface Ranking {
  readonly sort: Sort;
  /** The tile that others are compared with; -1 for none. */
  readonly reference: number;
  readonly hide: Hide;
  /** Only these channels, in this order; empty: all. */
  readonly pinned: readonly number[];
}

/**
 * The frame's tiles in the order in which they are shown: by channel, or the largest first. Equal ones, and
 * those without a number, keep the order of their channels.
 */
export function order(frame: Frame, { sort, reference, hide, pinned }: Ranking): Int32Array {
  if (pinned.length > 0) {
    return Int32Array.from(pinned.map((channel) => tileOf(frame, channel)).filter((tile) => tile >= 0));
  }
  const keys = sortKeys(frame, sort, reference);
  return Int32Array.from(upTo(frame.tiles, (tile) => tile))
    .filter((tile) => !isHidden(frame, tile, hide))
    .sort((a, b) => compare(keys[b], keys[a]) || frame.channels[a] - frame.channels[b] || a - b);
}

/** The inverse: at which position each tile is; -1 for those that are not shown. */
export function positions(order: Int32Array, tiles: number): Int32Array {
  const result = new Int32Array(tiles).fill(-1);
  for (let position = 0; position < order.length; position++) result[order[position]] = position;
  return result;
}

/** The channel of the tile at a position. */
export const channelAt = (
  { frame, order }: { readonly frame: Frame; readonly order: Int32Array },
  position: number,
): number => frame.channels[order[position]];

/** Whether all values of a tile are zero, or at least one and the same. */
export function isHidden(frame: Frame, tile: number, hide: Hide): boolean {
  if (hide === "none") return false;
  const isDead = statistic(frame, tile, "zeros") === 1;
  return isDead || (hide === "constant" && isConstant(frame, tile));
}

export const isConstant = (frame: Frame, tile: number): boolean =>
  frame.bounds[2 * tile] === frame.bounds[2 * tile + 1] && !isEmpty(frame, tile) && tileSize(frame.shape) > 1;

function sortKeys(frame: Frame, sort: Sort, reference: number): Float64Array {
  const keys =
    sort === "similarity" && reference >= 0
      ? similarities(frame, reference)
      : Float64Array.from(upTo(frame.tiles, (tile) => sortKey(frame, tile, sort)));
  return keys.map((key) => (Number.isNaN(key) ? Number.NEGATIVE_INFINITY : key));
}

function sortKey(frame: Frame, tile: number, sort: Sort): number {
  if (sort === "index" || sort === "similarity") return 0;
  if (sort === "max") return frame.bounds[2 * tile + 1];
  // All tiles have as many values: the root of their mean square orders them as their norm does.
  if (sort === "norm") return Math.hypot(statistic(frame, tile, "mean"), statistic(frame, tile, "std"));
  return statistic(frame, tile, sort);
}

/**
 * How alike each tile is to one of them: Pearson's correlation, 1 for what differs by brightness and contrast only.
 * Codes are linear in the values, so theirs is that of the values; NaN for a constant. What is not finite counts as
 * the mean.
 */
export function similarities(frame: Frame, reference: number): Float64Array {
  const size = frame.codes.length / frame.tiles;
  const centered = (tile: number, out: Float32Array) => {
    const codes = frame.codes.subarray(tile * size, (tile + 1) * size);
    let sum = 0;
    let count = 0;
    for (const code of codes) {
      if (code === 0) continue;
      sum += code;
      count++;
    }
    const mean = sum / count;
    let squares = 0;
    for (let i = 0; i < size; i++) {
      const off = codes[i] === 0 ? 0 : codes[i] - mean;
      out[i] = off;
      squares += off * off;
    }
    return Math.sqrt(squares);
  };
  const one = new Float32Array(size);
  const other = new Float32Array(size);
  const norm = centered(reference, one);
  const tiles = upTo(frame.tiles, (tile) => {
    const product = norm * centered(tile, other);
    let dot = 0;
    for (let i = 0; i < size; i++) dot += one[i] * other[i];
    return product > 0 ? dot / product : Number.NaN;
  });
  return Float64Array.from(tiles);
}

// Not a difference, which is NaN for two infinities.
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
