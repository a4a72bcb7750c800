/** Calls `run` for each event of a kind at a node, until the signal aborts. */
export function listen<Kind extends keyof HTMLElementEventMap>(
  node: HTMLElement,
  kind: Kind,
  run: (event: HTMLElementEventMap[Kind]) => unknown,
  signal: AbortSignal,
): void {
  node.addEventListener(kind, run, { signal });
}

/** Keeps what is typed at a node, such as the arrows that move a slider, from the notebook's shortcuts. */
export function keepKeys(node: HTMLElement, signal: AbortSignal): void {
  listen(node, "keydown", (event) => event.stopPropagation(), signal);
}

/** Calls `run` once, when the signal aborts. */
export function atEnd(signal: AbortSignal, run: () => unknown): void {
  signal.addEventListener("abort", run, { once: true });
}
