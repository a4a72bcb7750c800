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

/** Keeps what is typed at a node, such as the arrows that move a slider, from the notebook's shortcuts. */
export function keepKeys(node: HTMLElement, signal: AbortSignal): void {
  listen(node, "keydown", (event) => event.stopPropagation(), signal);
}

/** Calls `run` once, when the signal aborts. */
export function atEnd(signal: AbortSignal, run: () => unknown): void {
  signal.addEventListener("abort", run, { once: true });
}
