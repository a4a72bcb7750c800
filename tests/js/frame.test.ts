import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeAt, dequantize, errorOf, FrameError, parseFrame, statistic } from "../../js/frame.js";
import { frameOf, packFrame, quantize } from "./frames.js";

const float = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(Math.fround);

const GOOD = {
  shape: [2, 1, 2, 3] as [number, number, number, number],
  codes: Uint8Array.from({ length: 12 }, (_, i) => i * 20),
  bounds: [-1, 1, 0, 5],
  stats: [1, 2, 3, 4, 5, 6, 7, 8],
};

describe("a value comes back", () => {
  it("within (hi - lo) / 508 of what it was", () => {
    fc.assert(
      fc.property(fc.array(float, { minLength: 1, maxLength: 40 }), (values) => {
        const lo = Math.min(...values);
        const hi = Math.max(...values);
        const frame = frameOf({
          shape: [1, 1, 1, values.length],
          codes: Uint8Array.from(quantize(values, lo, hi)),
          bounds: [lo, hi],
        });
        values.forEach((value, column) => {
          const back = dequantize(frame, 0, codeAt(frame, 0, 0, 0, column));
          expect(Math.abs(back - value)).toBeLessThanOrEqual(errorOf(frame, 0) * (1 + 1e-6));
        });
      }),
    );
  });

  it("exactly, where the tile is constant", () => {
    fc.assert(
      fc.property(float, (value) => {
        const frame = frameOf({ shape: [1, 1, 1, 1], codes: Uint8Array.of(1), bounds: [value, value] });
        expect(dequantize(frame, 0, 1) === value).toBe(true);
        expect(errorOf(frame, 0)).toBe(0);
      }),
    );
  });

  it("exactly as zero from the middle code of symmetric bounds", () => {
    fc.assert(
      fc.property(
        float.filter((m) => m > 0),
        (m) => {
          const frame = frameOf({ shape: [1, 1, 1, 1], codes: Uint8Array.of(128), bounds: [-m, m] });
          expect(dequantize(frame, 0, 128)).toBe(0);
        },
      ),
    );
  });

  it("as no number, where it was not finite", () => {
    const frame = frameOf(GOOD);
    expect(dequantize(frame, 0, 0)).toBeNaN();
  });
});

describe("parseFrame", () => {
  it("reads the same from anywhere in a buffer", () => {
    const bytes = packFrame(GOOD);
    const plain = parseFrame(bytes);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 17 }), fc.integer({ min: 0, max: 9 }), (before, after) => {
        const buffer = new Uint8Array(before + bytes.length + after).fill(0xee);
        buffer.set(bytes, before);
        expect(parseFrame(buffer.subarray(before, before + bytes.length))).toEqual(plain);
      }),
    );
  });

  it("knows statistics by their names, wherever they stand", () => {
    const frame = parseFrame(
      packFrame(GOOD, (header) => {
        (header.__metadata__ as Record<string, string>).stats = '["nonfinite","zeros","mean","std"]';
      }),
    );
    expect(statistic(frame, 1, "mean")).toBe(7);
    expect(statistic(frame, 0, "nonfinite")).toBe(1);
  });

  it("finds codes of averaged planes by the values they average", () => {
    // Two planes of 3x5 averaged by 2: codes of 2x3 each.
    const codes = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
    const frame = frameOf({ shape: [1, 2, 3, 5], factor: 2, codes, bounds: [0, 1] });
    expect(codeAt(frame, 0, 0, 2, 4)).toBe(6);
    expect(codeAt(frame, 0, 1, 0, 1)).toBe(7);
    expect(codeAt(frame, 0, 1, 2, 2)).toBe(11);
  });

  const entry = (header: Record<string, unknown>, name: string) => header[name] as Record<string, unknown>;
  it.each<[string, (header: Record<string, unknown>) => void]>([
    ["another protocol", (h) => (entry(h, "__metadata__").protocol = "2")],
    ["no metadata", (h) => delete h.__metadata__],
    ["a missing tensor", (h) => delete h.bounds],
    ["another dtype", (h) => (entry(h, "codes").dtype = "F32")],
    ["offsets beyond the end", (h) => (entry(h, "channels").data_offsets = [60, 1e9])],
    ["offsets of another length", (h) => (entry(h, "codes").data_offsets = [0, 11])],
    ["a negative size", (h) => (entry(h, "codes").shape = [2, -2, 3])],
    ["codes of another shape", (h) => (entry(h, "__metadata__").shape = "[2, 1, 3, 2]")],
    ["more tiles than the layer has", (h) => (entry(h, "__metadata__").shape = "[1, 1, 2, 3]")],
    ["a factor of zero", (h) => (entry(h, "__metadata__").factor = "0")],
    ["a factor that is no number", (h) => (entry(h, "__metadata__").factor = "two")],
    ["a view that is unknown", (h) => (entry(h, "__metadata__").view = "weights")],
    ["a shape that is not JSON", (h) => (entry(h, "__metadata__").shape = "[2, 1")],
    ["statistics that are not a list", (h) => (entry(h, "__metadata__").stats = "{}")],
  ])("refuses %s with a sentence", (_, change) => {
    const bytes = packFrame(GOOD, change);
    expect(() => parseFrame(bytes)).toThrow(FrameError);
    expect(() => parseFrame(bytes)).toThrow(/^The frame .*\.$/);
  });

  it("refuses any other bytes with the same error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => parseFrame(bytes)).toThrow(FrameError);
      }),
    );
  });

  it("never fails in another way when a byte is changed or the end is missing", () => {
    const good = packFrame(GOOD);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = good.slice(0, length);
        if (at < length) bytes[at] = value;
        try {
          parseFrame(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
