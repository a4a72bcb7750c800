import { TABLES } from "./colortables.js";
import { FILTERS, type View } from "./frame.js";
import { upTo } from "./upto.js";
import type { Scale } from "./wire.js";

/** Drawn where a value is NaN or infinite: a color that none of the maps has. */
export const NONFINITE = { r: 255, g: 0, b: 204 };

/** The maps by what they are for. Viridis and its kin rise evenly in lightness; diverging ones do so on both sides. */
export const FAMILIES = [
  ["Even steps", ["viridis", "cividis", "magma", "inferno", "plasma"]],
  ["Gray", ["gray", "gray_r"]],
  ["About zero", ["RdBu", "PuOr", "BrBG", "PRGn"]],
] as const;
export type NamedColormap = (typeof FAMILIES)[number][1][number];
/** All of them, and what is the one that fits what is shown. */
export const COLORMAPS = ["auto", ...FAMILIES.flatMap(([, maps]): readonly NamedColormap[] => maps)] as const;
export type Colormap = (typeof COLORMAPS)[number];

/**
 * Maps that people with the common color deficiencies read too: by their lightness (viridis, cividis and the
 * grays), or by ColorBrewer's own marks (the diverging ones).
 */
export const SAFE: ReadonlySet<string> = new Set([
  "viridis",
  "cividis",
  "gray",
  "gray_r",
  "RdBu",
  "PuOr",
  "BrBG",
  "PRGn",
]);

/** What `auto` means: a diverging map where zero is in the middle, viridis where it need not be. */
export function resolveColormap(colormap: Colormap, view: View, scale: Scale): NamedColormap {
  if (colormap !== "auto") return colormap;
  return view === FILTERS || scale === "symmetric" ? "RdBu" : "viridis";
}

export const isDiverging = (colormap: NamedColormap): boolean =>
  FAMILIES[2][1].some((map) => map === colormap);

/** CSS colors for a gradient: a map's ends and what lies between. */
export const colorStops = (colormap: NamedColormap): string[] =>
  upTo(25, (i) => `rgb(${channelsAt(colormap, i / 24).join(", ")})`);

/** 256 colors as they lie in the memory of an ImageData: red in the lowest byte. */
export const colorTable = (colormap: NamedColormap): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = channelsAt(colormap, i / 255);
    return pixel(r, g, b);
  });

/** A uniform cubic B-spline, as d3-scale-chromatic's; beyond an end lies the mirror image of the point before it. */
function channelsAt(colormap: NamedColormap, t: number): number[] {
  if (colormap === "gray" || colormap === "gray_r") {
    const level = Math.round(255 * (colormap === "gray" ? t : 1 - t));
    return [level, level, level];
  }
  const points = atob(TABLES[colormap]);
  const last = points.length / 3 - 1;
  const low = Math.min(Math.floor(t * last), last - 1);
  const f = t * last - low;
  return [0, 1, 2].map((channel) => {
    const [a, b, c, d] = [-1, 0, 1, 2].map((by) => points.charCodeAt(3 * (low + by) + channel));
    const before = low > 0 ? a : 2 * b - c;
    const after = low + 1 < last ? d : 2 * c - b;
    const [f2, f3] = [f ** 2, f ** 3];
    const sum = (1 - f) ** 3 * before + (4 - 6 * f2 + 3 * f3) * b + (1 + 3 * (f + f2 - f3)) * c + f3 * after;
    return Math.round(sum / 6);
  });
}

export const pixel = (r: number, g: number, b: number): number =>
  ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
