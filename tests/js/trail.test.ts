import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FEATURE_MAPS, type FrameKey } from "../../js/frame.js";
import { isAt, present, revise, step, type Trail, visit } from "../../js/trail.js";

const key = (layer: string, generation = 1): FrameKey => ({
  generation,
  layer,
  view: FEATURE_MAPS,
  call: 0,
  image: 0,
});
const at = (layer: string) => ({ key: key(layer), channels: [], pinned: [], place: null });
const start: Trail = { visits: [], at: -1 };

describe("the trail", () => {
  it("goes like a browser's: a list with a finger, cut off where one goes on from", () => {
    const moves = fc.array(fc.oneof(fc.constantFrom(-1, 1), fc.constantFrom("a", "b", "c")), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(moves, (list) => {
        let trail = start;
        let past: string[] = [];
        let future: string[] = [];
        for (const move of list) {
          if (typeof move === "string") {
            trail = visit(trail, at(move));
            past = [...past, move];
            future = [];
          } else {
            const next = step(trail, move);
            const can = move < 0 ? past.length > 1 : future.length > 0;
            expect(next !== null).toBe(can);
            if (next === null) continue;
            trail = next;
            if (move < 0) future = [past.pop() as string, ...future];
            else past = [...past, future.shift() as string];
          }
          expect(present(trail)?.key.layer).toBe(past.at(-1));
        }
      }),
    );
  });

  it("keeps the latest hundred, and what is revised of one is of that one alone", () => {
    let trail = start;
    for (let i = 0; i < 250; i++) trail = visit(trail, at(`l${i}`));
    expect(trail.visits.length).toBe(100);
    expect(present(trail)?.key.layer).toBe("l249");
    const revised = revise(trail, { channels: [3] });
    expect(present(revised)?.channels).toEqual([3]);
    expect(step(revised, -1)?.visits[98].channels).toEqual([]);
  });

  it("takes another look at the model for the same place", () => {
    const trail = visit(start, at("a"));
    expect(isAt(trail, key("a", 7))).toBe(true);
    expect(isAt(trail, key("b"))).toBe(false);
    expect(isAt(start, key("a"))).toBe(false);
  });
});
