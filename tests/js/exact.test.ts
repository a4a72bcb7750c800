import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { followExact } from "../../js/exact.js";
import { FEATURE_MAPS } from "../../js/frame.js";
import { nextScene } from "../../js/scene.js";
import type { Source } from "../../js/source.js";
import { exactAt, pointedAt, viewerStore } from "../../js/state.js";
import { readTraits, type ValuesRequest } from "../../js/wire.js";
import { plainFrame } from "./frames.js";
import { traits } from "./model.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A view of one map of 600 x 600 values, whose windows are asked for one at a time. */
function pointing(isRefused = () => false) {
  const traitsOfA = traits(["a"]);
  const store = viewerStore(readTraits((name) => traitsOfA[name]));
  const asked: ValuesRequest[] = [];
  let answer: () => void = () => {};
  const source = {
    live: true,
    values: (request: ValuesRequest) =>
      new Promise<Float64Array>((resolve, reject) => {
        asked.push(request);
        const [height, width] = [request.rows, request.columns].map(([from, to]) => to - from);
        answer = () =>
          isRefused()
            ? reject(new Error("no"))
            : resolve(new Float64Array(height * width).fill(request.rows[0]));
      }),
  } as unknown as Source;
  followExact(store, source, new AbortController().signal);
  const frame = plainFrame(FEATURE_MAPS, [1, 1, 600, 600]);
  store.set({ frame, status: { kind: "ready" }, viewport: { width: 600, height: 600, ratio: 1 } });
  store.set(nextScene(store.state));
  const point = (row: number, column: number) => store.set({ hover: { position: 0, plane: 0, row, column } });
  const pass = async (ms = 200) => {
    await vi.advanceTimersByTimeAsync(ms);
  };
  const known = () => {
    const pointed = pointedAt(store.state);
    return pointed === null ? null : exactAt(store.state, pointed);
  };
  return { asked, point, pass, answer: () => answer(), known };
}

describe("exact values", () => {
  it("are asked for once the pointer rests, and known when they come", async () => {
    const { asked, point, pass, answer, known } = pointing();
    point(3, 4);
    await pass(50);
    expect(asked).toEqual([]);
    await pass();
    expect(asked.length).toBe(1);
    answer();
    await pass();
    expect(known()).toBe(0);
    expect(asked.length).toBe(1);
  });

  it("of another window of the same plane, pointed at meanwhile, are asked for next", async () => {
    const { asked, point, pass, answer, known } = pointing();
    point(3, 4);
    await pass();
    point(500, 4);
    await pass();
    expect(asked.length).toBe(1);
    answer();
    await pass();
    expect(asked.map(({ rows }) => rows[0])).toEqual([0, 384]);
    answer();
    await pass();
    expect(known()).toBe(384);
  });

  it("that are refused are not asked for again while the pointer stays", async () => {
    const { asked, point, pass, answer } = pointing(() => true);
    point(3, 4);
    await pass();
    answer();
    await pass(60_000);
    expect(asked.length).toBe(1);
  });
});
