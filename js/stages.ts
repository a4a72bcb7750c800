import type { Spent } from "./wire.js";

/** When a frame came to be on the screen: milliseconds as `performance.now()` counts. */
export interface Times {
  /** It was picked, or another one was found to be wanted. */
  readonly asked: number;
  readonly arrived: number;
  readonly decoded: number;
  readonly spent: Spent;
  /** The first time that it was drawn began; panels and layout come before. */
  readonly begun: number;
  readonly colored: number;
  readonly painted: number;
}

/**
 * The stages from what was asked for to what is painted, in milliseconds: the kernel's, the way there and back,
 * and the page's. What Python asked for begins in the kernel, and its way is not known: clocks differ.
 */
export function stagesOf({
  asked,
  arrived,
  decoded,
  spent: { stages },
  begun,
  colored,
  painted,
}: Times): Spent["stages"] {
  const kernel = stages.reduce((sum, [, took]) => sum + took, 0);
  return [
    ...stages,
    ["way", Math.max(0, arrived - asked - kernel)],
    ["decode", decoded - arrived],
    ["layout", begun - decoded],
    ["color", colored - begun],
    ["paint", painted - colored],
  ];
}
