import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { count, perAxis, percent, plain, times, withError } from "../../js/format.js";

describe("a value with its error", () => {
  it.each([
    [0.31415, 0.002, "0.314 ± 0.002"],
    [0.31418, 0.0017, "0.3142 ± 0.0017"],
    [0.5, 0.097, "0.50 ± 0.10"],
    [-0.00004, 0.0003, "0.0000 ± 0.0003"],
    [12.345, 3, "12 ± 3"],
    [1234.5, 0, "1235"],
    [2.5, 0, "2.5"],
    [3.2e-9, 4e-11, "3.20e-9 ± 4e-11"],
    [1.5e8, 1.2e6, "1.500e+8 ± 1.2e+6"],
    [0, 3e-12, "0e+0 ± 3e-12"],
  ])("%f, %f is written %s", (value, error, text) => {
    expect(withError(value, error)).toBe(text);
  });

  it("is near the value, and does not make the error much smaller or larger", () => {
    const size = fc.integer({ min: -12, max: 12 }).map((e) => 10 ** e);
    fc.assert(
      fc.property(
        fc.double({ min: -999, max: 999, noNaN: true }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        size,
        (v, e, s) => {
          const [value, error] = withError(v * s, e * s)
            .split(" ± ")
            .map(Number);
          expect(Math.abs(value - v * s)).toBeLessThanOrEqual(e * s * 1.0001);
          expect(Math.abs(error / (e * s) - 1)).toBeLessThanOrEqual(0.34);
        },
      ),
    );
  });
});

describe("numbers", () => {
  it.each([
    [0, "0"],
    [0.1, "0.1"],
    [-0.0123456, "-0.0123"],
    [12345.6, "12346"],
    [1e-5, "1e-5"],
    [1.5e9, "1.5e+9"],
    [Number.NaN, "–"],
    [Number.POSITIVE_INFINITY, "∞"],
  ])("%f is written %s", (value, text) => {
    expect(plain(value)).toBe(text);
  });

  it("are counted in thousands and millions", () => {
    expect([0, 999, 9408, 11_689_512, 1.5e12].map(count)).toEqual(["0", "999", "9.41 k", "11.7 M", "1.5 T"]);
  });

  it("are shares that say nothing or all only when it is so", () => {
    expect([0, 0.0001, 0.5, 0.99999, 1].map(percent)).toEqual(["0 %", "<0.1 %", "50 %", ">99.9 %", "100 %"]);
  });

  it("are sizes", () => {
    expect(times([3, 3])).toBe("3×3");
    expect(perAxis([2, 2])).toBe("2");
    expect(perAxis([2, 1])).toBe("2×1");
  });
});
