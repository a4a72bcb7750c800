import { isDiverging, type NamedColormap, NONFINITE, pixel } from "./colormaps.js";
import type { Frame } from "./frame.js";
import { type Layout, planeRect, positionsIn } from "./layout.js";
import { ownRange, type Range } from "./ranges.js";
import { planeOf, type Slice } from "./slice.js";

/**
 * A part of the world as pixels: pixel (i, j) shows the value at ((i + x) grain, (j + y) grain). Its corner, not
 * its center: so the last pixel of a tile is there even when it averages fewer values than the others.
 */
export interface Patch {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The pixel for each code of a tile. Codes are linear in the value, so the colors are looked up, not computed. */
export type Lookup = (tile: number) => Uint32Array;

const NONFINITE_PIXEL = pixel(NONFINITE.r, NONFINITE.g, NONFINITE.b);

/**
 * @param shared the values at the ends of the colors; null when each tile spans all colors on its own.
 * @param clip percent of a tile's own values at each end that its colors leave out.
 */
export function lookup(
  frame: Frame,
  shared: Range | null,
  clip: number,
  colormap: NamedColormap,
  table: Uint32Array,
): Lookup {
  const own = new Uint32Array(256);
  own[0] = NONFINITE_PIXEL;
  for (let code = 1; code < 256; code++) own[code] = table[Math.round(((code - 1) * 255) / 254)];
  const flat = new Uint32Array(256).fill(isDiverging(colormap) ? table[128] : table[0]);
  flat[0] = NONFINITE_PIXEL;

  const scratch = new Uint32Array(256);
  scratch[0] = NONFINITE_PIXEL;
  return (tile) => {
    const lo = frame.bounds[2 * tile];
    const hi = frame.bounds[2 * tile + 1];
    if (shared === null && (clip === 0 || lo === hi)) return lo === hi ? flat : own;
    const range = shared ?? ownRange(frame, tile, clip);
    const span = range.hi - range.lo;
    if (!(span > 0)) return flat;
    const first = ((lo - range.lo) / span) * 255;
    const step = (((hi - lo) / span) * 255) / 254;
    for (let code = 1; code < 256; code++) {
      scratch[code] = table[Math.min(255, Math.max(0, Math.round(first + step * (code - 1))))];
    }
    return scratch;
  };
}

/**
 * Paints the tiles that touch a patch into `out`, patch.width pixels a row. Gaps keep what is there.
 *
 * @param order the tile at each position of the layout.
 */
export function rasterize(
  frame: Frame,
  layout: Layout,
  order: Int32Array,
  slice: Slice,
  colors: Lookup,
  patch: Patch,
  out: Uint32Array,
): void {
  const { codes } = frame;
  let table: Uint32Array;
  const put = (o: number, index: number) => {
    out[o] = table[codes[index]];
  };
  for (const position of positionsIn(layout, worldOf(layout, patch))) {
    const tile = order[position];
    table = colors(tile);
    for (let plane = 0; plane < layout.planes; plane++) {
      rasterizePlane(frame, layout, position, plane, tile, planeOf(slice, plane), patch, put);
    }
  }
}

/**
 * As `rasterize`, for tiles of three planes that are red, green and blue of one picture: zero is mid gray.
 *
 * @param shared the weights at black and full brightness; null for those of each tile.
 */
export function rasterizeColor(
  frame: Frame,
  layout: Layout,
  order: Int32Array,
  slice: Slice,
  shared: Range | null,
  patch: Patch,
  out: Uint32Array,
): void {
  // From the code of red to those of green and blue.
  const next = frame.codeHeight * frame.codeWidth * slice.depth;
  const { codes } = frame;
  for (const position of positionsIn(layout, worldOf(layout, patch))) {
    const tile = order[position];
    const most = frame.bounds[2 * tile + 1];
    const gain = shared === null ? (most > 0 ? 1 : 0) : shared.hi > 0 ? most / shared.hi : 0;
    const level = (code: number) => Math.round(127.5 + ((code - 128) / 127) * 127.5 * gain);
    rasterizePlane(frame, layout, position, 0, tile, planeOf(slice, 0), patch, (o, index) => {
      const r = codes[index];
      const g = codes[index + next];
      const b = codes[index + 2 * next];
      out[o] = r === 0 || g === 0 || b === 0 ? NONFINITE_PIXEL : pixel(level(r), level(g), level(b));
    });
  }
}

/** The part of the world that a patch shows. */
export function worldOf(layout: Layout, { x, y, width, height }: Patch): Patch {
  const { grain } = layout;
  return {
    x: x * grain.width,
    y: y * grain.height,
    width: width * grain.width,
    height: height * grain.height,
  };
}

/**
 * Calls `put` for each pixel of a patch whose corner lies in a plane of the layout, with the indices of the pixel
 * and of its code in a plane of a tile.
 */
function rasterizePlane(
  frame: Frame,
  layout: Layout,
  position: number,
  shown: number,
  tile: number,
  plane: number,
  patch: Patch,
  put: (pixel: number, code: number) => void,
): void {
  const { grain, rowHeight } = layout;
  const { codeWidth, codeHeight, factor } = frame;
  const rect = planeRect(layout, position, shown);
  const left = Math.max(0, Math.ceil(rect.x / grain.width) - patch.x);
  const right = Math.min(patch.width, Math.ceil((rect.x + rect.width) / grain.width) - patch.x);
  const top = Math.max(0, Math.ceil(rect.y / grain.height) - patch.y);
  const bottom = Math.min(patch.height, Math.ceil((rect.y + rect.height) / grain.height) - patch.y);
  const base = (tile * frame.shape.planes + plane) * codeHeight * codeWidth;
  for (let j = top; j < bottom; j++) {
    const row = Math.floor(((j + patch.y) * grain.height - rect.y) / (rowHeight * factor));
    const line = j * patch.width;
    const start = base + row * codeWidth;
    for (let i = left; i < right; i++) {
      put(line + i, start + Math.floor(((i + patch.x) * grain.width - rect.x) / factor));
    }
  }
}
