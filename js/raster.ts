import { isDiverging, type NamedColormap, NONFINITE, pixel } from "./colormaps.js";
import type { Frame } from "./frame.js";
import { type Layout, positionsIn } from "./layout.js";
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
  // Counting a tile's values takes longer than coloring them: once for all the parts it is painted in.
  const rangeOf = remembered((tile) => ownRange(frame, tile, clip));
  return (tile) => {
    const lo = frame.bounds[2 * tile];
    const hi = frame.bounds[2 * tile + 1];
    if (!shared && (clip === 0 || lo === hi)) return lo === hi ? flat : own;
    const range = shared ?? rangeOf(tile);
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
  eachTile(frame, layout, order, slice, patch, (tile) => {
    const table = colors(tile);
    return (pixel, start, columns, count) => {
      for (let i = 0; i < count; i++) {
        if (columns[i] >= 0) out[pixel + i] = table[codes[start + columns[i]]];
      }
    };
  });
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
  eachTile(frame, layout, order, slice, patch, (tile) => {
    const most = frame.bounds[2 * tile + 1];
    const gain = !shared ? (most > 0 ? 1 : 0) : shared.hi > 0 ? most / shared.hi : 0;
    const level = (code: number) => Math.round(127.5 + ((code - 128) / 127) * 127.5 * gain);
    return (at, start, columns, count) => {
      for (let i = 0; i < count; i++) {
        if (columns[i] < 0) continue;
        const r = codes[start + columns[i]];
        const g = codes[start + columns[i] + next];
        const b = codes[start + columns[i] + 2 * next];
        const isKnown = r !== 0 && g !== 0 && b !== 0;
        out[at + i] = isKnown ? pixel(level(r), level(g), level(b)) : NONFINITE_PIXEL;
      }
    };
  });
}

/** The part of the world that a patch shows. */
function worldOf(layout: Layout, { x, y, width, height }: Patch): Patch {
  const { grain } = layout;
  return {
    x: x * grain.width,
    y: y * grain.height,
    width: width * grain.width,
    height: height * grain.height,
  };
}

/**
 * Draws a line of `count` pixels of a tile, the first of them at `pixel`: that of code `start` plus its entry in
 * `columns`, which is negative in a gap.
 */
type DrawLine = (pixel: number, start: number, columns: Int32Array, count: number) => void;

/**
 * Goes through the lines of pixels of all tiles in a patch. Where a pixel's code lies in its tile is a sum of what
 * its row and its column say, and these are the same for all tiles below or beside each other: so they are worked
 * out once, and a pixel costs two look-ups.
 */
function eachTile(
  frame: Frame,
  layout: Layout,
  order: Int32Array,
  slice: Slice,
  patch: Patch,
  begin: (tile: number) => DrawLine,
): void {
  const { codeWidth, codeHeight, factor, shape } = frame;
  const { columns, planes, planeColumns, planePitch, pitch, block, grain, rowHeight } = layout;
  const area = codeHeight * codeWidth;
  const planeStep = planeOf(slice, 1) * area - planeOf(slice, 0) * area;
  const across = remembered((column) =>
    axisOf(column * pitch.width, block.width, planePitch.width, layout.width, grain.width, {
      from: patch.x,
      length: patch.width,
      code: (plane, at) => plane * planeStep + Math.floor(at / factor),
    }),
  );
  const down = remembered((row) =>
    axisOf(row * pitch.height, block.height, planePitch.height, layout.rows * rowHeight, grain.height, {
      from: patch.y,
      length: patch.height,
      code: (plane, at) =>
        plane * planeColumns * planeStep + Math.floor(at / (rowHeight * factor)) * codeWidth,
    }),
  );
  // The last row of planes of a tile may hold fewer than the others.
  const last = Math.floor((planes - 1) / planeColumns);
  const filled = (planes - last * planeColumns) * planePitch.width;
  for (const position of positionsIn(layout, worldOf(layout, patch))) {
    const column = position % columns;
    const row = Math.floor(position / columns);
    const { first: left, codes: inRow } = across(column);
    const { first: top, codes: inColumn } = down(row);
    const shorter = Math.ceil((column * pitch.width + filled) / grain.width) - patch.x - left;
    const draw = begin(order[position]);
    const base = order[position] * shape.planes * area + planeOf(slice, 0) * area;
    for (let j = 0; j < inColumn.length; j++) {
      if (inColumn[j] < 0) continue;
      const isLast = inColumn[j] >= last * planeColumns * planeStep;
      const count = isLast ? Math.max(0, Math.min(shorter, inRow.length)) : inRow.length;
      draw((top + j) * patch.width + left, base + inColumn[j], inRow, count);
    }
  }
}

interface Axis {
  /** The first pixel of the patch that lies in the tile. */
  readonly first: number;
  /** For each pixel from there on, what it adds to the index of a code; -1 in the gap between two planes. */
  readonly codes: Int32Array;
}

/** The pixels of a patch along one axis of a tile that starts at `start` and is `length` cells long. */
function axisOf(
  start: number,
  length: number,
  planePitch: number,
  planeLength: number,
  grain: number,
  patch: { from: number; length: number; code: (plane: number, at: number) => number },
): Axis {
  const first = Math.max(0, Math.ceil(start / grain) - patch.from);
  const end = Math.min(patch.length, Math.ceil((start + length) / grain) - patch.from);
  const codes = new Int32Array(Math.max(0, end - first));
  for (let i = 0; i < codes.length; i++) {
    const at = (first + i + patch.from) * grain - start;
    const plane = Math.floor(at / planePitch);
    const within = at - plane * planePitch;
    codes[i] = within < planeLength ? patch.code(plane, within) : -1;
  }
  return { first, codes };
}

function remembered<Value>(make: (key: number) => Value): (key: number) => Value {
  const made = new Map<number, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}
