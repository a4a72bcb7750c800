import { addTo } from "./listen.js";

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
    const before = this.#state;
    this.#state = { ...before, ...patch };
    for (const key in patch) if (!Object.is(patch[key], before[key])) this.#changed.add(key);
    this.#tell();
  }

  /** Calls `run` with the state after any of `keys` changes, until the signal aborts. */
  on(keys: Keys<State>, run: Run<State>, signal: AbortSignal, isLater = false): void {
    if (signal.aborted) return;
    addTo(this.#listeners, { keys, run, isLater }, signal);
  }

  /** Calls `run` now, and as `on` does. */
  show(keys: Keys<State>, run: Run<State>, signal: AbortSignal): void {
    this.on(keys, run, signal);
    run(this.#state);
  }

  /** Calls `run` now, and after all that `on` tells of any of `keys`, once the store is not held. */
  later(keys: Keys<State>, run: Run<State>, signal: AbortSignal): void {
    this.on(keys, run, signal, true);
    run(this.#state);
  }

  /** Keeps back what listens with `later`, until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#tell();
  }

  #tell(): void {
    if (this.#telling) return;
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
        else this.#run(listener);
      } else if (changed.size === 0 && due.has(listener)) this.#run(listener);
    }
  }

  /** One panel's failure is reported and does not take the others with it. */
  #run({ run }: Listener<State>): void {
    try {
      run(this.#state);
    } catch (error) {
      console.error("cnnvis:", error);
    }
  }
}

type Keys<State> = readonly (keyof State)[];
type Run<State> = (state: Readonly<State>) => unknown;

interface Listener<State> {
  readonly keys: Keys<State>;
  readonly run: Run<State>;
  readonly isLater: boolean;
}
