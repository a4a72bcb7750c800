/** Frames written by Python, read here: both must find the same numbers in them. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dequantize, parseFrame } from "../../js/frame.js";

interface Expected {
  metadata: Record<string, string>;
  shape: number[];
  bounds: [number, number][];
  channels: number[];
  codes: number[];
  values: (number | null)[];
}

const folder = new URL("../golden/", import.meta.url);
const list = new URL("expected.json", folder);
const expected: Record<string, Expected> = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : {};

describe("golden frames", () => {
  it("are there", () => {
    expect(Object.keys(expected).length).toBeGreaterThan(0);
  });

  it.each(Object.entries(expected))("%s reads as Python wrote it", (name, wanted) => {
    const frame = parseFrame(readFileSync(new URL(name, folder)));
    const { metadata } = wanted;
    expect(frame.layer).toBe(metadata.layer);
    expect(frame.view).toBe(metadata.view);
    expect(String(frame.generation)).toBe(metadata.generation);
    expect(String(frame.call)).toBe(metadata.call);
    expect(String(frame.image)).toBe(metadata.image);
    expect(String(frame.factor)).toBe(metadata.factor);
    expect([frame.shape.tiles, frame.shape.planes, frame.shape.height, frame.shape.width]).toEqual(
      JSON.parse(metadata.shape),
    );
    expect(frame.statNames).toEqual(JSON.parse(metadata.stats));
    expect([frame.tiles, frame.shape.planes * frame.codeHeight, frame.codeWidth]).toEqual(wanted.shape);
    expect([...frame.channels]).toEqual(wanted.channels);
    expect([...frame.codes]).toEqual(wanted.codes);
    expect([...frame.bounds]).toEqual(wanted.bounds.flat().map(Math.fround));
    const perTile = frame.codes.length / frame.tiles;
    frame.codes.forEach((code, i) => {
      const value = dequantize(frame, Math.floor(i / perTile), code);
      const want = wanted.values[i];
      if (want === null) expect(value).toBeNaN();
      else
        expect(Math.abs(value - want)).toBeLessThanOrEqual(
          1e-6 * Math.max(Math.abs(want), frame.bounds[1] * 1e-6),
        );
    });
  });

  it.each(Object.keys(expected))(
    "%s is not copied, as Python puts each array where it can be read",
    (name) => {
      const bytes = Uint8Array.from(readFileSync(new URL(name, folder)));
      const { codes, bounds, stats, channels } = parseFrame(bytes);
      for (const array of [codes, bounds, stats, channels]) expect(array.buffer).toBe(bytes.buffer);
    },
  );
});
