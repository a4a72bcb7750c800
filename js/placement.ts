import { type Layout, positionsIn, type Rect } from "./layout.js";

/** Device pixels per cell and the offset: a transform as the canvas needs it. */
export interface Placement {
  readonly k: number;
  readonly x: number;
  readonly y: number;
  readonly ratio: number;
  readonly width: number;
  readonly height: number;
}

/** The positions of the tiles of which a part is on the canvas. */
export function visiblePositions(layout: Layout, { k, x, y, width, height }: Placement): number[] {
  return positionsIn(layout, { x: -x / k, y: -y / k, width: width / k, height: height / k });
}

/** A rectangle of the world in device pixels of the canvas. */
export function onScreen(rect: Rect, { k, x, y }: Placement): Rect {
  return { x: rect.x * k + x, y: rect.y * k + y, width: rect.width * k, height: rect.height * k };
}
