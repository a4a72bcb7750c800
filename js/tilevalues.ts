import { codeAt, dequantize, errorOf, type Frame, keyIn, tileOf } from "./frame.js";
import { inTime } from "./intime.js";
import type { Source } from "./source.js";
import { bestOf, type State } from "./state.js";
import type { ValuesRequest } from "./wire.js";

/** Milliseconds that the kernel has to answer. */
const PATIENCE = 4000;
/** Values that the kernel gives at once. */
export const MOST = 2 ** 18;

/** The values of a part of a plane, row by row. */
export interface TileValues {
  readonly rows: readonly [start: number, stop: number];
  readonly columns: readonly [start: number, stop: number];
  readonly values: Float64Array;
  /** How far each can be off; 0 for exact ones. */
  readonly error: number;
  /** Each is the mean of so many rows and columns. */
  readonly factor: number;
}

/**
 * Values of a tile: exact from the kernel, else what the page holds of them.
 *
 * @param part which channel, plane, rows and columns.
 */
export async function tileValues(
  state: Readonly<State>,
  frame: Frame,
  source: Source,
  part: Pick<ValuesRequest, "channel" | "plane" | "rows" | "columns">,
  signal: AbortSignal,
): Promise<TileValues> {
  const { rows, columns } = part;
  if (source.live) {
    try {
      const values = await exactValues(frame, source, part, signal);
      return { rows, columns, values, error: 0, factor: 1 };
    } catch {
      // Then what is here: of all of it, so that no number is of another kind than the one beside it.
    }
  }
  const best = bestOf(state, frame, tileOf(frame, part.channel));
  const width = columns[1] - columns[0];
  const values = Float64Array.from({ length: (rows[1] - rows[0]) * width }, (_, i) => {
    const [row, column] = [rows[0] + Math.floor(i / width), columns[0] + (i % width)];
    return dequantize(best.frame, best.tile, codeAt(best.frame, best.tile, part.plane, row, column));
  });
  return { rows, columns, values, error: errorOf(best.frame, best.tile), factor: best.frame.factor };
}

/** Values from the kernel, in blocks of as many as it gives at once. */
async function exactValues(
  frame: Frame,
  source: Source,
  { rows, columns, ...plane }: Pick<ValuesRequest, "channel" | "plane" | "rows" | "columns">,
  signal: AbortSignal,
): Promise<Float64Array> {
  const width = columns[1] - columns[0];
  const values = new Float64Array((rows[1] - rows[0]) * width);
  const across = Math.min(width, MOST);
  const down = Math.max(1, Math.floor(MOST / Math.max(across, 1)));
  for (let top = rows[0]; top < rows[1]; top += down) {
    for (let left = columns[0]; left < columns[1]; left += across) {
      const block = {
        rows: [top, Math.min(top + down, rows[1])],
        columns: [left, Math.min(left + across, columns[1])],
      } as const;
      const request = { ...keyIn(frame), ...plane, ...block };
      const some = await inTime(signal, PATIENCE, (waiting) => source.values(request, waiting));
      const length = block.columns[1] - left;
      if (some.length !== (block.rows[1] - top) * length) throw new Error("other values than were asked for");
      for (let i = 0; i * length < some.length; i++) {
        const at = (top + i - rows[0]) * width + left - columns[0];
        values.set(some.subarray(i * length, (i + 1) * length), at);
      }
    }
  }
  return values;
}
