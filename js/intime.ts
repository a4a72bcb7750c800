import { createController } from "./listen.js";

/**
 * What `ask` resolves to, unless it takes too long or the signal aborts: then it is told so by its own.
 *
 * @param patience milliseconds.
 */
export async function inTime<Value>(
  signal: AbortSignal,
  patience: number,
  ask: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const waiting = createController(signal);
  const end = () => waiting.abort(new Error("no answer"));
  const timer = setTimeout(end, patience);
  try {
    return await ask(waiting.signal);
  } finally {
    clearTimeout(timer);
    end();
  }
}
