import { fieldOf } from "./describe.js";
import { FEATURE_MAPS, type Shape } from "./frame.js";
import type { Rect } from "./layout.js";
import type { Scene } from "./scene.js";
import type { State } from "./state.js";
import type { Layer } from "./wire.js";

/** Whether maps of this kind can lie over the input image: pictures in two dimensions, of an image that is known. */
export function canOverlay({ picture }: Readonly<State>, { frame }: Scene): boolean {
  const { planes, height, width } = frame.shape;
  return frame.view === FEATURE_MAPS && picture !== "" && planes === 1 && height > 1 && width > 1;
}

export const isOverlaid = (state: Readonly<State>, scene: Scene): boolean =>
  state.overlay > 0 && canOverlay(state, scene);

/**
 * The part of the input image that lies under a map, in shares of its sides; it may reach beyond them. A value
 * stands over the middle of what it sees, and is as wide as the step to the next one.
 *
 * @param input (..., height, width) of what the model got.
 */
export function underlayOf(
  layer: Layer,
  call: number,
  { height, width }: Shape,
  input: readonly number[],
): Rect {
  const all = { x: 0, y: 0, width: 1, height: 1 };
  const field = fieldOf(layer, call);
  const [rows, columns] = input.slice(-2);
  if (!field || field.whole || field.size.length !== 2 || !(rows > 0 && columns > 0)) return all;
  const span = (axis: 0 | 1, count: number, side: number) => {
    const { size, stride, start } = field;
    const middle = start[axis] + size[axis] / 2;
    return [(middle - stride[axis] / 2) / side, (stride[axis] * count) / side] as const;
  };
  const [y, tall] = span(0, height, rows);
  const [x, wide] = span(1, width, columns);
  return tall > 0 && wide > 0 ? { x, y, width: wide, height: tall } : all;
}
