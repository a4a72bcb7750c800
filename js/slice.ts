import { FILTERS, type Frame, type Shape } from "./frame.js";

/**
 * Of layers in three dimensions one slice is shown at a time: all slices side by side would hide what is in them.
 * For filters too: so their rows and columns stay output and input channels, as in every other layer, and those of
 * a first layer stay pictures in color.
 */
export interface Slice {
  /** How many there are in depth (or time); 1 without a depth. */
  readonly depth: number;
  /** Which one is shown, from 0. */
  readonly at: number;
}

/**
 * How many slices a frame has. Maps have a plane for each; filters a plane for each input channel and slice, the
 * slices of a channel next to each other.
 *
 * @param filtersShape (out, in, depth, height, width) where the layer has a depth.
 */
export function depthOf(frame: Frame, filtersShape: readonly number[]): number {
  if (frame.view !== FILTERS) return Math.max(frame.shape.planes, 1);
  const depth = filtersShape.length === 5 ? filtersShape[2] : 1;
  return depth > 0 && frame.shape.planes % depth === 0 ? depth : 1;
}

/** The sizes of what is shown. */
export const sliced = (shape: Shape, { depth }: Slice): Shape => ({ ...shape, planes: shape.planes / depth });

/** The frame's plane that is shown as the layout's plane. */
export const planeOf = ({ depth, at }: Slice, plane: number): number => plane * depth + at;
