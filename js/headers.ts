import { FONT } from "./font.js";
import type { Layout } from "./layout.js";
import type { Palette } from "./marks.js";
import { channelAt } from "./order.js";
import type { Placement } from "./placement.js";
import type { Scene } from "./scene.js";
import { currentLayer, isWanted, type State } from "./state.js";

/** CSS pixels: how tall the row of column numbers is, and how wide the column of row numbers. */
export const HEADER = { height: 17, width: 32 };
/** CSS pixels between two numbers. */
const GAP = 8;

/** A number and where its middle is along an edge, in device pixels. */
export interface Label {
  readonly index: number;
  readonly at: number;
}

/** Whether a matrix has its numbers at the edges: one that is in one piece. */
export const hasHeaders = ({ arrangement, layout }: Pick<Scene, "arrangement" | "layout">): boolean =>
  arrangement === "mosaic" && layout.columns === 1;

/**
 * The numbers along an edge that have room: every one, else every second, fifth, tenth, ... of them.
 *
 * @param pitch device pixels from one to the next; `first` is where the middle of number 0 is.
 * @param room device pixels that a number takes, its gap included.
 * @param edge where the edge starts and ends.
 */
export function thinned(
  count: number,
  { pitch, first }: { pitch: number; first: number },
  room: number,
  [start, end]: readonly [number, number],
): Label[] {
  let step = 1;
  for (let i = 0; step * pitch < room && i < 60; i++) step *= i % 3 === 1 ? 2.5 : 2;
  step = Math.round(step);
  const labels: Label[] = [];
  const from = Math.max(0, Math.ceil((start - first) / pitch / step) * step);
  for (let index = from; index < count; index += step) {
    const at = first + index * pitch;
    if (at > end) break;
    labels.push({ index, at });
  }
  return labels;
}

/** Numbers of the output channels at the left edge of a matrix of kernels, of the input channels at the top. */
export function drawHeaders(
  context: CanvasRenderingContext2D,
  state: Readonly<State>,
  scene: Scene,
  place: Placement,
  palette: Palette,
): void {
  if (!hasHeaders(scene)) return;
  const { layout, frame } = scene;
  const { ratio, width, height } = place;
  const band = { width: HEADER.width * ratio, height: HEADER.height * ratio };
  const hover = isWanted(frame, state) ? state.hover : null;
  // Groups see other channels in each row: there the numbers count within the group.
  const isGrouped = (currentLayer(state)?.groups ?? 1) > 1;
  const column = (index: number) => `${isGrouped ? "+" : ""}${index}`;
  const row = (index: number) => String(channelAt(scene, index));

  context.font = `500 ${9.5 * ratio}px ${FONT}`;
  context.textBaseline = "middle";
  context.fillStyle = palette.casing;
  context.globalAlpha = 0.92;
  context.fillRect(0, 0, width, band.height);
  context.fillRect(0, band.height, band.width, height);
  context.globalAlpha = 1;

  const write = (text: string, x: number, y: number, isHovered: boolean) => {
    context.fillStyle = isHovered ? palette.accent : palette.ink;
    context.fillText(text, x, y);
  };
  const widest = context.measureText(column(layout.planes - 1)).width + GAP * ratio;
  const across = { pitch: layout.planePitch.width * place.k, first: place.x + (layout.width / 2) * place.k };
  context.textAlign = "center";
  for (const { index, at } of labelled(layout.planes, across, widest, [band.width, width], hover?.plane)) {
    write(column(index), at, band.height / 2, index === hover?.plane);
  }
  const down = { pitch: layout.pitch.height * place.k, first: place.y + (layout.block.height / 2) * place.k };
  context.textAlign = "end";
  for (const { index, at } of labelled(
    layout.tiles,
    down,
    14 * ratio,
    [band.height + 6 * ratio, height],
    hover?.position,
  )) {
    write(row(index), band.width - 5 * ratio, at, index === hover?.position);
  }
  context.textAlign = "center";
  context.fillStyle = palette.casing;
  context.fillRect(0, 0, band.width, band.height);
  context.fillStyle = palette.ink;
  context.fillText("out\\in", band.width / 2, band.height / 2);
  context.textAlign = "start";
}

/** The thinned numbers; the hovered one takes the place of those that it would overlap. */
function labelled(
  count: number,
  line: { pitch: number; first: number },
  room: number,
  edge: readonly [number, number],
  hovered: number | undefined,
): Label[] {
  const labels = thinned(count, line, room, edge);
  if (hovered === undefined) return labels;
  const at = line.first + hovered * line.pitch;
  if (at < edge[0] || at > edge[1]) return labels;
  return [...labels.filter((label) => Math.abs(label.at - at) >= room), { index: hovered, at }];
}

/** CSS pixels around the picture so that the numbers stand beside it and not on it. */
export const paddingOf = (arrangement: Scene["arrangement"], layout: Layout, usual: number): number =>
  hasHeaders({ arrangement, layout }) ? HEADER.width + 4 : usual;
