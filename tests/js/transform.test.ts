import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  apply,
  between,
  clamp,
  distance,
  fitting,
  hold,
  invert,
  type Limits,
  middle,
  type Transform,
  zoomAt,
} from "../../js/transform.js";

const coordinate = fc.double({ min: -5000, max: 5000, noNaN: true });
const scale = fc.double({ min: 0.01, max: 100, noNaN: true });
const point = fc.record({ x: coordinate, y: coordinate });
const transform: fc.Arbitrary<Transform> = fc.record({ k: scale, x: coordinate, y: coordinate });
const length = fc.integer({ min: 1, max: 3000 });
const size = fc.record({ width: length, height: length });
const limits: fc.Arbitrary<Limits> = fc
  .tuple(size, size)
  .map(([world, viewport]) => ({ fit: fitting(world, viewport, 14, 80), viewport, kMax: 80 }));
const anything = fc.record({
  k: fc.double(),
  x: fc.double(),
  y: fc.double(),
});

const close = (a: number, b: number, size = 1) =>
  expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-6 * Math.max(1, size));

describe("a transform", () => {
  it("is undone by its inverse", () => {
    fc.assert(
      fc.property(transform, point, (t, p) => {
        const back = invert(t, apply(t, p));
        close(back.x, p.x, 1 / t.k + Math.abs(t.x / t.k));
        close(back.y, p.y, 1 / t.k + Math.abs(t.y / t.k));
      }),
    );
  });

  it("that zooms keeps its anchor", () => {
    fc.assert(
      fc.property(transform, scale, point, (t, factor, anchor) => {
        const world = invert(t, anchor);
        const there = apply(zoomAt(t, factor, anchor), world);
        close(there.x, anchor.x, Math.abs(world.x * t.k * factor));
        close(there.y, anchor.y, Math.abs(world.y * t.k * factor));
      }),
    );
  });

  it("that two fingers hold shows at each what it took hold of", () => {
    fc.assert(
      fc.property(transform, scale, point, point, point, (t, factor, from, to, span) => {
        const size = 1 + distance({ x: 0, y: 0 }, span);
        const at = [from, { x: from.x + span.x, y: from.y + span.y }] as const;
        const then = [to, { x: to.x + span.x * factor, y: to.y + span.y * factor }] as const;
        const [a, b] = at.map((each) => invert(t, each));
        fc.pre(size > 2);
        const k = distance(...then) / distance(a, b);
        const held = hold(k, middle(...then), middle(a, b));
        for (const [i, world] of [a, b].entries()) {
          const there = apply(held, world);
          const error = Math.abs(k * world.x) + Math.abs(k * world.y) + size * factor;
          close(there.x, then[i].x, error);
          close(there.y, then[i].y, error);
        }
      }),
    );
  });

  it("that fits shows all of the world, in the middle", () => {
    fc.assert(
      fc.property(
        size,
        fc.record({ width: fc.integer({ min: 40, max: 3000 }), height: fc.integer({ min: 40, max: 3000 }) }),
        (world, viewport) => {
          const t = fitting(world, viewport, 14, 80);
          const [a, b] = [apply(t, { x: 0, y: 0 }), apply(t, { x: world.width, y: world.height })];
          expect(Math.min(a.x, a.y)).toBeGreaterThanOrEqual(14 - 1e-6);
          expect(b.x).toBeLessThanOrEqual(viewport.width - 14 + 1e-6);
          expect(b.y).toBeLessThanOrEqual(viewport.height - 14 + 1e-6);
          close(a.x + b.x, viewport.width);
          close(a.y + b.y, viewport.height);
        },
      ),
    );
  });
});

describe("clamp", () => {
  it("changes nothing when it is done again", () => {
    fc.assert(
      fc.property(transform, limits, (t, l) => {
        const once = clamp(t, l);
        const twice = clamp(once, l);
        close(twice.k, once.k);
        close(twice.x, once.x, Math.abs(once.x));
        close(twice.y, once.y, Math.abs(once.y));
      }),
    );
  });

  it("gives finite numbers for any", () => {
    fc.assert(
      fc.property(anything, limits, (t, l) => {
        for (const part of Object.values(clamp(t, l))) expect(part).toSatisfy(Number.isFinite);
      }),
    );
  });

  it("keeps some of the picture in the middle of the viewport", () => {
    fc.assert(
      fc.property(transform, size, size, (t, world, viewport) => {
        const l = { fit: fitting(world, viewport, 0, 80), viewport, kMax: 80 };
        const { x, y } = invert(clamp(t, l), { x: viewport.width / 2, y: viewport.height / 2 });
        const slack = 1e-9 * (world.width + world.height);
        expect(Math.abs(x - world.width / 2)).toBeLessThanOrEqual(world.width / 2 + slack);
        expect(Math.abs(y - world.height / 2)).toBeLessThanOrEqual(world.height / 2 + slack);
      }),
    );
  });

  it("lets every zoom from the fit about a point of the picture be", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        size,
        size,
        fc.double({ min: 1, max: 50, noNaN: true }),
        share,
        (world, viewport, factor, u) => {
          const l = { fit: fitting(world, viewport, 0, 80), viewport, kMax: 80 };
          const k = Math.min(l.fit.k * factor, Math.max(l.kMax, l.fit.k));
          const anchor = apply(l.fit, { x: u * world.width, y: u * world.height });
          const zoomed = zoomAt(l.fit, k / l.fit.k, anchor);
          const clamped = clamp(zoomed, l);
          close(clamped.x, zoomed.x, Math.abs(zoomed.x) + viewport.width);
          close(clamped.y, zoomed.y, Math.abs(zoomed.y) + viewport.height);
        },
      ),
    );
  });

  it("is the fit at the smallest scale", () => {
    fc.assert(
      fc.property(limits, coordinate, coordinate, (l, x, y) => {
        const t = clamp({ k: l.fit.k / 3, x, y }, l);
        close(t.k, l.fit.k);
        close(t.x, l.fit.x, l.viewport.width);
        close(t.y, l.fit.y, l.viewport.height);
      }),
    );
  });
});

describe("the way between two transforms", () => {
  it("begins with the one and ends with the other", () => {
    fc.assert(
      fc.property(transform, transform, (a, b) => {
        const start = between(a, b, 0);
        close(start.k, a.k, a.k);
        close(start.x, a.x);
        expect(between(a, b, 1)).toEqual(b);
      }),
    );
  });

  it("keeps the anchor of a zoom all along", () => {
    fc.assert(
      fc.property(
        transform,
        fc.double({ min: 1.2, max: 8, noNaN: true }),
        point,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (a, factor, anchor, u) => {
          const t = between(a, zoomAt(a, factor, anchor), u);
          const there = apply(t, invert(a, anchor));
          close(there.x, anchor.x, 1e3 + Math.abs(anchor.x - a.x) * factor);
        },
      ),
    );
  });
});
