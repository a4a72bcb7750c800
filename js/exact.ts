import { keyIn, keyOf } from "./frame.js";
import { inTime } from "./intime.js";
import { createTimer } from "./listen.js";
import type { Source } from "./source.js";
import { exactWanted, type Pointed, type ViewerStore } from "./state.js";
import type { ValuesRequest } from "./wire.js";

/** Milliseconds that a value must be pointed at before the kernel is asked for it, and that it may take. */
const REST = 120;
const PATIENCE = 10_000;
/** Values of a plane that are asked for whole; of a larger one, a square of this side around the value. */
const WHOLE = 65_536;
const SIDE = 128;

/** The window of exact values to ask for around a row and a column. */
function windowAround({ of, row, column }: Pointed): Pick<ValuesRequest, "rows" | "columns"> {
  const { height, width } = of.shape;
  if (height * width <= WHOLE) return { rows: [0, height], columns: [0, width] };
  const span = (at: number, count: number): [number, number] => {
    const start = Math.max(0, Math.min(Math.floor(at / SIDE) * SIDE, count - 1));
    return [start, Math.min(start + SIDE, count)];
  };
  return { rows: span(row, height), columns: span(column, width) };
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
    const { of, channel, plane } = wanted;
    isAsking = true;
    try {
      const part = { channel, plane, ...windowAround(wanted) };
      const { rows, columns } = part;
      const request = { ...keyIn(of), ...part };
      const values = await inTime(signal, PATIENCE, (waiting) => source.values(request, waiting));
      // An answer out of another look would be of other values.
      const { frame } = store.state;
      const isWhole = values.length === (rows[1] - rows[0]) * (columns[1] - columns[0]);
      if (frame && keyOf(frame) === keyOf(of) && isWhole) {
        store.set({ exact: { ...part, of, values } });
        isAnswered = true;
      }
    } catch {
      // What is not known exactly is shown with its error.
    } finally {
      isAsking = false;
      // By now another value may be pointed at: one that was not asked for, or not refused.
      const next = exactWanted(store.state);
      const isOther =
        next &&
        (isAnswered || next.channel !== channel || next.plane !== plane || keyOf(next.of) !== keyOf(of));
      if (isOther && !signal.aborted) start();
    }
  }

  store.on(["hover", "frame"], start, signal);
}
