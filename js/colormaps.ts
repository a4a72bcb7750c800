import {
  interpolateCividis,
  interpolateInferno,
  interpolateMagma,
  interpolatePuOr,
  interpolateRdBu,
  interpolateViridis,
} from "d3-scale-chromatic";
import { FILTERS, type View } from "./frame.js";
import type { Colormap, Scale } from "./wire.js";

export type NamedColormap = Exclude<Colormap, "auto">;

/** Drawn where a value is NaN or infinite: a color that none of the maps has. */
export const NONFINITE = { r: 255, g: 0, b: 204 };

// Diverging maps run from blue (PuOr: purple) below zero to red (orange) above, the way d3's run backwards.
const INTERPOLATORS: Record<NamedColormap, (t: number) => string> = {
  viridis: interpolateViridis,
  magma: interpolateMagma,
  inferno: interpolateInferno,
  cividis: interpolateCividis,
  gray: (t) => `rgb(${Math.round(255 * t)}, ${Math.round(255 * t)}, ${Math.round(255 * t)})`,
  RdBu: (t) => interpolateRdBu(1 - t),
  PuOr: (t) => interpolatePuOr(1 - t),
};

/** What `auto` means: a diverging map where zero is in the middle, viridis where it need not be. */
export function resolveColormap(colormap: Colormap, view: View, scale: Scale): NamedColormap {
  if (colormap !== "auto") return colormap;
  return view === FILTERS || scale === "symmetric" ? "RdBu" : "viridis";
}

export function isDiverging(colormap: NamedColormap): boolean {
  return colormap === "RdBu" || colormap === "PuOr";
}

/** A CSS color; t from 0 to 1. */
export function colorAt(colormap: NamedColormap, t: number): string {
  return INTERPOLATORS[colormap](t);
}

/** 256 colors as they lie in the memory of an ImageData: red in the lowest byte. */
export function colorTable(colormap: NamedColormap): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, i) => pixelOf(colorAt(colormap, i / 255)));
}

export function pixel(r: number, g: number, b: number): number {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** The pixel of a CSS color of the forms `#rrggbb` and `rgb(r, g, b)`, which are all that d3 gives. */
export function pixelOf(color: string): number {
  if (color.startsWith("#")) {
    const rgb = Number.parseInt(color.slice(1), 16);
    return pixel(rgb >> 16, (rgb >> 8) & 255, rgb & 255);
  }
  const [r, g, b] = (color.match(/[\d.]+/g) ?? []).map((part) => Math.round(Number(part)));
  return pixel(r, g, b);
}
