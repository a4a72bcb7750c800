import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Arrangement,
  arrange,
  cellAt,
  cellRect,
  type Layout,
  planeRect,
  positionAt,
  positionsIn,
  type Rect,
  tileRect,
} from "../../js/layout.js";

const layouts: fc.Arbitrary<Layout> = fc
  .record({
    count: fc.integer({ min: 1, max: 90 }),
    planes: fc.integer({ min: 1, max: 20 }),
    height: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
    width: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 400 })),
    factor: fc.integer({ min: 1, max: 5 }),
    arrangement: fc.constantFrom<Arrangement>("grid", "mosaic", "color"),
    viewport: fc.record({
      width: fc.integer({ min: 1, max: 2000 }),
      height: fc.integer({ min: 1, max: 1500 }),
    }),
  })
  .map(({ count, planes, height, width, factor, arrangement, viewport }) =>
    arrange({ tiles: count, planes, height, width }, count, factor, arrangement, viewport),
  );

const center = ({ x, y, width, height }: Rect) => ({ x: x + width / 2, y: y + height / 2 });
const all = (layout: Layout) => Array.from({ length: layout.tiles }, (_, i) => i);

describe("every layout", () => {
  it("finds the tile that is at the center of a tile's rectangle", () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        for (const i of all(layout)) expect(positionAt(layout, center(tileRect(layout, i)))).toBe(i);
      }),
    );
  });

  it("finds the cell that is at the center of a cell's rectangle", () => {
    fc.assert(
      fc.property(layouts, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (layout, a, b, c, d) => {
        const cell = {
          position: a % layout.tiles,
          plane: b % layout.planes,
          row: c % layout.rows,
          column: d % layout.width,
        };
        expect(cellAt(layout, center(cellRect(layout, cell)))).toEqual(cell);
      }),
    );
  });

  it("keeps all planes within their tile, and all tiles within the world", () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const within = (inner: Rect, outer: Rect) =>
          inner.x >= outer.x &&
          inner.y >= outer.y &&
          inner.x + inner.width <= outer.x + outer.width &&
          inner.y + inner.height <= outer.y + outer.height;
        for (const i of all(layout)) {
          expect(within(tileRect(layout, i), { x: 0, y: 0, ...layout.world })).toBe(true);
          for (let plane = 0; plane < layout.planes; plane++) {
            expect(within(planeRect(layout, i, plane), tileRect(layout, i))).toBe(true);
          }
        }
      }),
    );
  });

  it("lets no two tiles and no two planes overlap", () => {
    const apart = (a: Rect, b: Rect) =>
      a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
    fc.assert(
      fc.property(layouts, (layout) => {
        const tiles = all(layout)
          .slice(0, 30)
          .map((i) => tileRect(layout, i));
        tiles.forEach((a, i) => {
          for (const b of tiles.slice(i + 1)) expect(apart(a, b)).toBe(true);
        });
        const planes = Array.from({ length: layout.planes }, (_, plane) => planeRect(layout, 0, plane));
        planes.forEach((a, i) => {
          for (const b of planes.slice(i + 1)) expect(apart(a, b)).toBe(true);
        });
      }),
    );
  });

  it("finds nothing outside of the world", () => {
    fc.assert(
      fc.property(layouts, fc.double({ min: 0.001, max: 1e6, noNaN: true }), (layout, by) => {
        const { width, height } = layout.world;
        for (const point of [
          { x: -by, y: 0 },
          { x: 0, y: -by },
          { x: width + by, y: 0 },
          { x: 0, y: height + by },
        ]) {
          expect(cellAt(layout, point)).toBeNull();
        }
        expect(cellAt(layout, { x: Number.NaN, y: 0 })).toBeNull();
      }),
    );
  });

  it("lists among the tiles of a rectangle every tile that touches it", () => {
    fc.assert(
      fc.property(layouts, fc.nat(), (layout, n) => {
        const i = n % layout.tiles;
        expect(positionsIn(layout, tileRect(layout, i))).toContain(i);
        expect(positionsIn(layout, { x: 0, y: 0, ...layout.world })).toEqual(all(layout));
      }),
    );
  });

  it("keeps its picture small enough to draw", () => {
    fc.assert(
      fc.property(layouts, ({ world, grain }) => {
        expect((world.width / grain.width) * (world.height / grain.height)).toBeLessThanOrEqual(2 ** 24);
      }),
    );
  });
});

describe("columns", () => {
  it("are as many as make the scale largest", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 50, max: 1500 }),
        fc.integer({ min: 50, max: 1500 }),
        (count, size, width, height) => {
          const shape = { tiles: count, planes: 1, height: size, width: size };
          const scale = ({ world }: Layout) => Math.min(width / world.width, height / world.height);
          const best = scale(arrange(shape, count, 1, "grid", { width, height }));
          for (let columns = 1; columns <= count; columns++) {
            const other = scale(arrange(shape, count, 1, "grid", { width, height }, columns));
            expect(best).toBeGreaterThanOrEqual(other * (1 - 1e-9));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  const viewport = { width: 900, height: 500 };
  it("leave a mosaic in one piece: rows are filters, columns their kernels", () => {
    for (const [filters, inputs, size] of [
      [512, 512, 3],
      [2048, 1024, 1],
      [64, 64, 3],
    ]) {
      const layout = arrange(
        { tiles: filters, planes: inputs, height: size, width: size },
        filters,
        1,
        "mosaic",
        viewport,
      );
      expect(layout.columns).toBe(1);
      expect(planeRect(layout, 0, inputs - 1).y).toBe(0);
    }
  });

  it("wrap a mosaic that would be a thin column", () => {
    const layout = arrange({ tiles: 512, planes: 2, height: 5, width: 5 }, 512, 1, "mosaic", viewport);
    expect(layout.columns).toBeGreaterThan(4);
  });

  it("make a grid of depthwise kernels", () => {
    const layout = arrange({ tiles: 96, planes: 1, height: 3, width: 3 }, 96, 1, "mosaic", viewport);
    expect(layout.columns).toBeGreaterThan(6);
  });
});

describe("gaps", () => {
  it("are 6 % of a tile, and at least a cell", () => {
    const gap = (size: number) => {
      const { pitch, block } = arrange({ tiles: 4, planes: 1, height: size, width: size }, 4, 1, "grid", {
        width: 9,
        height: 9,
      });
      return pitch.width - block.width;
    };
    expect([2, 7, 28, 112].map(gap)).toEqual([1, 1, 2, 7]);
  });

  it("are none between the 1x1 kernels of a mosaic", () => {
    const { world } = arrange({ tiles: 64, planes: 32, height: 1, width: 1 }, 64, 1, "mosaic", {
      width: 9,
      height: 9,
    });
    expect(world).toEqual({ width: 32, height: 64 });
  });
});

it("draws maps of one row tall enough to be seen", () => {
  const viewport = { width: 900, height: 500 };
  for (const length of [100, 1000, 16_000, 48_000]) {
    const layout = arrange({ tiles: 64, planes: 1, height: 1, width: length }, 64, 3, "grid", viewport);
    const k = Math.min(viewport.width / layout.world.width, viewport.height / layout.world.height);
    expect(layout.rowHeight * k).toBeGreaterThan(3);
  }
});
