import { keyIn, keyOf } from "./frame.js";
import { inTime } from "./intime.js";
import { createTimer } from "./listen.js";
import type { Source } from "./source.js";
import { type Exact, exactWanted, type ViewerStore } from "./state.js";
import type { ValuesRequest } from "./wire.js";

/** Milliseconds that a value must be pointed at before the kernel is asked for it, and that it may take. */
const REST = 120;
const PATIENCE = 10_000;
/** Values of a plane that are asked for whole; of a larger one, a square of this side around the value. */
const WHOLE = 65_536;
const SIDE = 128;

/** The window of exact values to ask for around a row and a column. */
export function windowAround(
  { rows, columns }: { rows: number; columns: number },
  row: number,
  column: number,
): Pick<ValuesRequest, "rows" | "columns"> {
  if (rows * columns <= WHOLE) return { rows: [0, rows], columns: [0, columns] };
  const span = (at: number, count: number): [number, number] => {
    const start = Math.max(0, Math.min(Math.floor(at / SIDE) * SIDE, count - 1));
    return [start, Math.min(start + SIDE, count)];
  };
  return { rows: span(row, rows), columns: span(column, columns) };
}

/**
 * Where a value is pointed at, asks for the exact ones around it: once the pointer rests, one question at a time,
 * and never twice for the same.
 */
export function followExact(store: ViewerStore, source: Source, signal: AbortSignal): void {
  if (!source.live) return;
  const rest = createTimer(signal);
  let isAsking = false;

  const start = () => rest(exactWanted(store.state) ? ask : undefined, REST);

  async function ask(): Promise<void> {
    const wanted = exactWanted(store.state);
    if (!wanted || isAsking) return;
    let isAnswered = false;
    const { of, channel, plane, row, column, size } = wanted;
    isAsking = true;
    const { rows, columns } = windowAround(size, row, column);
    try {
      const request = { ...keyIn(of), channel, plane, rows, columns };
      const values = await inTime(signal, PATIENCE, (waiting) => source.values(request, waiting));
      const [top, left] = [rows[0], columns[0]];
      const exact: Exact = {
        of,
        channel,
        plane,
        top,
        left,
        rows: rows[1] - top,
        columns: columns[1] - left,
        values,
      };
      // An answer out of another look would be of other values.
      const { frame } = store.state;
      if (frame && keyOf(frame) === keyOf(of) && values.length === exact.rows * exact.columns) {
        store.set({ exact });
        isAnswered = true;
      }
    } catch {
      // What is not known exactly is shown with its error.
    } finally {
      isAsking = false;
      // By now another value may be pointed at: one that was not asked for, or not refused.
      const next = exactWanted(store.state);
      const isOther =
        next !== null &&
        (isAnswered || next.channel !== channel || next.plane !== plane || keyOf(next.of) !== keyOf(of));
      if (isOther && !signal.aborted) start();
    }
  }

  store.on(["hover", "frame"], start, signal);
}
