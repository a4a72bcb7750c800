import { codeAt, dequantize, errorOf, type Frame } from "./frame.js";
import type { Source } from "./source.js";
import { bestOf, type State } from "./state.js";
import type { ValuesRequest } from "./wire.js";

/** Milliseconds that the kernel has to answer. */
const PATIENCE = 4000;

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
    const waiting = new AbortController();
    const end = () => waiting.abort(new Error("no answer"));
    const timer = setTimeout(end, PATIENCE);
    signal.addEventListener("abort", end, { signal: waiting.signal });
    try {
      const { generation, layer, view, call, image } = frame;
      const values = await source.values({ generation, layer, view, call, image, ...part }, waiting.signal);
      return { rows, columns, values, error: 0, factor: 1 };
    } catch {
      // Then what is here.
    } finally {
      clearTimeout(timer);
      end();
    }
  }
  const best = bestOf(state, frame, frame.channels.indexOf(part.channel));
  const width = columns[1] - columns[0];
  const values = Float64Array.from({ length: (rows[1] - rows[0]) * width }, (_, i) => {
    const [row, column] = [rows[0] + Math.floor(i / width), columns[0] + (i % width)];
    return dequantize(best.frame, best.tile, codeAt(best.frame, best.tile, part.plane, row, column));
  });
  return { rows, columns, values, error: errorOf(best.frame, best.tile), factor: best.frame.factor };
}
