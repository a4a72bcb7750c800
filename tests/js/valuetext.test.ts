import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactly } from "../../js/format.js";
import { numpyText, tsv } from "../../js/valuetext.js";

const float32 = fc.float({ noDefaultInfinity: true, noNaN: true });
const part = (values: readonly number[], width: number, more: object = {}) => ({
  rows: [0, values.length / width] as const,
  columns: [0, width] as const,
  values: Float64Array.from(values),
  error: 0,
  factor: 1,
  ...more,
});

describe("the exact text of a value", () => {
  it("gives the same float32 again, in as few digits as do that", () => {
    fc.assert(
      fc.property(float32, (value) => {
        const text = exactly(value, "float32");
        expect(Math.fround(Number(text))).toBe(value === 0 ? Number(text) : value);
        const digits = (some: string) => some.replace(/e.*|[-.]/g, "").replace(/^0+|0+$/g, "").length;
        const least = [1, 2, 3, 4, 5, 6, 7, 8, 9].find(
          (count) => Math.fround(Number(value.toPrecision(count))) === value,
        );
        expect(digits(text)).toBeLessThanOrEqual(least ?? 9);
      }),
      { numRuns: 2000 },
    );
  });

  it("gives the same float64, and the same integer, again", () => {
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        expect(Number(exactly(value, "float64"))).toBe(
          value === 0 ? Number(exactly(value, "float64")) : value,
        );
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(Number(exactly(value, "int64"))).toBe(value);
      }),
    );
  });

  it.each([
    [Math.fround(0.1), "float32", "0.1"],
    [Math.fround(0.1), "float64", "0.10000000149011612"],
    [16777216, "int32", "16777216"],
    [255, "uint8", "255"],
    [1e-45, "float32", "1e-45"],
    [Number.NaN, "float32", "NaN"],
    [Number.POSITIVE_INFINITY, "float32", "inf"],
    [Number.NEGATIVE_INFINITY, "float16", "-inf"],
  ])("%f of %s is %s", (value, dtype, text) => {
    expect(exactly(value === 1e-45 ? Math.fround(1e-45) : value, dtype)).toBe(text);
  });
});

describe("values for other programs", () => {
  it("are read again from tab-separated text", () => {
    fc.assert(
      fc.property(
        fc.array(float32, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 6 }),
        (some, width) => {
          const values = some.slice(0, Math.max(1, Math.floor(some.length / width)) * width);
          if (values.length % width > 0) return;
          const read = tsv(part(values, width), "float32")
            .split("\n")
            .map((line) => line.split("\t").map((text) => Math.fround(Number(text))));
          expect(read.flat()).toEqual(values.map((value) => value + 0));
          expect(read.every((row) => row.length === width)).toBe(true);
        },
      ),
    );
  });

  it("name what numpy calls them", () => {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5];
    expect(numpyText(part(odd, 2), "float32").replace(/\s+/g, " ")).toBe(
      "np.array([[np.nan, np.inf], [-np.inf, 0.5]], dtype=np.float32)",
    );
    expect(numpyText(part([1, 2], 2), "int64")).toBe("np.array([[1, 2]], dtype=np.int64)");
    expect(numpyText(part([1, 2], 2), "bfloat16")).toBe("np.array([[1, 2]], dtype=np.float32)");
  });

  it("say above them how far they are off and what they are means of, and nothing where they are exact", () => {
    const caution = (error: number, factor: number) => {
      const all = [tsv, numpyText].map((write) => write(part([1, 2], 2, { error, factor }), "float32"));
      const [above, ...others] = new Set(
        all.map((text) => (text.startsWith("#") ? text.split("\n")[0] : "")),
      );
      expect(others).toEqual([]);
      return above;
    };
    expect(caution(0, 1)).toBe("");
    expect(caution(0.25, 1)).toBe("# each is off by at most 0.25");
    expect(caution(0, 4)).toBe("# each is the mean of 4 x 4 values");
    expect(caution(0.25, 4)).toBe("# each is the mean of 4 x 4 values, and that is off by at most 0.25");
  });
});
