import { type Cell, type Layout, planeRect, positionsIn, type Rect } from "./layout.js";

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
export const visiblePositions = (layout: Layout, { k, x, y, width, height }: Placement): number[] =>
  positionsIn(layout, { x: -x / k, y: -y / k, width: width / k, height: height / k });

/** A rectangle of the world in device pixels of the canvas. */
export const onScreen = (rect: Rect, { k, x, y }: Placement): Rect => ({
  x: rect.x * k + x,
  y: rect.y * k + y,
  width: rect.width * k,
  height: rect.height * k,
});

/** The cells of the tile at a position of which a part is on the canvas. */
export function* visibleCells(layout: Layout, position: number, place: Placement): Generator<Cell> {
  const { rowHeight, rows, width } = layout;
  const { k, x, y } = place;
  for (let plane = 0; plane < layout.planes; plane++) {
    const rect = planeRect(layout, position, plane);
    const left = Math.max(0, Math.floor(-x / k - rect.x));
    const right = Math.min(width, Math.ceil((place.width - x) / k - rect.x));
    const top = Math.max(0, Math.floor((-y / k - rect.y) / rowHeight));
    const bottom = Math.min(rows, Math.ceil(((place.height - y) / k - rect.y) / rowHeight));
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) yield { position, plane, row, column };
    }
  }
}
