/**
 * Calls `run` for each event of one kind or several at a node, until the signal aborts. It may keep the browser from
 * what the event would do.
 */
export function listen<Kind extends keyof HTMLElementEventMap>(
  node: HTMLElement,
  kinds: Kind | readonly Kind[],
  run: (event: HTMLElementEventMap[Kind]) => unknown,
  signal: AbortSignal,
): void {
  for (const kind of [kinds].flat() as Kind[]) node.addEventListener(kind, run, { signal, passive: false });
}

/**
 * Keeps what is typed at a node, such as the arrows that move a slider, from the notebook's shortcuts.
 *
 * @param keys what some of the keys do.
 */
export function keepKeys(
  node: HTMLElement,
  signal: AbortSignal,
  keys: Readonly<Record<string, (event: KeyboardEvent) => void>> = {},
): void {
  const run = (event: KeyboardEvent) => {
    event.stopPropagation();
    keys[event.key]?.(event);
  };
  listen(node, "keydown", run, signal);
}

/** Adds to a set what is taken out of it when the signal aborts. */
export function addTo<Item>(set: Set<Item>, item: Item, signal: AbortSignal): void {
  set.add(item);
  atEnd(signal, () => set.delete(item));
}

/** Calls `run` when the size of a node is known and has changed, until the signal aborts. */
export function onResize(node: HTMLElement, run: () => void, signal: AbortSignal): void {
  const observer = new ResizeObserver(run);
  observer.observe(node);
  atEnd(signal, () => observer.disconnect());
}

/** Calls `run` once, when the signal aborts. */
export const atEnd = (signal: AbortSignal, run: () => unknown): void =>
  signal.addEventListener("abort", run, { once: true });

/** A timer that ends with the signal: each call stops what it waits for, and starts it anew for what is to run. */
export function createTimer(signal: AbortSignal): (run?: () => void, milliseconds?: number) => void {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const start = (run?: () => void, milliseconds?: number) => {
    clearTimeout(waiting);
    if (run) waiting = setTimeout(run, milliseconds);
  };
  atEnd(signal, () => start());
  return start;
}

/** A controller that aborts with the signal too, and lets go of it once it has. */
export function createController(signal: AbortSignal): AbortController {
  const own = new AbortController();
  signal.addEventListener("abort", () => own.abort(), { signal: own.signal });
  return own;
}
