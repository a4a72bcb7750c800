/** Which rows of a long list are on the screen. Heights and positions in CSS pixels. */

/** Where each row begins, and at last where all end. */
export function offsetsOf(heights: readonly number[]): Float64Array {
  const offsets = new Float64Array(heights.length + 1);
  for (let i = 0; i < heights.length; i++) offsets[i + 1] = offsets[i] + heights[i];
  return offsets;
}

/** The row at a height: the first above all, the last below all; -1 where there is none. */
export function rowAt(offsets: Float64Array, y: number): number {
  let low = 0;
  let high = offsets.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle] <= y) low = middle;
    else high = middle - 1;
  }
  return high < 0 ? -1 : low;
}

/** The rows from `start` up to `stop` that a window touches, and those `beyond` it on both sides. */
export function rowsWithin(
  offsets: Float64Array,
  top: number,
  height: number,
  beyond: number,
): { start: number; stop: number } {
  if (offsets.length < 2) return { start: 0, stop: 0 };
  return { start: rowAt(offsets, top - beyond), stop: rowAt(offsets, top + height + beyond) + 1 };
}

/** Where to scroll so that a row is seen whole: as near as can be to where it is. */
export const revealing = (offsets: Float64Array, row: number, top: number, height: number): number =>
  Math.max(Math.min(top, offsets[row]), offsets[row + 1] - height);
