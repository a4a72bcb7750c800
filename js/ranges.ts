import { FILTERS, type Frame, statistic, tileSize } from "./frame.js";
import type { Scale } from "./wire.js";

/** The values at the two ends of the colors. */
export interface Range {
  readonly lo: number;
  readonly hi: number;
}

/**
 * One range for all tiles of a layer, or null when each tile has its own. Tiles of a single value, which would all
 * look alike in a range of their own, share one.
 */
export function sharedRange(frame: Frame, scale: Scale): Range | null {
  if (scale === "channel" && tileSize(frame.shape) > 1) return null;
  return layerRange(frame, scale === "symmetric");
}

/** The least and greatest value of the layer; about zero when symmetric, as filters always are. */
export function layerRange(frame: Frame, symmetric: boolean): Range {
  let lo = Number.POSITIVE_INFINITY;
  let hi = Number.NEGATIVE_INFINITY;
  for (let tile = 0; tile < frame.tiles; tile++) {
    if (isEmpty(frame, tile)) continue;
    lo = Math.min(lo, frame.bounds[2 * tile]);
    hi = Math.max(hi, frame.bounds[2 * tile + 1]);
  }
  if (lo > hi) return { lo: 0, hi: 0 };
  if (!symmetric && frame.view !== FILTERS) return { lo, hi };
  const most = Math.max(Math.abs(lo), Math.abs(hi));
  return { lo: -most, hi: most };
}

export function tileRange(frame: Frame, tile: number): Range {
  return { lo: frame.bounds[2 * tile], hi: frame.bounds[2 * tile + 1] };
}

/** Whether no value of the tile is finite, so that its bounds mean nothing. */
export function isEmpty(frame: Frame, tile: number): boolean {
  return statistic(frame, tile, "nonfinite") >= tileSize(frame.shape);
}

/** How many values of the layer are not finite. */
export function nonfiniteCount(frame: Frame): number {
  let count = 0;
  for (let tile = 0; tile < frame.tiles; tile++) count += statistic(frame, tile, "nonfinite") || 0;
  return count;
}
