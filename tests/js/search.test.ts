import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findable, isFound, marksIn, wordsOf } from "../../js/search.js";
import { readTrait } from "../../js/wire.js";
import { layerJson } from "./model.js";

const layer = (name: string, more: object = {}) =>
  readTrait("metadata", { protocol: 1, layers: [layerJson(name, { ...more })] }).layers[0];
const finds = (query: string, name: string, more: object = {}, badge = "") =>
  isFound(
    findable(layer(name, more), badge === "" ? [] : [{ text: badge, tone: "warn", title: "" }]),
    wordsOf(query),
  );
const conv = { kernel_size: [3, 3], in_channels: 256, out_channels: 512, output_shapes: [[1, 512, 14, 14]] };

describe("finding layers", () => {
  it.each([
    ["conv 3x3 512", true],
    ["CONV 3×3 512", true],
    ["3*3 256", true],
    ["14x14", true],
    ["256->512", true],
    ["layer4 conv2d", true],
    ["dead", true],
    ["3x", true],
    ["conv 3x3 513", false],
    ["51", false],
    ["3x3x3", false],
    ["4x14", false],
    ["linear", false],
    ["", true],
  ])("by '%s': %s", (query, expected) => {
    expect(finds(query, "layer4.0.conv2", conv, "dead")).toBe(expected);
  });

  it("finds a number in the name, and not in the size of a map", () => {
    expect(finds("512", "stage512.conv", {})).toBe(true);
    expect(finds("512", "conv", { output_shapes: [[1, 2, 512, 512]] })).toBe(false);
  });

  it("finds exactly what has each word somewhere", () => {
    const names = fc.constantFrom("stem.conv", "layer1.0.conv1", "features.12", "a.dead", "3x3");
    const channels = fc.constantFrom(1, 3, 12, 512);
    const kernel = fc.constantFrom([1, 1], [3, 3], [1, 13], [3, 3, 3]);
    const word = fc.constantFrom(
      "conv",
      "conv2d",
      "1",
      "12",
      "512",
      "3x3",
      "1x13",
      "3x3x3",
      "2x3",
      "dead",
      "zz",
    );
    fc.assert(
      fc.property(
        names,
        channels,
        channels,
        kernel,
        fc.array(word, { maxLength: 3 }),
        (name, a, b, k, words) => {
          const has = (one: string) => {
            if (name.includes(one)) return true;
            if (Number.isInteger(Number(one))) return Number(one) === a || Number(one) === b;
            if (one.includes("x")) return one === k.join("x") || one === "2x3";
            return "conv2d".includes(one);
          };
          const more = { in_channels: a, out_channels: b, kernel_size: k };
          expect(finds(words.join(" "), name, more)).toBe(words.every(has));
        },
      ),
    );
  });

  it("marks all that is found, in order and apart", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b", "A", "×", ".") }),
        fc.array(fc.constantFrom("a", "ab", "ba", "x")),
        (text, words) => {
          const lower = text.toLowerCase().replaceAll("×", "x");
          const naive = Array.from(lower, (_, at) =>
            words.some((word) =>
              Array.from(word, (_, i) => at - i).some((from) => from >= 0 && lower.startsWith(word, from)),
            ),
          );
          const marked = Array.from(lower, () => false);
          let end = -1;
          for (const [start, stop] of marksIn(text, words)) {
            expect(start).toBeGreaterThan(end);
            marked.fill(true, start, stop);
            end = stop;
          }
          expect(marked).toEqual(naive);
        },
      ),
    );
  });
});
