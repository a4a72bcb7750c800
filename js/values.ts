import { colorTable } from "./colormaps.js";
import { FONT } from "./font.js";
import { withError } from "./format.js";
import { codeAt, dequantize, errorOf } from "./frame.js";
import { cellRect } from "./layout.js";
import { onScreen, type Placement, visibleCells, visiblePositions } from "./placement.js";
import { lookup } from "./raster.js";
import type { Scene } from "./scene.js";
import { planeOf } from "./slice.js";
import { bestOf, type State } from "./state.js";

/** CSS pixels of a cell that has room for its number. */
const WIDE = 44;
const TALL = 18;

/** Writes their values into cells that are large enough, in black or white, whichever is read better. */
export function drawValues(
  context: CanvasRenderingContext2D,
  state: Readonly<State>,
  scene: Scene,
  place: Placement,
): void {
  const { layout, look, order, slice } = scene;
  const { ratio, k } = place;
  if (k < WIDE * ratio || k * layout.rowHeight < TALL * ratio || scene.arrangement === "color") return;
  const table = colorTable(look.colormap);
  context.font = `${Math.min(11.5 * ratio, k * 0.21)}px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const position of visiblePositions(layout, place)) {
    const { frame, tile } = bestOf(state, scene.frame, order[position]);
    // No more digits than are known.
    const error = errorOf(frame, tile);
    const colors = lookup(frame, look.range, look.clip, look.colormap, table)(tile);
    for (const cell of visibleCells(layout, position, place)) {
      const code = codeAt(frame, tile, planeOf(slice, cell.plane), cell.row, cell.column);
      const text = code === 0 ? "not finite" : withError(dequantize(frame, tile, code), error).split(" ")[0];
      const { x, y, width, height } = onScreen(cellRect(layout, cell), place);
      context.fillStyle = isLight(colors[code]) ? "#000" : "#fff";
      context.fillText(text, x + width / 2, y + height / 2, width - 4 * ratio);
    }
  }
  context.textAlign = "start";
}

/** Whether black is read better on a pixel than white, by the luminance of WCAG 2. */
export function isLight(pixel: number): boolean {
  const linear = (shift: number) => {
    const c = ((pixel >> shift) & 255) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(0) + 0.7152 * linear(8) + 0.0722 * linear(16) > 0.179;
}
