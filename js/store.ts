import { atEnd } from "./listen.js";

/**
 * A value with parts, and who wants to know when a part changes. Listeners run in the order in which they came;
 * what a listener sets is told after the round that it is part of, so all of them see whole states. Who listens
 * with `later` runs once after all rounds, and not while the store is held.
 */
export class Store<State extends object> {
  #state: State;
  #listeners = new Set<Listener<State>>();
  #changed = new Set<keyof State>();
  #due = new Set<Listener<State>>();
  #telling = false;
  #held = false;

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
    this.#add({ keys, run: listener }, signal);
  }

  /** Runs `listener` now, and as `on` does. */
  show(keys: readonly (keyof State)[], listener: () => void, signal: AbortSignal): void {
    this.on(keys, listener, signal);
    listener();
  }

  /** Runs `listener` now, and after all that `on` tells of any of `keys`, once the store is not held. */
  later(keys: readonly (keyof State)[], listener: () => void, signal: AbortSignal): void {
    this.#add({ keys, run: listener, isLater: true }, signal);
    listener();
  }

  /** Keeps back what listens with `later`, until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (!this.#telling) this.#tell();
  }

  #add(listener: Listener<State>, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    atEnd(signal, () => this.#listeners.delete(listener));
  }

  #tell(): void {
    this.#telling = true;
    try {
      while (this.#changed.size > 0 || (this.#due.size > 0 && !this.#held)) this.#round();
    } finally {
      this.#telling = false;
    }
  }

  /** Tells of what has changed, and when nothing has, those who listen later of what had. */
  #round(): void {
    const changed = this.#changed;
    const due = this.#due;
    this.#changed = new Set();
    if (changed.size === 0) this.#due = new Set();
    for (const listener of [...this.#listeners]) {
      if (listener.keys.some((key) => changed.has(key))) {
        if (listener.isLater) due.add(listener);
        else attempt(listener.run);
      } else if (changed.size === 0 && due.has(listener)) attempt(listener.run);
    }
  }
}

interface Listener<State> {
  readonly keys: readonly (keyof State)[];
  readonly run: () => void;
  readonly isLater?: boolean;
}

/** One panel's failure is reported and does not take the others with it. */
function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    console.error("cnnvis:", error);
  }
}
