import { codeAt, statistic } from "./frame.js";
import { type Cell, cellRect, type Rect, tileRect } from "./layout.js";
import { onScreen, type Placement, visibleCells, visiblePositions } from "./placement.js";
import { isEmpty } from "./ranges.js";
import type { Scene } from "./scene.js";
import { planeOf } from "./slice.js";
import { bestOf, type State } from "./state.js";

/** CSS pixels: smaller cells are not hatched one by one, which would hide more than it shows. */
const SMALLEST_CELL = 6;
/** CSS pixels from line to line. */
const STEP = 5;

/** Lines across what is not finite, so that it is told by more than a color. */
export function drawHatch(
  context: CanvasRenderingContext2D,
  state: Readonly<State>,
  scene: Scene,
  place: Placement,
): void {
  const rects = oddRects(state, scene, place);
  if (rects.length === 0) return;
  const { ratio, width, height } = place;
  const step = STEP * ratio;
  context.save();
  context.beginPath();
  for (const { x, y, width, height } of rects) context.rect(x, y, width, height);
  context.clip();
  context.beginPath();
  // They move with the picture.
  const first = (((place.x + place.y) % step) + step) % step;
  for (let at = first; at < width + height; at += step) {
    context.moveTo(at, 0);
    context.lineTo(at - height, height);
  }
  context.strokeStyle = "rgb(0 0 0 / 0.5)";
  context.lineWidth = 1.25 * ratio;
  context.stroke();
  context.restore();
}

/** Where values are not finite, on the canvas: whole tiles, and the cells of others where they are large enough. */
function oddRects(state: Readonly<State>, scene: Scene, place: Placement): Rect[] {
  const { layout, order, frame } = scene;
  const rects: Rect[] = [];
  for (const position of visiblePositions(layout, place)) {
    const tile = order[position];
    if (!(statistic(frame, tile, "nonfinite") > 0)) continue;
    if (isEmpty(frame, tile)) rects.push(onScreen(tileRect(layout, position), place));
    else if (place.k >= SMALLEST_CELL * place.ratio) {
      for (const cell of visibleCells(layout, position, place)) {
        if (isOdd(state, scene, cell)) rects.push(onScreen(cellRect(layout, cell), place));
      }
    }
  }
  return rects;
}

function isOdd(
  state: Readonly<State>,
  { frame, order, slice, arrangement }: Scene,
  { position, plane, row, column }: Cell,
): boolean {
  const best = bestOf(state, frame, order[position]);
  // One cell in color is the values of three planes.
  const planes = arrangement === "color" ? [0, 1, 2] : [plane];
  return planes.some((each) => codeAt(best.frame, best.tile, planeOf(slice, each), row, column) === 0);
}
