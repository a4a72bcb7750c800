import { colorTable, type NamedColormap } from "./colormaps.js";
import type { Frame } from "./frame.js";
import type { Arrangement, Layout } from "./layout.js";
import type { Range } from "./ranges.js";
import { lookup, type Patch, rasterize, rasterizeColor } from "./raster.js";
import type { Slice } from "./slice.js";

/** Far below what browsers allow (a canvas beyond that stays blank without an error). */
const MOST_SIDE = 4096;

/** A part of the picture of the world, ready to become a canvas. */
export interface Page {
  readonly patch: Patch;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

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

/** Draws all tiles, each once, into as few pictures as fit. */
export function* pages(frame: Frame, layout: Layout, order: Int32Array, look: Look): Generator<Page> {
  const colors = lookup(frame, look.range, look.clip, look.colormap, colorTable(look.colormap));
  for (const patch of cut(layout)) {
    const pixels = new Uint32Array(patch.width * patch.height);
    if (look.arrangement === "color")
      rasterizeColor(frame, layout, order, look.slice, look.range, patch, pixels);
    else rasterize(frame, layout, order, look.slice, colors, patch, pixels);
    yield { patch, pixels: new Uint8ClampedArray(pixels.buffer) };
  }
}
