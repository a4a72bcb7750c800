/**
 * Stands in the bundle for d3-transition and d3-interpolate. Of them, d3-zoom's gestures use only this, to end an
 * animation that there never is; its animated zooms, which would use the rest, are not called.
 */
export function interrupt(): void {}

export function interpolateZoom(): never {
  throw new Error("The picture is moved by gestures.ts.");
}
