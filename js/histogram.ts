import { dequantize, type Frame } from "./frame.js";
import { codeCounts, isEmpty, layerRange, type Range, tileRange } from "./ranges.js";
import { upTo } from "./upto.js";

/** How many values lie in each of evenly wide bins of a range. */
export interface Histogram {
  readonly range: Range;
  readonly counts: readonly number[];
}

/** Bins; a tile's 255 codes share them nearly evenly. */
export const BINS = 51;

/** The values of one tile over its bounds, as its codes hold them; what is not finite is in none of the bins. */
export const tileHistogram = (frame: Frame, tile: number): Histogram =>
  histogram(frame, [tile], tileRange(frame, tile));

/** The values of all tiles over the layer's range. */
export function layerHistogram(frame: Frame): Histogram {
  const tiles = upTo(frame.tiles, (tile) => tile).filter((tile) => !isEmpty(frame, tile));
  return histogram(frame, tiles, layerRange(frame, false));
}

/** Which bin a value lies in; the last one holds the range's end too. */
export function binOf({ lo, hi }: Range, value: number): number {
  if (!(hi > lo)) return 0;
  return Math.min(Math.max(Math.floor(((value - lo) / (hi - lo)) * BINS), 0), BINS - 1);
}

function histogram(frame: Frame, tiles: readonly number[], range: Range): Histogram {
  const counts = new Array<number>(BINS).fill(0);
  for (const tile of tiles) {
    const codes = codeCounts(frame, tile);
    for (let code = 1; code < 256; code++) {
      if (codes[code] > 0) counts[binOf(range, dequantize(frame, tile, code))] += codes[code];
    }
  }
  return { range, counts };
}

/** Where half of the values lie, in words: `half of the values lie from -0.1 to 0.4`. */
export function middleHalf({ range: { lo, hi }, counts }: Histogram): Range {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const at = (share: number) => {
    let sum = 0;
    return counts.findIndex((count) => (sum += count) > share * total);
  };
  const width = (hi - lo) / BINS;
  return { lo: lo + Math.max(at(0.25), 0) * width, hi: lo + (Math.max(at(0.75), 0) + 1) * width };
}
