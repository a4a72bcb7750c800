import { dequantize, FILTERS, type Frame, statistic, tileSize } from "./frame.js";
import type { Scale } from "./wire.js";

/** The values at the two ends of the colors. */
export interface Range {
  readonly lo: number;
  readonly hi: number;
}

/** What the ends of the colors are, as a person asks for it. */
export interface RangeChoice {
  readonly scale: Scale;
  readonly limits: readonly [lo: number, hi: number] | null;
  /** Percent of the values at each end that may lie beyond the colors. */
  readonly clip: number;
}

/**
 * One range for all tiles of a layer, or null when each tile has its own. Tiles of a single value, which would all
 * look alike in a range of their own, share one.
 */
export function sharedRange(frame: Frame, choice: RangeChoice): Range | null {
  const { scale, clip } = choice;
  const typed = typedRange(choice);
  if (typed || (scale === "channel" && tileSize(frame.shape) > 1)) return typed;
  return layerRange(frame, scale === "symmetric", clip);
}

/** The limits where they are what is asked for, and typed. */
export const typedRange = ({ scale, limits }: Omit<RangeChoice, "clip">): Range | null =>
  scale === "limits" && limits ? { lo: limits[0], hi: limits[1] } : null;

/** The least and greatest value of the layer, or of what `clip` leaves; about zero when symmetric, as filters are. */
export function layerRange(frame: Frame, symmetric: boolean, clip = 0): Range {
  const isSymmetric = symmetric || frame.view === FILTERS;
  const full = fullRange(frame);
  if (clip > 0 && full.hi > full.lo) return clippedLayer(frame, full, isSymmetric, clip);
  return isSymmetric ? about(Math.max(Math.abs(full.lo), Math.abs(full.hi))) : full;
}

/** The range of one tile: its bounds, or what `clip` leaves of them. */
export function ownRange(frame: Frame, tile: number, clip: number): Range {
  const bounds = tileRange(frame, tile);
  if (!(clip > 0 && bounds.hi > bounds.lo)) return bounds;
  const counts = codeCounts(frame, tile);
  counts[0] = 0;
  return percentiles(
    counts,
    { lo: bounds.lo - (bounds.hi - bounds.lo) / 254, hi: bounds.hi },
    frame.view === FILTERS,
    clip,
  );
}

const about = (most: number): Range => ({ lo: -most, hi: most });

function fullRange(frame: Frame): Range {
  let lo = Number.POSITIVE_INFINITY;
  let hi = Number.NEGATIVE_INFINITY;
  for (let tile = 0; tile < frame.tiles; tile++) {
    if (isEmpty(frame, tile)) continue;
    lo = Math.min(lo, frame.bounds[2 * tile]);
    hi = Math.max(hi, frame.bounds[2 * tile + 1]);
  }
  return lo > hi ? { lo: 0, hi: 0 } : { lo, hi };
}

/** Bins of the common histogram of a layer's tiles. */
const BINS = 4096;

function clippedLayer(frame: Frame, full: Range, symmetric: boolean, clip: number): Range {
  const counts = new Float64Array(BINS);
  for (let tile = 0; tile < frame.tiles; tile++) {
    if (isEmpty(frame, tile)) continue;
    const own = codeCounts(frame, tile);
    for (let code = 1; code < 256; code++) {
      if (own[code] === 0) continue;
      const share = (dequantize(frame, tile, code) - full.lo) / (full.hi - full.lo);
      counts[Math.round(share * (BINS - 1))] += own[code];
    }
  }
  return percentiles(counts, full, symmetric, clip);
}

/** How often each code is in a tile. */
export function codeCounts({ codes, tiles }: Frame, tile: number): Float64Array {
  const counts = new Float64Array(256);
  const size = codes.length / tiles;
  for (let i = tile * size; i < (tile + 1) * size; i++) counts[codes[i]]++;
  return counts;
}

/**
 * Where `clip` percent of what was counted lie below, and as many above. About zero: where twice as many have a
 * larger magnitude.
 *
 * @param counts of values evenly spaced from lo to hi.
 */
function percentiles(counts: Float64Array, { lo, hi }: Range, symmetric: boolean, clip: number): Range {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const most = (total * clip) / 100;
  const valueAt = (bin: number) => lo + ((hi - lo) * bin) / (counts.length - 1);
  let [low, high] = [0, counts.length - 1];
  if (symmetric) {
    // From the outside in, always the end that is farther from zero.
    for (let beyond = 0; low < high; ) {
      const isLow = Math.abs(valueAt(low)) > Math.abs(valueAt(high));
      beyond += counts[isLow ? low : high];
      if (beyond > 2 * most) break;
      if (isLow) low++;
      else high--;
    }
    return about(Math.max(Math.abs(valueAt(low)), Math.abs(valueAt(high))));
  }
  for (let below = counts[low]; below <= most && low < high; below += counts[low]) low++;
  for (let above = counts[high]; above <= most && high > low; above += counts[high]) high--;
  return { lo: valueAt(low), hi: valueAt(high) };
}

export const tileRange = (frame: Frame, tile: number): Range => ({
  lo: frame.bounds[2 * tile],
  hi: frame.bounds[2 * tile + 1],
});

/** Whether no value of the tile is finite, so that its bounds mean nothing. */
export const isEmpty = (frame: Frame, tile: number): boolean =>
  statistic(frame, tile, "nonfinite") >= tileSize(frame.shape);

/** How many values of the layer are not finite. */
export function nonfiniteCount(frame: Frame): number {
  let count = 0;
  for (let tile = 0; tile < frame.tiles; tile++) count += statistic(frame, tile, "nonfinite") || 0;
  return count;
}
