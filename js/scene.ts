import type { Look } from "./atlas.js";
import { resolveColormap } from "./colormaps.js";
import { FILTERS, type Frame, keyOf, tileOf } from "./frame.js";
import { paddingOf } from "./headers.js";
import { type Arrangement, arrange, type Layout, type Rect, tileRect } from "./layout.js";
import { order, positions, type Ranking } from "./order.js";
import { transformAt } from "./place.js";
import { layerRange, sharedRange } from "./ranges.js";
import { isSame } from "./same.js";
import { type Slice, sliced } from "./slice.js";
import type { State, Viewport } from "./state.js";
import { areColorFilters, currentTransform, sliceOf } from "./state.js";
import {
  apply,
  centerOf,
  clamp,
  fitting,
  hold,
  invert,
  type Limits,
  type Point,
  type Transform,
} from "./transform.js";

/** CSS pixels around the picture when all of it is shown. */
const PADDING = 14;
/** CSS pixels: no cell becomes larger. */
const LARGEST_CELL = 80;

/** How a frame lies in the viewport: which tile where, and how far it can be moved. */
export interface Scene {
  readonly frame: Frame;
  readonly arrangement: Arrangement;
  readonly slice: Slice;
  readonly layout: Layout;
  readonly ranking: Ranking;
  /** The tile at each position, and the position of each tile, -1 where it is not shown. */
  readonly order: Int32Array;
  readonly positions: Int32Array;
  readonly look: Look;
  readonly limits: Limits;
}

/** The scene for a state, and the transform that keeps the user's place in it. */
export function nextScene(state: Readonly<State>): Pick<State, "scene" | "transform" | "arriving"> {
  const { frame, viewport, scene: last, transform, arriving } = state;
  if (!frame || frame.tiles === 0 || !(viewport.width > 0 && viewport.height > 0)) {
    return { scene: null, transform: last ? null : transform, arriving };
  }
  const ranking = rankingOf(frame, state);
  const isRanked = last?.frame === frame && isSame(last.ranking, ranking);
  const order_ = isRanked ? last.order : order(frame, ranking);
  if (order_.length === 0) return { scene: null, transform: null, arriving };
  const slice = sliceOf(frame, state);
  const arrangement = arrangementOf(frame, slice, state);
  // Who has zoomed in looks at a tile, not at the whole: then its neighbors stay where they are.
  const stays = last && transform && isSamePlace(last, frame, order_.length);
  const arrives = arriving?.key === keyOf(frame) ? arriving.place : null;
  const layout = arrange(
    sliced(frame.shape, slice),
    order_.length,
    frame.factor,
    arrangement,
    viewport,
    arrives?.columns || (stays ? last.layout.columns : undefined),
  );
  const limits: Limits = {
    fit: fitting(layout.world, viewport, paddingOf(arrangement, layout, PADDING), LARGEST_CELL),
    viewport,
    kMax: LARGEST_CELL,
  };
  const scene = {
    frame,
    arrangement,
    slice,
    layout,
    ranking,
    order: order_,
    positions: isRanked ? last.positions : positions(order_, frame.tiles),
    limits,
    look: lookOf(frame, arrangement, slice, state),
  };
  if (arrives) return { scene, transform: transformAt(arrives, limits), arriving: null };
  const moved = stays ? recenter(transform, last.limits.viewport as Viewport, limits) : null;
  return { scene, transform: moved, arriving };
}

function rankingOf(frame: Frame, { sort, hide, pinned, channels }: Readonly<State>): Ranking {
  const reference = sort === "similarity" && channels.length > 0 ? tileOf(frame, channels[0]) : -1;
  return { sort, reference, hide, pinned: pinned.filter((channel) => frame.channels.includes(channel)) };
}

function lookOf(frame: Frame, arrangement: Arrangement, slice: Slice, state: Readonly<State>): Look {
  const { colormap, scale, clip } = state;
  const inColor = arrangement === "color" && (scale === "layer" || scale === "symmetric");
  return {
    arrangement,
    slice,
    colormap: resolveColormap(colormap, frame.view, scale),
    range: inColor ? layerRange(frame, true, clip) : sharedRange(frame, state),
    clip,
  };
}

/** The positions of the picked channels that are in the frame. */
export const pickedPositions = ({ frame, positions }: Scene, channels: readonly number[]): number[] =>
  channels.flatMap((channel) => {
    const tile = tileOf(frame, channel);
    return tile < 0 || positions[tile] < 0 ? [] : [positions[tile]];
  });

/** The transform with a part of the world moved into view, by no more than it takes. */
export function revealing(state: Readonly<State>, part: Rect): Transform | null {
  const { scene } = state;
  const t = currentTransform(state);
  if (!scene || !t) return null;
  const { viewport } = scene.limits;
  const x = t.x + shift(part.x * t.k + t.x, part.width * t.k, viewport.width);
  const y = t.y + shift(part.y * t.k + t.y, part.height * t.k, viewport.height);
  return clamp({ k: t.k, x, y }, scene.limits);
}

/** The point of the screen that a zoom without a pointer keeps: of the last picked tile, or of the viewport. */
export function focusOf(state: Readonly<State>): Point {
  const { scene, viewport } = state;
  const t = currentTransform(state);
  const middle = centerOf(viewport);
  if (!scene || !t) return middle;
  const position = pickedPositions(scene, state.channels).at(-1);
  if (position === undefined) return middle;
  const center = apply(t, centerOf(tileRect(scene.layout, position)));
  const isVisible =
    center.x >= 0 && center.y >= 0 && center.x <= viewport.width && center.y <= viewport.height;
  return isVisible ? center : middle;
}

function shift(start: number, length: number, room: number): number {
  if (start < PADDING) return PADDING - start;
  // Where it does not fit, its start is what is shown.
  const over = start + length - (room - PADDING);
  return over > 0 ? -Math.min(over, start - PADDING) : 0;
}

function arrangementOf(frame: Frame, slice: Slice, state: Readonly<State>): Arrangement {
  if (areColorFilters(frame, state)) return "color";
  return frame.view === FILTERS && sliced(frame.shape, slice).planes > 1 ? "mosaic" : "grid";
}

const isSamePlace = ({ frame, layout }: Scene, next: Frame, tiles: number): boolean =>
  frame.layer === next.layer &&
  frame.view === next.view &&
  layout.tiles === tiles &&
  isSame(frame.shape, next.shape);

/** After a change of the viewport: the point in its center stays there. */
function recenter(t: Transform, before: { width: number; height: number }, limits: Limits): Transform | null {
  const center = invert(t, centerOf(before));
  const moved = clamp(hold(t.k, centerOf(limits.viewport), center), limits);
  return moved.k <= limits.fit.k ? null : moved;
}
