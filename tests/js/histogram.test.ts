import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FEATURE_MAPS, FILTERS } from "../../js/frame.js";
import { BINS, binOf, layerHistogram, middleHalf, tileHistogram } from "../../js/histogram.js";
import { frameOf, randomFrame } from "./frames.js";

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
const frames = fc.oneof(randomFrame(FEATURE_MAPS), randomFrame(FILTERS));

describe("a histogram", () => {
  it("counts every value that is finite, of a tile and of all", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const size = frame.codes.length / frame.tiles;
        let all = 0;
        for (let tile = 0; tile < frame.tiles; tile++) {
          const finite = frame.codes.subarray(tile * size, (tile + 1) * size).filter((code) => code > 0);
          expect(sum(tileHistogram(frame, tile).counts)).toBe(finite.length);
          all += finite.length;
        }
        expect(sum(layerHistogram(frame).counts)).toBe(all);
      }),
    );
  });

  it("has a tile's values in the bins that their codes say", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const size = frame.codes.length / frame.tiles;
        const expected = new Array(BINS).fill(0);
        // 255 codes on 51 bins: five each.
        for (const code of frame.codes.subarray(0, size))
          if (code > 0) expected[Math.floor((code - 1) / 5)]++;
        expect(tileHistogram(frame, 0).counts).toEqual(expected);
      }),
    );
  });

  it("is even where every code occurs as often as any other", () => {
    const codes = Uint8Array.from({ length: 255 }, (_, i) => i + 1);
    const frame = frameOf({ shape: [1, 1, 15, 17], codes, bounds: [-3, 7] });
    expect(tileHistogram(frame, 0).counts).toEqual(new Array(BINS).fill(5));
  });

  it("keeps values of tiles with different bounds where they are in the layer's", () => {
    const codes = Uint8Array.of(1, 255, 1, 255);
    const frame = frameOf({ shape: [2, 1, 1, 2], codes, bounds: [0, 51, 25.5, 25.5] });
    const { range, counts } = layerHistogram(frame);
    expect(range).toEqual({ lo: 0, hi: 51 });
    expect([counts[0], counts[25], counts[50], sum(counts)]).toEqual([1, 2, 1, 4]);
  });

  it("has half of the values where it says", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const histogram = tileHistogram(frame, 0);
        const { lo, hi } = middleHalf(histogram);
        const total = sum(histogram.counts);
        if (total === 0) return;
        const from = binOf(histogram.range, lo + 1e-9 * (histogram.range.hi - histogram.range.lo));
        const to = binOf(histogram.range, hi - 1e-9 * (histogram.range.hi - histogram.range.lo));
        expect(sum(histogram.counts.slice(from, to + 1))).toBeGreaterThanOrEqual(total / 2 - 1);
      }),
    );
  });
});
