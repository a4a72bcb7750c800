import { colorTable, type NamedColormap } from "./colormaps.js";
import type { Frame } from "./frame.js";
import type { Arrangement, Layout } from "./layout.js";
import type { Range } from "./ranges.js";
import { lookup, type Patch, rasterize, rasterizeColor } from "./raster.js";
import type { Slice } from "./slice.js";

/** Far below what browsers allow (a canvas beyond that stays blank without an error). */
const MOST_SIDE = 4096;

/** What the pixels depend on. */
export interface Look {
  readonly arrangement: Arrangement;
  readonly slice: Slice;
  readonly colormap: NamedColormap;
  readonly range: Range | null;
  /** Percent at each end of a tile's own range that the colors leave out. */
  readonly clip: number;
}

/** How a picture of `layout` at its grain is cut into pages. */
export function cut(layout: Layout, side = MOST_SIDE): Patch[] {
  const width = Math.ceil(layout.world.width / layout.grain.width);
  const height = Math.ceil(layout.world.height / layout.grain.height);
  const patches: Patch[] = [];
  for (let y = 0; y < height; y += side) {
    for (let x = 0; x < width; x += side) {
      patches.push({ x, y, width: Math.min(side, width - x), height: Math.min(side, height - y) });
    }
  }
  return patches;
}

/** Paints a patch into `out`, patch.width pixels a row; gaps keep what is there. */
export type Paint = (patch: Patch, out: Uint32Array) => void;

/** What paints any patch of a picture of all tiles. */
export function paintOf(frame: Frame, layout: Layout, order: Int32Array, look: Look): Paint {
  if (look.arrangement === "color") {
    return (patch, out) => rasterizeColor(frame, layout, order, look.slice, look.range, patch, out);
  }
  const colors = lookup(frame, look.range, look.clip, look.colormap, colorTable(look.colormap));
  return (patch, out) => rasterize(frame, layout, order, look.slice, colors, patch, out);
}
