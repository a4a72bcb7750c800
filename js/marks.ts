import { FONT } from "./font.js";
import { type Frame, statistic } from "./frame.js";
import { drawHatch } from "./hatch.js";
import { hasHeaders } from "./headers.js";
import { cellRect, planeRect, type Rect, tileRect } from "./layout.js";
import { channelAt, isConstant } from "./order.js";
import { onScreen, type Placement, visiblePositions } from "./placement.js";
import { pickedPositions, type Scene } from "./scene.js";
import { isWanted, type State } from "./state.js";

export interface Palette {
  readonly accent: string;
  readonly casing: string;
  readonly ink: string;
}

/** Outlines and labels: all that lies over the picture. */
export function drawMarks(
  context: CanvasRenderingContext2D,
  state: Readonly<State>,
  scene: Scene,
  place: Placement,
  palette: Palette,
): void {
  const { layout } = scene;
  const { ratio } = place;
  const picked = pickedPositions(scene, state.channels);
  const hover = isWanted(scene.frame, state) ? state.hover : null;
  drawHatch(context, state, scene, place);
  drawLabels(context, scene, place, palette, picked);
  /** A line just outside of a rectangle, some CSS pixels wide, on one of the casing that is wider. */
  const outline = (rect: Rect, color: string, wide: number) => {
    const { x, y, width, height } = onScreen(rect, place);
    const away = (wide * ratio) / 2;
    const left = Math.round(x) - away;
    const top = Math.round(y) - away;
    for (const [style, line] of [
      [palette.casing, wide + 2],
      [color, wide],
    ] as const) {
      context.strokeStyle = style;
      context.lineWidth = line * ratio;
      context.strokeRect(left, top, Math.round(x + width) + away - left, Math.round(y + height) + away - top);
    }
  };
  if (hover) {
    const { position, plane } = hover;
    if (layout.planes > 1) outline(planeRect(layout, position, plane), palette.ink, 1);
    outline(tileRect(layout, position), palette.ink, 1);
  }
  for (const position of picked) {
    outline(tileRect(layout, position), palette.accent, 2);
  }
  if (hover && place.k / ratio >= 6) {
    // Tiles side by side are read at the same place.
    const linked = state.pinned.length > 0 ? visiblePositions(layout, place) : [hover.position];
    for (const position of linked) outline(cellRect(layout, { ...hover, position }), palette.ink, 1);
  }
}

/** Channel numbers of tiles with room for one; of picked ones, sooner. */
function drawLabels(
  context: CanvasRenderingContext2D,
  scene: Scene,
  place: Placement,
  palette: Palette,
  picked: readonly number[],
): void {
  // A matrix has its numbers at its edges.
  if (hasHeaders(scene)) return;
  const { layout, frame, order } = scene;
  const { ratio } = place;
  const wide = (layout.block.width * place.k) / ratio;
  const tall = (layout.block.height * place.k) / ratio;
  // A row of a mosaic is long: there it is enough that it is tall.
  const isRow = scene.arrangement === "mosaic";
  const hasRoom = (width: number, height: number) => wide >= width && tall >= (isRow ? 13 : height);
  if (!hasRoom(26, 24)) return;
  const positions = hasRoom(56, 48) ? visiblePositions(layout, place) : picked;
  const isOutside = (layout.pitch.height - layout.block.height) * place.k >= 16 * ratio;
  const height = 12 * ratio;
  context.font = `500 ${9.5 * ratio}px ${FONT}`;
  context.textBaseline = "middle";
  for (const position of positions) {
    const rect = onScreen(tileRect(layout, position), place);
    const odd = wide >= 56 ? oddity(frame, order[position]) : "";
    const text = `${channelAt(scene, position)}${odd}`;
    // Stays on the screen while any of the tile does.
    const x = Math.round(Math.max(rect.x, 0));
    const inside = Math.max(rect.y, Math.min(0, rect.y + rect.height - height));
    const y = Math.round(isOutside ? rect.y - height - 2 * ratio : isRow ? rect.y : inside);
    if (!isOutside) {
      context.globalAlpha = 0.82;
      context.fillStyle = palette.casing;
      context.fillRect(x, y, Math.round(context.measureText(text).width + 6 * ratio), height);
      context.globalAlpha = 1;
    }
    context.fillStyle = palette.ink;
    context.fillText(text, x + (isOutside ? 0 : 3 * ratio), y + height / 2 + 0.5 * ratio);
  }
}

/** What is to be known of a tile, in a word after its number. */
function oddity(frame: Frame, tile: number): string {
  if (statistic(frame, tile, "nonfinite") > 0) return " not finite";
  if (statistic(frame, tile, "zeros") === 1) return " dead";
  return isConstant(frame, tile) ? " constant" : "";
}
