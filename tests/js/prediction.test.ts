/** The codes of maps in a report: what Python left of them is added up to what they were. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFrame } from "../../js/frame.js";
import { addPredictions } from "../../js/prediction.js";
import { packFrame } from "./frames.js";

/** Each code less the median of what is beside it, found by sorting. */
function residuals(codes: Uint8Array, width: number): Uint8Array {
  return codes.map((code, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const left = x > 0 ? codes[i - 1] : 0;
    const above = y > 0 ? codes[i - width] : 0;
    const between = x > 0 && y > 0 ? codes[i - width - 1] : 0;
    return code - [left, above, left + above - between].sort((a, b) => a - b)[1];
  });
}

describe("addPredictions", () => {
  it("gives the codes that were foretold", () => {
    const sizes = fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
    const content = sizes.chain(([tiles, height, width]) =>
      fc
        .uint8Array({ minLength: tiles * height * width, maxLength: tiles * height * width })
        .map((codes) => ({ tiles, height, width, codes })),
    );
    fc.assert(
      fc.property(content, ({ tiles, height, width, codes }) => {
        const shape: [number, number, number, number] = [tiles, 1, height, width];
        const bounds = new Array<number>(2 * tiles).fill(0);
        const frame = parseFrame(packFrame({ shape, codes: residuals(codes, width), bounds }));
        addPredictions(frame);
        expect([...frame.codes]).toEqual([...codes]);
      }),
    );
  });
});
