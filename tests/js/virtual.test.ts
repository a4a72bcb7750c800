import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { offsetsOf, revealing, rowAt, rowsWithin } from "../../js/virtual.js";

const heights = fc.array(fc.constantFrom(28, 44), { minLength: 1, maxLength: 200 });
const size = fc.double({ min: 0, max: 9000, noNaN: true });

describe("rows on the screen", () => {
  it("cover all of the window that has rows, and few more", () => {
    fc.assert(
      fc.property(heights, size, size, fc.nat(400), (each, top, height, beyond) => {
        const offsets = offsetsOf(each);
        const { start, stop } = rowsWithin(offsets, top, height, beyond);
        each.forEach((_, row) => {
          const touches = offsets[row] < top + height && offsets[row + 1] > top;
          if (touches) expect(row >= start && row < stop).toBe(true);
        });
        expect(stop - start).toBeLessThanOrEqual((height + 2 * beyond) / 28 + 2);
      }),
    );
  });

  it("finds the row at a height", () => {
    fc.assert(
      fc.property(heights, size, (each, y) => {
        const offsets = offsetsOf(each);
        const naive = each.findIndex((_, row) => y >= offsets[row] && y < offsets[row + 1]);
        expect(rowAt(offsets, y)).toBe(naive < 0 ? each.length - 1 : naive);
      }),
    );
    expect(rowAt(offsetsOf([]), 5)).toBe(-1);
    expect(rowsWithin(offsetsOf([]), 0, 100, 10)).toEqual({ start: 0, stop: 0 });
  });

  it("scrolls no further than it must to show a row whole", () => {
    fc.assert(
      fc.property(
        heights,
        fc.nat(199),
        fc.nat(5000),
        fc.integer({ min: 44, max: 900 }),
        (each, at, top, height) => {
          const offsets = offsetsOf(each);
          const row = at % each.length;
          const next = revealing(offsets, row, top, height);
          const seen = (from: number) => offsets[row] >= from && offsets[row + 1] <= from + height;
          expect(next === 0 || seen(next)).toBe(true);
          if (seen(top)) expect(next).toBe(top);
        },
      ),
    );
  });
});
