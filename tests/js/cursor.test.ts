import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { middleCell, stepCell } from "../../js/cursor.js";
import {
  type Arrangement,
  arrange,
  type Cell,
  cellRect,
  type Layout,
  planeRect,
  tileRect,
} from "../../js/layout.js";

const layouts: fc.Arbitrary<Layout> = fc
  .record({
    tiles: fc.integer({ min: 1, max: 30 }),
    planes: fc.integer({ min: 1, max: 6 }),
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 40 }),
    arrangement: fc.constantFrom<Arrangement>("grid", "mosaic"),
  })
  .map(({ arrangement, ...shape }) =>
    arrange(shape, shape.tiles, 1, arrangement, { width: 700, height: 500 }),
  );

const cells = layouts.chain((layout) =>
  fc.record({
    layout: fc.constant(layout),
    cell: fc.record<Cell>({
      position: fc.integer({ min: 0, max: layout.tiles - 1 }),
      plane: fc.integer({ min: 0, max: layout.planes - 1 }),
      row: fc.integer({ min: 0, max: layout.rows - 1 }),
      column: fc.integer({ min: 0, max: layout.width - 1 }),
    }),
  }),
);
const STEPS = [
  { dx: -1, dy: 0 },
  { dx: 1, dy: 0 },
  { dx: 0, dy: -1 },
  { dx: 0, dy: 1 },
];

describe("the cursor", () => {
  it("goes to the nearest cell in its direction, and back again", () => {
    fc.assert(
      fc.property(cells, fc.constantFrom(...STEPS), ({ layout, cell }, step) => {
        const next = stepCell(layout, cell, step);
        const [from, to] = [cellRect(layout, cell), cellRect(layout, next)];
        if (next === cell) return;
        // Straight on: not a step aside, and nothing left out within a plane.
        expect(Math.sign(to.x - from.x)).toBe(step.dx);
        expect(Math.sign(to.y - from.y)).toBe(step.dy);
        if (next.position === cell.position && next.plane === cell.plane) {
          expect(Math.abs(next.row - cell.row) + Math.abs(next.column - cell.column)).toBe(1);
        }
        expect(stepCell(layout, next, { dx: -step.dx, dy: -step.dy })).toEqual(cell);
      }),
    );
  });

  it("gets from any cell of a row of planes to its end", () => {
    const layout = arrange({ tiles: 3, planes: 5, height: 3, width: 3 }, 3, 1, "mosaic", {
      width: 900,
      height: 300,
    });
    let cell: Cell = { position: 0, plane: 0, row: 1, column: 0 };
    for (let i = 0; i < 14; i++) cell = stepCell(layout, cell, { dx: 1, dy: 0 });
    expect(cell).toEqual({ position: 0, plane: 4, row: 1, column: 2 });
  });

  it("starts in the middle of what is seen of a tile", () => {
    fc.assert(
      fc.property(cells, ({ layout, cell: { position } }) => {
        const tile = tileRect(layout, position);
        const all = middleCell(layout, position, { x: -1e5, y: -1e5, width: 2e5, height: 2e5 });
        expect(all).toMatchObject({
          position,
          plane: 0,
          row: Math.floor(layout.rows / 2),
          column: Math.floor(layout.width / 2),
        });
        const corner = { x: tile.x + tile.width - 1, y: tile.y, width: 1, height: 1e3 };
        const seen = middleCell(layout, position, corner);
        const rect = planeRect(layout, position, seen.plane);
        expect(seen.position).toBe(position);
        expect(rect.x + seen.column).toBeGreaterThanOrEqual(rect.x);
        expect(seen.column).toBeLessThan(layout.width);
        expect(seen.row).toBeLessThan(layout.rows);
      }),
    );
  });
});
