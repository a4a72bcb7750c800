import type { State } from "./state.js";
import { centerOf, clamp, hold, invert, type Limits, type Transform } from "./transform.js";
import type { Place } from "./wire.js";

/**
 * Where a view is, so that another one of any size can go there: how large a cell is, and which one lies in the
 * middle, of how many tiles in a row; no columns say that all is shown. Null while there is nothing to be at.
 *
 * @param by the view that says so.
 */
export function placeOf({ scene, transform }: Readonly<State>, by: string): Place | null {
  if (!scene) return null;
  if (!transform) return { k: 1, x: 0, y: 0, columns: 0, by };
  const { viewport } = scene.limits;
  const { x, y } = invert(transform, centerOf(viewport));
  return { k: transform.k, x, y, columns: scene.layout.columns, by };
}

/** The transform that brings a view to a place; null where all of the picture is shown there. */
export function transformAt({ k, x, y, columns }: Place, limits: Limits): Transform | null {
  if (columns === 0) return null;
  const moved = clamp(hold(k, centerOf(limits.viewport), { x, y }), limits);
  return moved.k <= limits.fit.k * (1 + 1e-9) ? null : moved;
}

export const isSamePlace = (a: Place, b: Place): boolean =>
  a.k === b.k && a.x === b.x && a.y === b.y && a.columns === b.columns;
