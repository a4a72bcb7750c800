import * as d3 from "d3-scale-chromatic";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, type Look, paintOf } from "../../js/atlas.js";
import { COLORMAPS, colorTable, FAMILIES, NONFINITE, pixel, SAFE } from "../../js/colormaps.js";
import { codeAt, dequantize, FEATURE_MAPS, FILTERS, type Frame } from "../../js/frame.js";
import { arrange, cellAt, type Layout, positionAt, tileRect } from "../../js/layout.js";
import { order, type Ranking } from "../../js/order.js";
import { sharedRange, tileRange } from "../../js/ranges.js";
import { lookup } from "../../js/raster.js";
import { sliced } from "../../js/slice.js";
import { SCALES, SORTS, type Sort } from "../../js/wire.js";
import { frameOf, randomFrame } from "./frames.js";

const viewport = { width: 640, height: 400 };
const by = (sort: Sort): Ranking => ({ sort, reference: -1, hide: "none", pinned: [] });

/** All of it, put together of patches of some size, as the canvas does with strips. */
function picture(frame: Frame, layout: Layout, tiles: Int32Array, look: Look, side = 4096) {
  const width = Math.ceil(layout.world.width / layout.grain.width);
  const height = Math.ceil(layout.world.height / layout.grain.height);
  const out = new Uint32Array(width * height);
  const paint = paintOf(frame, layout, tiles, look);
  for (const patch of cut(layout, side)) {
    const pixels = new Uint32Array(patch.width * patch.height);
    paint(patch, pixels);
    for (let y = 0; y < patch.height; y++) {
      out.set(pixels.subarray(y * patch.width, (y + 1) * patch.width), (patch.y + y) * width + patch.x);
    }
  }
  return { out, width, height };
}

const whole = { depth: 1, at: 0 };
const table = colorTable("viridis");
const nonfinite = pixel(NONFINITE.r, NONFINITE.g, NONFINITE.b);

function naiveColor(
  frame: Frame,
  tile: number,
  code: number,
  shared: { lo: number; hi: number } | null,
): number[] {
  if (code === 0) return [nonfinite];
  const { lo, hi } = shared ?? tileRange(frame, tile);
  const t = hi > lo ? (dequantize(frame, tile, code) - lo) / (hi - lo) : 0;
  // Where a value lies between two colors, rounding may take either.
  return [Math.floor(t * 255 - 1e-6), Math.ceil(t * 255 + 1e-6), Math.round(t * 255)].map(
    (i) => table[Math.min(255, Math.max(0, i))],
  );
}

describe("a picture of the world", () => {
  it.each(["grid", "mosaic"] as const)(
    "has at each pixel the color of the value there: %s",
    (arrangement) => {
      const view = arrangement === "mosaic" ? FILTERS : FEATURE_MAPS;
      fc.assert(
        fc.property(
          randomFrame(view),
          fc.constantFrom(...SCALES),
          fc.constantFrom(...SORTS),
          fc.integer({ min: 3, max: 300 }),
          (frame, scale, sort, side) => {
            const layout = arrange(frame.shape, frame.tiles, frame.factor, arrangement, viewport);
            const tiles = order(frame, by(sort));
            const range = sharedRange(frame, { scale, limits: [-0.3, 0.4], clip: 0 });
            const look = { arrangement, slice: whole, colormap: "viridis", range, clip: 0 } as const;
            const { out, width, height } = picture(frame, layout, tiles, look, side);
            // One expectation for all pixels: one for each takes longer than the picture.
            const wrong: number[][] = [];
            for (let y = 0; y < height; y++) {
              for (let x = 0; x < width; x++) {
                const cell = cellAt(layout, { x: x * layout.grain.width, y: y * layout.grain.height });
                const got = out[y * width + x];
                const tile = cell === null ? -1 : tiles[cell.position];
                const want =
                  cell === null
                    ? [0]
                    : naiveColor(frame, tile, codeAt(frame, tile, cell.plane, cell.row, cell.column), range);
                if (!want.includes(got)) wrong.push([x, y, got]);
              }
            }
            expect(wrong).toEqual([]);
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it("shows every code of tiles of one plane, even where the last averages fewer values", () => {
    fc.assert(
      fc.property(randomFrame(FEATURE_MAPS, fc.constant(1)), (frame) => {
        const layout = arrange(frame.shape, frame.tiles, frame.factor, "grid", viewport);
        const { out } = picture(frame, layout, order(frame, by("index")), {
          arrangement: "grid",
          slice: whole,
          colormap: "gray",
          range: null,
          clip: 0,
        });
        const painted = out.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
        const lines = layout.rowHeight === 1 ? 1 : layout.rowHeight / layout.grain.height;
        expect(painted).toBe(frame.tiles * frame.codeHeight * frame.codeWidth * lines);
      }),
    );
  });

  it("mixes three planes to colors with zero as mid gray", () => {
    fc.assert(
      fc.property(randomFrame(FILTERS, fc.constant(3), fc.constant(1)), (frame) => {
        for (let i = 0; i < frame.bounds.length; i += 2) frame.bounds[i] = -frame.bounds[i + 1];
        const layout = arrange(frame.shape, frame.tiles, 1, "color", viewport);
        const { out, width } = picture(frame, layout, order(frame, by("index")), {
          arrangement: "color",
          slice: whole,
          colormap: "gray",
          range: null,
          clip: 0,
        });
        for (let position = 0; position < frame.tiles; position++) {
          const rect = tileRect(layout, position);
          const x = rect.x / layout.grain.width;
          const y = rect.y / layout.grain.height;
          const codes = [0, 1, 2].map((plane) => codeAt(frame, position, plane, 0, 0));
          const levels = codes.map((code) => Math.round(127.5 + ((code - 128) / 127) * 127.5));
          const want = codes.includes(0) ? nonfinite : pixel(levels[0], levels[1], levels[2]);
          expect(out[y * width + x]).toBe(want);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("shows one slice of what has a depth, and no other", () => {
    const cases = fc.integer({ min: 1, max: 4 }).chain((depth) =>
      fc.tuple(
        fc.constant(depth),
        fc.nat(depth - 1),
        fc.integer({ min: 1, max: 3 }).chain((inputs) => randomFrame(FILTERS, fc.constant(inputs * depth))),
      ),
    );
    fc.assert(
      fc.property(cases, ([depth, at, frame]) => {
        const slice = { depth, at };
        const layout = arrange(sliced(frame.shape, slice), frame.tiles, frame.factor, "mosaic", viewport);
        const look = { arrangement: "mosaic", slice, colormap: "viridis", range: null, clip: 0 } as const;
        const { out, width, height } = picture(frame, layout, order(frame, by("index")), look);
        const wrong: number[][] = [];
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const cell = cellAt(layout, { x: x * layout.grain.width, y: y * layout.grain.height });
            if (cell === null) continue;
            const code = codeAt(frame, cell.position, cell.plane * depth + at, cell.row, cell.column);
            const got = out[y * width + x];
            if (!naiveColor(frame, cell.position, code, null).includes(got)) wrong.push([x, y, got]);
          }
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it("mixes the colors of one slice of filters in three dimensions", () => {
    // Two slices of three channels of one weight: planes are red 0, red 1, green 0, green 1, blue 0, blue 1.
    const codes = Uint8Array.of(1, 255, 128, 1, 255, 128);
    const frame = frameOf({ view: FILTERS, shape: [1, 6, 1, 1], codes, bounds: [-1, 1] });
    const shown = [0, 1].map((at) => {
      const slice = { depth: 2, at };
      const layout = arrange(sliced(frame.shape, slice), 1, 1, "color", viewport);
      const look = { arrangement: "color", slice, colormap: "gray", range: null, clip: 0 } as const;
      return picture(frame, layout, Int32Array.of(0), look).out[0];
    });
    expect(shown).toEqual([pixel(0, 128, 255), pixel(255, 0, 128)]);
  });

  it("is cut into pages that cover it once", () => {
    fc.assert(
      fc.property(randomFrame(FEATURE_MAPS), fc.integer({ min: 5, max: 60 }), (frame, side) => {
        const layout = arrange(frame.shape, frame.tiles, frame.factor, "grid", viewport);
        const width = Math.ceil(layout.world.width / layout.grain.width);
        const seen = new Set<number>();
        let total = 0;
        for (const patch of cut(layout, side)) {
          expect(Math.max(patch.width, patch.height)).toBeLessThanOrEqual(side);
          total += patch.width * patch.height;
          for (let y = 0; y < patch.height; y++) {
            for (let x = 0; x < patch.width; x++) seen.add((patch.y + y) * width + patch.x + x);
          }
        }
        expect(seen.size).toBe(total);
        expect(total).toBe(width * Math.ceil(layout.world.height / layout.grain.height));
      }),
      { numRuns: 40 },
    );
  });
});

describe("colors", () => {
  it("of a constant tile are the middle of a diverging map and the start of another", () => {
    fc.assert(
      fc.property(randomFrame(FEATURE_MAPS), (frame) => {
        frame.bounds.fill(0);
        expect(lookup(frame, null, 0, "viridis", table)(0)[1]).toBe(table[0]);
        const diverging = colorTable("RdBu");
        expect(lookup(frame, null, 0, "RdBu", diverging)(0)[1]).toBe(diverging[128]);
      }),
      { numRuns: 3 },
    );
  });

  it("of diverging maps run from blue through near white to red", () => {
    const [low, middle, high] = [0, 128, 255].map((i) => colorTable("RdBu")[i]);
    const red = (p: number) => p & 255;
    const blue = (p: number) => (p >> 16) & 255;
    expect(blue(low)).toBeGreaterThan(red(low));
    expect(red(high)).toBeGreaterThan(blue(high));
    expect(Math.min(red(middle), blue(middle))).toBeGreaterThan(225);
  });
});

it("positions and tiles are a permutation for every order", () => {
  fc.assert(
    fc.property(randomFrame(FEATURE_MAPS), fc.constantFrom(...SORTS), (frame, sort) => {
      const tiles = [...order(frame, by(sort))];
      expect([...tiles].sort((a, b) => a - b)).toEqual(tiles.map((_, i) => i));
      const layout = arrange(frame.shape, frame.tiles, 1, "grid", viewport);
      expect(positionAt(layout, { x: 0, y: 0 })).toBe(0);
    }),
  );
});

describe("the tables of colors", () => {
  const originals: Record<string, (t: number) => string> = {
    viridis: d3.interpolateViridis,
    cividis: d3.interpolateCividis,
    magma: d3.interpolateMagma,
    inferno: d3.interpolateInferno,
    plasma: d3.interpolatePlasma,
    RdBu: (t) => d3.interpolateRdBu(1 - t),
    PuOr: (t) => d3.interpolatePuOr(1 - t),
    BrBG: d3.interpolateBrBG,
    PRGn: d3.interpolatePRGn,
    gray: (t) => `rgb(${255 * t}, ${255 * t}, ${255 * t})`,
    gray_r: (t) => `rgb(${255 - 255 * t}, ${255 - 255 * t}, ${255 - 255 * t})`,
  };
  const parse = (color: string) =>
    color.startsWith("#")
      ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
      : (color.match(/[\d.]+/g) ?? []).map(Number);

  it.each(COLORMAPS.filter((name) => name !== "auto"))("are d3's to a step or two: %s", (name) => {
    const table = colorTable(name);
    table.forEach((value, i) => {
      const expected = parse(originals[name](i / 255));
      const found = [value & 255, (value >> 8) & 255, (value >> 16) & 255];
      for (const c of [0, 1, 2]) expect(Math.abs(found[c] - expected[c])).toBeLessThanOrEqual(2);
    });
  });

  it("are each offered once, in a family", () => {
    const offered = FAMILIES.flatMap(([, maps]) => maps);
    expect(["auto", ...offered].sort()).toEqual([...COLORMAPS].sort());
    expect(new Set(offered).size).toBe(offered.length);
    for (const name of SAFE) expect(offered).toContain(name);
  });
});
