import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FEATURE_MAPS } from "../../js/frame.js";
import type { Source } from "../../js/source.js";
import { viewerStore } from "../../js/state.js";
import { MOST, tileValues } from "../../js/tilevalues.js";
import { readTraits, type ValuesRequest } from "../../js/wire.js";
import { plainFrame } from "./frames.js";
import { traits } from "./model.js";

const at = ({ row, column }: { row: number; column: number }) => row * 1e6 + column;

/** A kernel whose every value says where it stands, and that refuses too many at once. */
function kernel(answer: (request: ValuesRequest) => boolean = () => true) {
  const asked: ValuesRequest[] = [];
  const values = (request: ValuesRequest) => {
    asked.push(request);
    const [rows, columns] = [request.rows, request.columns];
    const width = columns[1] - columns[0];
    const count = (rows[1] - rows[0]) * width;
    if (count > MOST || !answer(request)) return Promise.reject(new Error("no"));
    return Promise.resolve(
      Float64Array.from({ length: count }, (_, i) =>
        at({ row: rows[0] + Math.floor(i / width), column: columns[0] + (i % width) }),
      ),
    );
  };
  return { asked, source: { live: true, values } as unknown as Source };
}

const values = traits(["a"]);
const { state } = viewerStore(readTraits((name) => values[name]));
const frame = plainFrame(FEATURE_MAPS, [1, 1, 4, 4], 1, 1);
const signal = new AbortController().signal;

describe("values of a tile", () => {
  it("are asked for in blocks that the kernel can give, and put together in their places", async () => {
    const sizes = fc.oneof(
      fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
      fc.tuple(fc.integer({ min: 500, max: 1200 }), fc.integer({ min: 500, max: 1200 })),
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: MOST - 1, max: 2 * MOST + 3 })),
    );
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(9), fc.nat(9), async ([height, width], top, left) => {
        const { asked, source } = kernel();
        const rows = [top, top + height] as const;
        const columns = [left, left + width] as const;
        const part = { channel: 0, plane: 0, rows, columns };
        const got = await tileValues(state, frame, source, part, signal);
        expect([got.error, got.factor]).toEqual([0, 1]);
        let wrong = 0;
        for (const [i, value] of got.values.entries()) {
          const place = { row: top + Math.floor(i / width), column: left + (i % width) };
          if (value !== at(place)) wrong++;
        }
        expect(wrong).toBe(0);
        expect(got.values.length).toBe(height * width);
        expect(asked.length).toBeLessThanOrEqual(Math.ceil((height * width) / MOST) * 2 + 3);
      }),
      { numRuns: 25 },
    );
  });

  it("are all of the frame's codes where one block is refused", async () => {
    const { source } = kernel(({ rows }) => rows[0] === 0);
    const large = plainFrame(FEATURE_MAPS, [1, 1, 1000, 1000], 1, 1);
    const part = { channel: 0, plane: 0, rows: [0, 1000], columns: [0, 1000] } as const;
    const got = await tileValues(state, large, source, part, signal);
    expect(got.error).toBeGreaterThan(0);
    expect(Math.max(...got.values.subarray(0, 1000))).toBeLessThan(1e6);
  });
});
