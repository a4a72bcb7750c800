/** Where a point of the world lies on the screen: `screen = k * world + (x, y)`, k in CSS pixels per cell. */
export interface Transform {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a transform may be: `fit` shows all of the world in the viewport, and no cell is larger than `kMax`. */
export interface Limits {
  readonly fit: Transform;
  readonly viewport: Size;
  readonly kMax: number;
}

export const apply = (t: Transform, point: Point): Point => ({
  x: point.x * t.k + t.x,
  y: point.y * t.k + t.y,
});

export const invert = (t: Transform, point: Point): Point => ({
  x: (point.x - t.x) / t.k,
  y: (point.y - t.y) / t.k,
});

/** The transform of scale `k` that shows a point of the world at `at`, a point of the screen. */
export const hold = (k: number, at: Point, world: Point): Transform => ({
  k,
  x: at.x - world.x * k,
  y: at.y - world.y * k,
});

/** Scales by `factor` about `anchor`, a point of the screen that keeps showing the same point of the world. */
export const zoomAt = (t: Transform, factor: number, anchor: Point): Transform =>
  hold(t.k * factor, anchor, invert(t, anchor));

/** The middle of a rectangle; of a viewport, which starts at 0. */
export const centerOf = ({ x = 0, y = 0, width, height }: Size & Partial<Point>): Point => ({
  x: x + width / 2,
  y: y + height / 2,
});

/** The part of the world that a viewport shows. */
export const seenThrough = (t: Transform, { width, height }: Size): Point & Size => ({
  ...invert(t, { x: 0, y: 0 }),
  width: width / t.k,
  height: height / t.k,
});

export const distance = (a: Point, b: Point): number => Math.hypot(b.x - a.x, b.y - a.y);

export const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

/** The transform that shows all of the world, centered, with `padding` CSS pixels around it. */
export function fitting(world: Size, viewport: Size, padding: number, kMax: number): Transform {
  const scale = Math.min(
    Math.max(viewport.width - 2 * padding, 1) / Math.max(world.width, 1e-9),
    Math.max(viewport.height - 2 * padding, 1) / Math.max(world.height, 1e-9),
  );
  const k = Math.min(scale, kMax);
  return { k, x: (viewport.width - k * world.width) / 2, y: (viewport.height - k * world.height) / 2 };
}

/** The nearest scale within the limits. */
export const scaleWithin = (k: number, { fit, kMax }: Limits): number =>
  Math.min(Math.max(k, fit.k), Math.max(kMax, fit.k));

/**
 * The nearest transform within the limits: never out of what is visible at `fit`, and with some of the picture in
 * the middle of the viewport, so that it cannot be lost.
 */
export function clamp(t: Transform, limits: Limits): Transform {
  const { fit, viewport } = limits;
  if (!(Number.isFinite(t.k) && Number.isFinite(t.x) && Number.isFinite(t.y) && t.k > 0)) return fit;
  const k = scaleWithin(t.k, limits);
  const { x, y } = k === t.k ? t : zoomAt(t, k / t.k, centerOf(viewport));
  return {
    k,
    x: clampAxis(x, k, fit.x, fit.k, viewport.width),
    y: clampAxis(y, k, fit.y, fit.k, viewport.height),
  };
}

function clampAxis(offset: number, k: number, fitOffset: number, fitK: number, length: number): number {
  const ratio = k / fitK;
  const content = (length - 2 * fitOffset) * ratio;
  const highest = Math.min(fitOffset * ratio, length / 2);
  const lowest = Math.max(length - (length - fitOffset) * ratio, length / 2 - content);
  return Math.min(Math.max(offset, Math.min(lowest, highest)), highest);
}

/**
 * The transform at `u` (0 to 1) of a smooth way from `a` to `b`: the scale changes by equal ratios, and
 * the one point that both show at the same place on the screen stays there.
 */
export function between(a: Transform, b: Transform, u: number): Transform {
  if (u >= 1) return b;
  const k = a.k * (b.k / a.k) ** u;
  const share = Math.abs(b.k - a.k) < 1e-9 * a.k ? u : (k - a.k) / (b.k - a.k);
  return { k, x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
}
