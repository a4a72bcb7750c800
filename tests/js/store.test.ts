import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Cache } from "../../js/cache.js";
import { pick } from "../../js/selection.js";
import { Store } from "../../js/store.js";

describe("a store", () => {
  it("tells those who asked for a part that changed, once", () => {
    const store = new Store({ a: 1, b: 1, c: 1 });
    const ab = vi.fn();
    const c = vi.fn();
    const { signal } = new AbortController();
    store.on(["a", "b"], ab, signal);
    store.on(["c"], c, signal);
    store.set({ a: 2, b: 2 });
    store.set({ a: 2 });
    expect(ab).toHaveBeenCalledTimes(1);
    expect(c).not.toHaveBeenCalled();
  });

  it("shows listeners whole states, and tells of what they set afterwards", () => {
    const store = new Store({ a: 0, double: 0 });
    const seen: [number, number][] = [];
    const { signal } = new AbortController();
    store.on(["a"], () => store.set({ double: 2 * store.state.a }), signal);
    store.on(["a", "double"], () => seen.push([store.state.a, store.state.double]), signal);
    store.set({ a: 3 });
    expect(seen).toEqual([
      [3, 6],
      [3, 6],
    ]);
  });

  it("forgets its listeners when their signal aborts", () => {
    const store = new Store({ a: 0 });
    const view = new AbortController();
    const listener = vi.fn();
    store.on(["a"], listener, view.signal);
    view.abort();
    store.on(["a"], listener, view.signal);
    store.set({ a: 1 });
    expect(listener).not.toHaveBeenCalled();
    expect(store.listenerCount).toBe(0);
  });

  it("tells who listens later once, after all others, of the state that all of them have left", () => {
    const store = new Store({ a: 0, double: 0 });
    const heard: string[] = [];
    const { signal } = new AbortController();
    store.later(["a", "double"], () => heard.push(`later ${store.state.double}`), signal);
    store.on(["a"], () => store.set({ double: 2 * store.state.a }), signal);
    store.on(["double"], () => heard.push("at once"), signal);
    store.set({ a: 3 });
    expect(heard).toEqual(["later 0", "at once", "later 6"]);
  });

  it("keeps news from who listens later while it is held, and loses none", () => {
    const store = new Store({ a: 0, b: 0, c: 0 });
    const view = new AbortController();
    const [first, second, gone] = [vi.fn(), vi.fn(), vi.fn()];
    store.later(["a", "b"], first, view.signal);
    store.later(["c"], second, view.signal);
    const other = new AbortController();
    store.later(["a"], gone, other.signal);
    for (const listener of [first, second, gone]) listener.mockClear(); // each was run at once
    store.hold();
    store.set({ a: 1 });
    store.set({ b: 1 });
    other.abort();
    expect(first).not.toHaveBeenCalled();
    store.release();
    store.release();
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).not.toHaveBeenCalled();
    expect(gone).not.toHaveBeenCalled();
    store.set({ c: 1 });
    expect(second).toHaveBeenCalledTimes(1);
  });

  it("is held by a listener in time for the change that it heard of", () => {
    const store = new Store({ a: 0 });
    const later = vi.fn();
    const { signal } = new AbortController();
    store.later(["a"], later, signal);
    expect(later).toHaveBeenCalledTimes(1);
    store.on(["a"], () => store.hold(), signal);
    store.set({ a: 1 });
    expect(later).toHaveBeenCalledTimes(1);
  });

  it("lets no listener's failure keep the news from the others", () => {
    const store = new Store({ a: 0 });
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const listener = vi.fn();
    const { signal } = new AbortController();
    store.on(
      ["a"],
      () => {
        throw new Error("broken");
      },
      signal,
    );
    store.on(["a"], listener, signal);
    store.set({ a: 1 });
    expect(listener).toHaveBeenCalledTimes(1);
    expect(complaint).toHaveBeenCalledTimes(1);
    complaint.mockRestore();
  });
});

describe("a cache", () => {
  it("stays within its budget and keeps what was used last", () => {
    const entries = fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 40 })), { maxLength: 60 });
    fc.assert(
      fc.property(entries, (list) => {
        const cache = new Cache<number, { byteLength: number }>(100);
        for (const [key, byteLength] of list) {
          const value = { byteLength };
          cache.set(key, value);
          expect(cache.get(key)).toBe(value);
          expect(cache.byteLength).toBeLessThanOrEqual(100);
          expect(cache.byteLength).toBe([...cache.entries()].reduce((sum, [, v]) => sum + v.byteLength, 0));
        }
      }),
    );
  });

  it("evicts what was used longest ago", () => {
    const cache = new Cache<string, { byteLength: number }>(3);
    for (const key of ["a", "b", "c"]) cache.set(key, { byteLength: 1 });
    cache.get("a");
    cache.set("d", { byteLength: 1 });
    expect([...cache.entries()].map(([key]) => key)).toEqual(["c", "a", "d"]);
  });

  it("keeps one that is larger than the budget until the next comes", () => {
    const cache = new Cache<string, { byteLength: number }>(10);
    cache.set("big", { byteLength: 50 });
    expect(cache.get("big")).toBeDefined();
    cache.set("small", { byteLength: 1 });
    expect(cache.get("big")).toBeUndefined();
  });
});

describe("picking", () => {
  it("replaces, clears and extends", () => {
    expect(pick([], 3, false)).toEqual([3]);
    expect(pick([3], 3, false)).toEqual([]);
    expect(pick([3, 4], 3, false)).toEqual([3]);
    expect(pick([3], 4, true)).toEqual([3, 4]);
    expect(pick([3, 4], 3, true)).toEqual([4]);
  });
});
