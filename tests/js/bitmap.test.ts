import fc from "fast-check";
import { expect, it } from "vitest";
import { bitmap } from "../../js/bitmap.js";

it("says its own size, and has all pixels from the top", () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 32 }));
  fc.assert(
    fc.property(
      sizes,
      fc.infiniteStream(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      ([width, height], colors) => {
        const pixels = Uint32Array.from(colors.take(width * height));
        const bytes = bitmap(pixels, width);
        const view = new DataView(bytes.buffer);
        const start = view.getUint32(10, true);
        expect(view.getUint32(2, true)).toBe(bytes.length);
        expect([view.getInt32(18, true), view.getInt32(22, true)]).toEqual([width, -height]);
        expect(new Uint32Array(bytes.slice(start).buffer)).toEqual(pixels);
      },
    ),
  );
});
