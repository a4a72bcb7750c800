/** Calls `run` for each event of a kind at a node, until the signal aborts. */
export function listen<Kind extends keyof HTMLElementEventMap>(
  node: HTMLElement,
  kind: Kind,
  run: (event: HTMLElementEventMap[Kind]) => unknown,
  signal: AbortSignal,
): void {
  node.addEventListener(kind, run, { signal });
}

/** Calls `run` once, when the signal aborts. */
export function atEnd(signal: AbortSignal, run: () => unknown): void {
  signal.addEventListener("abort", run, { once: true });
}
