import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeAt, dequantize, FEATURE_MAPS, FILTERS, type Frame } from "../../js/frame.js";
import { thinned } from "../../js/headers.js";
import { isHidden, order, positions, similarities } from "../../js/order.js";
import { layerRange, ownRange, sharedRange } from "../../js/ranges.js";
import { HIDES, SORTS } from "../../js/wire.js";
import { frameOf, randomFrame } from "./frames.js";

const frames = fc.oneof(randomFrame(FEATURE_MAPS), randomFrame(FILTERS));

/** All finite values of a tile, as its codes say. */
function valuesOf(frame: Frame, tile: number): number[] {
  const { planes, height, width } = frame.shape;
  const values: number[] = [];
  for (let plane = 0; plane < planes; plane++)
    for (let row = 0; row < height; row += frame.factor)
      for (let column = 0; column < width; column += frame.factor) {
        const value = dequantize(frame, tile, codeAt(frame, tile, plane, row, column));
        if (!Number.isNaN(value)) values.push(value);
      }
  return values;
}

function pearson(a: number[], b: number[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const dot = a.reduce((sum, value, i) => sum + (value - ma) * (b[i] - mb), 0);
  const norm = (values: number[], m: number) => Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0));
  return dot / (norm(a, ma) * norm(b, mb));
}

describe("what is shown", () => {
  it("is every tile once, but those that are hidden", () => {
    const choices = fc.record({
      sort: fc.constantFrom(...SORTS),
      hide: fc.constantFrom(...HIDES),
      reference: fc.integer({ min: -1, max: 0 }),
      pinned: fc.constant([]),
    });
    fc.assert(
      fc.property(frames, choices, (frame, ranking) => {
        const shown = order(frame, ranking);
        const expected = Array.from({ length: frame.tiles }, (_, tile) => tile).filter(
          (tile) => !isHidden(frame, tile, ranking.hide),
        );
        expect([...shown].sort((a, b) => a - b)).toEqual(expected);
        const where = positions(shown, frame.tiles);
        for (let tile = 0; tile < frame.tiles; tile++) {
          if (where[tile] < 0) expect(shown).not.toContain(tile);
          else expect(shown[where[tile]]).toBe(tile);
        }
      }),
    );
  });

  it("is the pinned channels alone, in the order in which they were pinned", () => {
    const frame = frameOf({
      shape: [4, 1, 1, 2],
      codes: new Uint8Array(8).fill(3),
      bounds: [0, 1, 0, 1, 0, 1, 0, 1],
      channels: [10, 20, 30, 40],
    });
    const ranking = { sort: "mean", hide: "constant", reference: -1 } as const;
    expect([...order(frame, { ...ranking, pinned: [40, 99, 10] })]).toEqual([3, 0]);
  });

  it("is without the dead, or without all of one value", () => {
    const frame = frameOf({
      shape: [3, 1, 1, 2],
      codes: Uint8Array.of(1, 1, 1, 1, 1, 255),
      bounds: [0, 0, 5, 5, 0, 1],
      stats: [0, 0, 1, 0, 5, 0, 0, 0, 0.5, 0.5, 0.5, 0],
    });
    const shown = (hide: (typeof HIDES)[number]) => [
      ...order(frame, { sort: "index", hide, reference: -1, pinned: [] }),
    ];
    expect(shown("none")).toEqual([0, 1, 2]);
    expect(shown("dead")).toEqual([1, 2]);
    expect(shown("constant")).toEqual([2]);
  });
});

describe("similarity", () => {
  it("is Pearson's correlation of the values", () => {
    const dense = randomFrame(FEATURE_MAPS).map((frame) => ({
      ...frame,
      codes: frame.codes.map((code) => Math.max(code, 1)),
    }));
    fc.assert(
      fc.property(dense, (frame) => {
        const found = similarities(frame, 0);
        const first = valuesOf(frame, 0);
        for (let tile = 0; tile < frame.tiles; tile++) {
          const expected = pearson(first, valuesOf(frame, tile));
          if (Number.isFinite(expected)) expect(found[tile]).toBeCloseTo(expected, 4);
        }
      }),
    );
  });

  it("puts the picked one first and constants last", () => {
    const codes = Uint8Array.of(1, 128, 255, 9, 9, 9, 255, 128, 1, 2, 129, 250);
    const frame = frameOf({ shape: [4, 1, 1, 3], codes, bounds: [0, 1, 2, 2, 0, 1, 5, 9] });
    const ranking = { sort: "similarity", reference: 0, hide: "none", pinned: [] } as const;
    expect([...order(frame, ranking)]).toEqual([0, 3, 2, 1]);
  });
});

describe("clipped ranges", () => {
  const clips = fc.constantFrom(0.1, 1, 2, 5, 20);

  it("leave out as many of a tile at each end as they may, and no more", () => {
    fc.assert(
      fc.property(randomFrame(FEATURE_MAPS), clips, (frame, clip) => {
        const values = valuesOf(frame, 0).sort((a, b) => a - b);
        if (values.length === 0) return;
        const { lo, hi } = ownRange(frame, 0, clip);
        const tiny = (frame.bounds[1] - frame.bounds[0]) * 1e-6;
        const most = (values.length * clip) / 100;
        expect(values.filter((value) => value < lo - tiny).length).toBeLessThanOrEqual(most);
        expect(values.filter((value) => value > hi + tiny).length).toBeLessThanOrEqual(most);
        // The ends are values: one step further in, and it would be too many.
        expect(values.filter((value) => value <= lo + tiny).length).toBeGreaterThan(most);
        expect(values.filter((value) => value >= hi - tiny).length).toBeGreaterThan(most);
      }),
    );
  });

  it("of a layer lie within it and leave out few", () => {
    fc.assert(
      fc.property(frames, clips, fc.boolean(), (frame, clip, symmetric) => {
        const full = layerRange(frame, symmetric);
        const { lo, hi } = layerRange(frame, symmetric, clip);
        const all = Array.from({ length: frame.tiles }, (_, tile) => valuesOf(frame, tile)).flat();
        const bin = (full.hi - full.lo) / 1000;
        expect(lo).toBeGreaterThanOrEqual(full.lo - 1e-6);
        expect(hi).toBeLessThanOrEqual(full.hi + 1e-6);
        const beyond = all.filter((value) => value < lo - bin || value > hi + bin).length;
        expect(beyond).toBeLessThanOrEqual((all.length * 2 * clip) / 100 + 1e-9);
        if (symmetric) expect(lo).toBeCloseTo(-hi);
      }),
    );
  });

  it("give way to limits that were typed", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const choice = { scale: "limits", limits: [-2, 7], clip: 5 } as const;
        expect(sharedRange(frame, choice)).toEqual({ lo: -2, hi: 7 });
        expect(sharedRange(frame, { ...choice, limits: null, clip: 0 })).toEqual(layerRange(frame, false));
      }),
    );
  });
});

describe("the numbers at an edge", () => {
  it("never overlap, stay on the edge, and leave out none that have room", () => {
    const lines = fc.record({
      count: fc.integer({ min: 1, max: 4096 }),
      pitch: fc.double({ min: 0.05, max: 400, noNaN: true }),
      first: fc.double({ min: -20000, max: 500, noNaN: true }),
      room: fc.integer({ min: 8, max: 60 }),
    });
    fc.assert(
      fc.property(lines, ({ count, pitch, first, room }) => {
        const labels = thinned(count, { pitch, first }, room, [30, 900]);
        labels.forEach(({ index, at }, i) => {
          expect(at).toBeCloseTo(first + index * pitch);
          expect(index).toBeLessThan(count);
          expect(at).toBeGreaterThanOrEqual(30 - 1e-6);
          expect(at).toBeLessThanOrEqual(900);
          if (i > 0) expect(at - labels[i - 1].at).toBeGreaterThanOrEqual(room * 0.99);
        });
        if (pitch >= room) {
          const all = Array.from({ length: count }, (_, i) => first + i * pitch);
          expect(labels.length).toBe(all.filter((at) => at >= 30 && at <= 900).length);
        }
      }),
    );
  });
});
