import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bound, chordOf } from "../../js/keymap.js";
import { placeOf, transformAt } from "../../js/place.js";
import type { State } from "../../js/state.js";
import { fitting, type Limits } from "../../js/transform.js";
import { readTrait } from "../../js/wire.js";

const limitsOf = (width: number, height: number): Limits => ({
  fit: fitting({ width: 400, height: 300 }, { width, height }, 14, 80),
  viewport: { width, height },
  kMax: 80,
});
const stateOf = (limits: Limits, transform: State["transform"]) =>
  ({ scene: { limits, layout: { columns: 7 } }, transform }) as unknown as State;

describe("a place", () => {
  it("brings the same view back, and the same middle to a view of another size", () => {
    const sizes = fc.integer({ min: 200, max: 2000 });
    const where = fc.record({
      k: fc.double({ min: 12, max: 80, noNaN: true }),
      x: fc.integer({ min: 100, max: 300 }),
      y: fc.integer({ min: 100, max: 200 }),
    });
    fc.assert(
      fc.property(sizes, sizes, where, (width, height, { k, x, y }) => {
        const limits = limitsOf(width, height);
        const t = transformAt({ k, x, y, columns: 7, by: "" }, limits);
        if (t === null) return;
        const place = placeOf(stateOf(limits, t), "me");
        if (place === null) throw new Error("no place");
        const again = transformAt(place, limits);
        expect(again?.k).toBeCloseTo(t.k, 6);
        expect(again?.x).toBeCloseTo(t.x, 4);
        expect(again?.y).toBeCloseTo(t.y, 4);
        expect(place).toMatchObject({ columns: 7, by: "me" });
        // Python keeps what it is told.
        expect(readTrait("place", JSON.parse(JSON.stringify(place)))).toEqual(place);
      }),
    );
  });

  it("of a view that shows all says so, whatever the size of the next one", () => {
    const place = placeOf(stateOf(limitsOf(800, 600), null), "");
    expect(place?.columns).toBe(0);
    expect(place && transformAt(place, limitsOf(300, 900))).toBeNull();
  });

  it.each([
    null,
    3,
    {},
    { k: 0, x: 1, y: 1, columns: 1 },
    { k: "1", x: 1, y: 1, columns: 1 },
    { k: 1, x: Number.NaN, y: 1, columns: 2 },
  ])("is nothing where it is %j", (value) => {
    expect(readTrait("place", value)).toBeNull();
  });

  it("that cannot be is the nearest that can", () => {
    const limits = limitsOf(800, 600);
    const t = transformAt({ k: 1e9, x: 1e12, y: -1e12, columns: 3, by: "" }, limits);
    expect(t?.k).toBe(80);
    expect(Number.isFinite(t?.x)).toBe(true);
  });
});

describe("chords", () => {
  const press = (key: string, held: Partial<KeyboardEvent> = {}) => {
    return chordOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });
  };

  it("name what is held, and shift only where it types nothing", () => {
    expect(press("ArrowLeft", { shiftKey: true })).toBe("Shift+ArrowLeft");
    expect(press("?", { shiftKey: true })).toBe("?");
    expect(press("c", { metaKey: true })).toBe("Mod+c");
    expect(press("[", { ctrlKey: true, altKey: true })).toBe("[");
    expect(press("b", { ctrlKey: true })).not.toBe("b");
  });

  it("are each bound once", () => {
    const ran: string[] = [];
    const runs = bound([
      {
        title: "",
        bindings: [["", "", { a: () => ran.push("a"), b: () => ran.push("b") }]],
      },
    ]);
    runs.get("b")?.();
    expect(ran).toEqual(["b"]);
    expect(runs.has("toString")).toBe(false);
  });
});
