import { atEnd } from "./listen.js";

/**
 * A value with parts, and who wants to know when a part changes. Listeners run in the order in which they came;
 * what a listener sets is told after the round that it is part of, so all of them see whole states.
 */
export class Store<State extends object> {
  #state: State;
  #listeners = new Set<{ keys: readonly (keyof State)[]; run: () => void }>();
  #changed = new Set<keyof State>();
  #telling = false;

  constructor(initial: State) {
    this.#state = initial;
  }

  get state(): Readonly<State> {
    return this.#state;
  }

  /** How many listeners there are; a test holds that a disposed view leaves none. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Sets some parts; parts that are the same value as before (`Object.is`) change nothing. */
  set(patch: Partial<State>): void {
    const keys = (Object.keys(patch) as (keyof State)[]).filter(
      (key) => !Object.is(patch[key], this.#state[key]),
    );
    if (keys.length === 0) return;
    this.#state = { ...this.#state, ...patch };
    for (const key of keys) this.#changed.add(key);
    if (!this.#telling) this.#tell();
  }

  /** Runs `listener` after any of `keys` changes, until the signal aborts. */
  on(keys: readonly (keyof State)[], listener: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const entry = { keys, run: listener };
    this.#listeners.add(entry);
    atEnd(signal, () => this.#listeners.delete(entry));
  }

  /** Runs `listener` now, and as `on` does. */
  show(keys: readonly (keyof State)[], listener: () => void, signal: AbortSignal): void {
    this.on(keys, listener, signal);
    listener();
  }

  #tell(): void {
    this.#telling = true;
    try {
      while (this.#changed.size > 0) {
        const changed = this.#changed;
        this.#changed = new Set();
        for (const { keys, run } of [...this.#listeners]) {
          if (keys.some((key) => changed.has(key))) attempt(run);
        }
      }
    } finally {
      this.#telling = false;
    }
  }
}

/** One panel's failure is reported and does not take the others with it. */
function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    console.error("cnnvis:", error);
  }
}
