/** The part of the input image that one value of a map depends on. */
import type { ReceptiveField } from "./wire.js";

/** Rows and columns of the image, the first and the last. */
export interface Seen {
  readonly rows: readonly [first: number, last: number];
  readonly columns: readonly [first: number, last: number];
}

/**
 * What the value at a row and a column sees; null where it sees nothing of the image, or nobody knows.
 *
 * Along each axis value i sees the `size` pixels from floor(start + stride i) on; what lies outside is padding.
 *
 * @param image its height and width in pixels.
 */
export function seenBy(
  field: ReceptiveField | null,
  row: number,
  column: number,
  image: readonly [height: number, width: number],
): Seen | null {
  if (!field) return null;
  const [height, width] = image;
  if (field.whole) return { rows: [0, height - 1], columns: [0, width - 1] };
  if (field.size.length < 2) return null;
  // Of three axes the last two are the image's.
  const axis = (back: number, index: number, side: number): [number, number] | null => {
    const at = field.size.length - back;
    // Starts are sums of halves and thirds: a rounding must not move them by a pixel.
    const first = Math.floor(field.start[at] + field.stride[at] * index + 1e-6);
    const last = Math.min(first + field.size[at] - 1, side - 1);
    return Math.max(first, 0) <= last ? [Math.max(first, 0), last] : null;
  };
  const rows = axis(2, row, height);
  const columns = axis(1, column, width);
  return !rows || !columns ? null : { rows, columns };
}
