import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seenBy } from "../../js/field.js";
import type { ReceptiveField } from "../../js/wire.js";

const field = (more: Partial<ReceptiveField> = {}): ReceptiveField => ({
  size: [3, 3],
  stride: [2, 2],
  start: [-1, -1],
  whole: false,
  regular: true,
  ...more,
});

/** A chain of windows along one axis: [size, stride, padding] of each. */
const chain = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })),
  { minLength: 1, maxLength: 4 },
);

/** Which pixels a unit reads, one window after the other, without a formula. */
function readBy(windows: readonly (readonly [number, number, number])[], unit: number): Set<number> {
  let read = new Set([unit]);
  for (const [size, stride, padding] of [...windows].reverse()) {
    const before = new Set<number>();
    for (const at of read) for (let tap = 0; tap < size; tap++) before.add(at * stride - padding + tap);
    read = before;
  }
  return read;
}

function fieldOf(windows: readonly (readonly [number, number, number])[]) {
  let [size, stride, start] = [1, 1, 0];
  for (const [k, s, p] of windows) {
    start -= p * stride;
    size += (k - 1) * stride;
    stride *= s;
  }
  return { size, stride, start };
}

describe("what a value sees", () => {
  it("is what its windows read, cut to the image", () => {
    fc.assert(
      fc.property(
        chain,
        chain,
        fc.nat(9),
        fc.nat(9),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        (down, across, row, column, height, width) => {
          const [y, x] = [fieldOf(down), fieldOf(across)];
          const whole = field({
            size: [y.size, x.size],
            stride: [y.stride, x.stride],
            start: [y.start, x.start],
          });
          const inside = (read: Set<number>, length: number) =>
            [...read].filter((at) => at >= 0 && at < length);
          const rows = inside(readBy(down, row), height);
          const columns = inside(readBy(across, column), width);
          const seen = seenBy(whole, row, column, [height, width]);
          // Windows may leave gaps: then what lies between the first and the last is counted in.
          if (rows.length > 0 && columns.length > 0) {
            expect(seen).not.toBeNull();
            expect(seen?.rows[0]).toBeLessThanOrEqual(Math.min(...rows));
            expect(seen?.rows[1]).toBeGreaterThanOrEqual(Math.max(...rows));
            expect(seen?.columns[0]).toBeLessThanOrEqual(Math.min(...columns));
            expect(seen?.columns[1]).toBeGreaterThanOrEqual(Math.max(...columns));
          }
          const first = Math.min(...readBy(down, row));
          const last = Math.max(...readBy(down, row));
          if (seen !== null) expect(seen.rows).toEqual([Math.max(first, 0), Math.min(last, height - 1)]);
          else expect(last < 0 || first >= height || columns.length === 0 || rows.length === 0).toBe(true);
        },
      ),
    );
  });

  it("lies in the image", () => {
    const sizes = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(
        sizes,
        fc.float({ min: 0, max: 40, noNaN: true }),
        fc.float({ min: -200, max: 40, noNaN: true }),
        fc.nat(60),
        sizes,
        (size, stride, start, unit, side) => {
          const all = field({ size: [size, size], stride: [stride, stride], start: [start, start] });
          const seen = seenBy(all, unit, unit, [side, side]);
          if (seen === null) return;
          const [first, last] = seen.rows;
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeLessThan(side);
          expect(last - first).toBeGreaterThanOrEqual(0);
          expect(last - first).toBeLessThan(size);
          expect(seen.columns).toEqual(seen.rows);
        },
      ),
    );
  });

  it("is the whole image after a global operation", () => {
    expect(seenBy(field({ whole: true, size: [], stride: [], start: [] }), 0, 0, [7, 9])).toEqual({
      rows: [0, 6],
      columns: [0, 8],
    });
  });

  it("is unknown where nobody knows, or the input is a row of samples", () => {
    expect(seenBy(null, 0, 0, [7, 9])).toBeNull();
    expect(seenBy(field({ size: [3], stride: [1], start: [0] }), 0, 0, [7, 9])).toBeNull();
  });

  it("is nothing in the padding alone", () => {
    expect(seenBy(field({ start: [-5, 0] }), 0, 0, [7, 9])).toBeNull();
  });

  it("is not moved by a rounding", () => {
    const third = field({ stride: [1 / 3, 1 / 3], start: [0, 0], size: [1, 1] });
    for (let unit = 0; unit < 60; unit++) {
      expect(seenBy(third, unit, unit, [60, 60])?.rows[0]).toBe(Math.floor(unit / 3));
    }
  });

  it("is of the last two axes of three", () => {
    const video = field({ size: [9, 2, 3], stride: [9, 2, 3], start: [9, 0, 0] });
    expect(seenBy(video, 1, 2, [20, 20])).toEqual({ rows: [2, 3], columns: [6, 8] });
  });
});
