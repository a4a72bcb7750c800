import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { placeText, valueText } from "../../js/describe.js";
import { followDetail } from "../../js/detail.js";
import { FEATURE_MAPS, FILTERS, type Frame } from "../../js/frame.js";
import { tileRect } from "../../js/layout.js";
import { nextScene, pickedPositions, revealing } from "../../js/scene.js";
import type { Source } from "../../js/source.js";
import { currentLayer, currentTransform, type ViewerStore, viewerStore } from "../../js/state.js";
import { invert } from "../../js/transform.js";
import { type DetailRequest, readTraits } from "../../js/wire.js";
import { frameOf, plainFrame } from "./frames.js";
import { layerJson, traits } from "./model.js";

const viewport = { width: 600, height: 400, ratio: 1 };

function showing(frame: Frame, layer: Record<string, unknown> = {}): ViewerStore {
  const values: Record<string, unknown> = traits(["a"], { view: frame.view });
  (values.metadata as Record<string, unknown>).layers = [layerJson("a", layer)];
  const store = viewerStore(readTraits((name) => values[name]));
  store.set({ frame, viewport, status: { kind: "ready" } });
  store.set(nextScene(store.state));
  return store;
}

describe("a scene", () => {
  it("is none without room, and comes with it", () => {
    const store = showing(plainFrame(FEATURE_MAPS, [6, 1, 8, 8]));
    store.set({ viewport: { width: 0, height: 0, ratio: 1 } });
    expect(nextScene(store.state).scene).toBeNull();
    store.set({ viewport });
    expect(nextScene(store.state).scene).not.toBeNull();
  });

  it("of the same layer keeps the user's place when new values come, the size changes, or the order", () => {
    const store = showing(plainFrame(FEATURE_MAPS, [40, 1, 8, 8]));
    const transform = { k: 30, x: -500, y: -300 };
    store.set({ transform });
    const center = invert(transform, { x: 300, y: 200 });
    store.set({
      frame: plainFrame(FEATURE_MAPS, [40, 1, 8, 8], 1, 2),
      viewport: { width: 500, height: 420, ratio: 2 },
    });
    const next = nextScene(store.state);
    expect(next.scene?.layout.columns).toBe(store.state.scene?.layout.columns);
    const now = invert(next.transform ?? transform, { x: 250, y: 210 });
    expect(now.x).toBeCloseTo(center.x);
    expect(now.y).toBeCloseTo(center.y);
  });

  it("shows one slice of maps with a depth, as large as a map without one", () => {
    const flat = showing(plainFrame(FEATURE_MAPS, [6, 1, 20, 30])).state.scene;
    const deep = showing(plainFrame(FEATURE_MAPS, [6, 16, 20, 30]));
    expect(deep.state.scene?.layout).toEqual(flat?.layout);
    const transform = { k: 30, x: -500, y: -300 };
    deep.set({ transform, slice: 7 });
    expect(nextScene(deep.state).scene?.slice).toEqual({ depth: 16, at: 7 });
    expect(nextScene(deep.state).transform?.y).toBeCloseTo(transform.y);
  });

  it("of another layer shows all of it", () => {
    const store = showing(plainFrame(FEATURE_MAPS, [40, 1, 8, 8]));
    store.set({ transform: { k: 30, x: -500, y: -300 }, frame: plainFrame(FEATURE_MAPS, [10, 1, 8, 8]) });
    expect(nextScene(store.state).transform).toBeNull();
  });

  it("knows filters over red, green and blue from other filters of three planes", () => {
    const filters = plainFrame(FILTERS, [2, 3, 7, 7]);
    const first = { in_channels: 3, filters_shape: [2, 3, 7, 7] };
    expect(showing(filters, first).state.scene?.arrangement).toBe("color");
    expect(showing(filters, { ...first, in_channels: 6 }).state.scene?.arrangement).toBe("mosaic");
    expect(showing(plainFrame(FEATURE_MAPS, [2, 3, 7, 7]), first).state.scene?.arrangement).toBe("grid");
    const video = { in_channels: 3, filters_shape: [2, 3, 5, 7, 7] };
    const scene = showing(plainFrame(FILTERS, [2, 15, 7, 7]), video).state.scene;
    expect(scene).toMatchObject({ arrangement: "color", slice: { depth: 5, at: 0 } });
  });

  it("brings a picked tile into view, and leaves one that is in view where it is", () => {
    const store = showing(plainFrame(FEATURE_MAPS, [40, 1, 8, 8]));
    const reveal = (position: number) =>
      store.state.scene && revealing(store.state, tileRect(store.state.scene.layout, position));
    expect(reveal(39)?.k).toBeCloseTo(currentTransform(store.state)?.k ?? 0);
    store.set({ transform: { k: 20, x: 14, y: 14 } });
    expect(reveal(0)).toEqual(store.state.transform);
    expect(reveal(39)?.y).toBeLessThan(0);
    if (store.state.scene !== null) expect(pickedPositions(store.state.scene, [39, 99])).toEqual([39]);
  });
});

describe("what is read out", () => {
  const at = (store: ViewerStore, position: number, plane: number, row: number, column: number) => {
    const { state } = store;
    if (state.scene === null) throw new Error("no scene");
    const cell = { position, plane, row, column };
    return `${placeText(state.scene, currentLayer(state), cell)}: ${valueText(state, state.scene, cell)}`;
  };

  it("names channel, row and column, and the error", () => {
    const store = showing(plainFrame(FEATURE_MAPS, [20, 1, 50, 60]));
    expect(at(store, 12, 0, 40, 7)).toBe("channel 12 · row 40 · column 7: value 1.000 ± 0.004");
  });

  it("says what is averaged", () => {
    const store = showing(plainFrame(FEATURE_MAPS, [20, 1, 50, 60], 2));
    expect(at(store, 0, 0, 40, 7)).toContain("mean of 2×2");
  });

  it("names the input channel that a kernel reads, in a group too", () => {
    const store = showing(plainFrame(FILTERS, [8, 2, 3, 3]), {
      in_channels: 8,
      out_channels: 8,
      groups: 4,
      filters_shape: [8, 2, 3, 3],
    });
    expect(at(store, 5, 1, 2, 0)).toContain("filter 5 · input channel 5 · row 2 · column 0");
  });

  it("names the depth of a kernel in three dimensions", () => {
    const store = showing(plainFrame(FILTERS, [4, 6, 3, 3]), {
      in_channels: 2,
      out_channels: 4,
      filters_shape: [4, 2, 3, 3, 3],
    });
    expect(at(store, 1, 1, 0, 0)).toContain("filter 1 · input channel 1 · depth 1 of 3 · row 0");
    store.set({ slice: 2 });
    store.set(nextScene(store.state));
    expect(at(store, 1, 1, 0, 0)).toContain("depth 3 of 3");
  });

  it("is the value of the slice that is shown", () => {
    const store = showing(
      frameOf({ layer: "a", shape: [1, 3, 1, 1], codes: Uint8Array.of(1, 128, 255), bounds: [-1, 1] }),
    );
    const values = [0, 1, 2, 9].map((slice) => {
      store.set({ slice });
      store.set(nextScene(store.state));
      return at(store, 0, 0, 0, 0);
    });
    expect(values).toEqual([
      "channel 0 · depth 1 of 3 · column 0: value -1.000 ± 0.004",
      "channel 0 · depth 2 of 3 · column 0: value 0.000 ± 0.004",
      "channel 0 · depth 3 of 3 · column 0: value 1.000 ± 0.004",
      "channel 0 · depth 3 of 3 · column 0: value 1.000 ± 0.004",
    ]);
  });

  it("gives three values of a filter in color, and its error once", () => {
    const store = showing(plainFrame(FILTERS, [2, 3, 7, 7]), { filters_shape: [2, 3, 7, 7] });
    expect(at(store, 1, 0, 2, 3)).toBe(
      "filter 1 · row 2 · column 3: red 1.000 · green 1.000 · blue 1.000 (each ± 0.004)",
    );
  });
});

describe("details", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function following(answer: (request: DetailRequest, signal: AbortSignal) => Promise<Frame>) {
    const store = showing(plainFrame(FEATURE_MAPS, [4, 1, 600, 600], 3));
    const asked: DetailRequest[] = [];
    const source = {
      live: true,
      detail: (request: DetailRequest, signal: AbortSignal) => {
        asked.push(request);
        return answer(request, signal);
      },
    } as unknown as Source;
    followDetail(store, source, new AbortController().signal);
    return { store, asked };
  }
  const full = ({ channels }: DetailRequest) =>
    Promise.resolve(
      frameOf({
        layer: "a",
        shape: [4, 1, 600, 600],
        codes: new Uint8Array(channels.length * 360_000),
        bounds: channels.flatMap(() => [-1, 1]),
        channels: [...channels],
      }),
    );
  const zoomIn = (store: ViewerStore) => store.set({ transform: { k: 1.2, x: -40, y: -40 } });

  it("are asked for once the zoom shows more than the averages hold, in answers below a MiB", async () => {
    const { store, asked } = following(full);
    zoomIn(store);
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(asked.every(({ channels, factor }) => channels.length <= 2 && factor === 1)).toBe(true);
    expect(asked.flatMap(({ channels }) => channels)).toEqual([...store.state.details.keys()]);
    expect(store.state.details.get(0)?.frame.factor).toBe(1);
    const before = asked.length;
    store.set({ transform: { k: 1.3, x: -40, y: -40 } });
    await vi.advanceTimersByTimeAsync(500);
    expect(asked.length).toBe(before);
  });

  it("are not asked for twice when the kernel refuses", async () => {
    const { store, asked } = following(() => Promise.reject(new Error("no")));
    zoomIn(store);
    await vi.advanceTimersByTimeAsync(500);
    const before = asked.length;
    store.set({ transform: { k: 1.21, x: -40, y: -40 } });
    await vi.advanceTimersByTimeAsync(500);
    const channels = asked.flatMap((request) => request.channels);
    expect(before).toBeGreaterThan(0);
    expect(new Set(channels).size).toBe(channels.length);
  });

  it("that do not come in ten seconds are missed aloud", async () => {
    const { store } = following(
      (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    zoomIn(store);
    await vi.advanceTimersByTimeAsync(9000);
    expect(store.state.connection).toBe("ok");
    await vi.advanceTimersByTimeAsync(2000);
    expect(store.state.connection).toBe("slow");
  });

  it("of a frame that is gone are dropped", async () => {
    let arrive: (frame: Frame) => void = () => {};
    const { store } = following(() => new Promise((resolve) => (arrive = resolve)));
    zoomIn(store);
    await vi.advanceTimersByTimeAsync(200);
    store.set({ frame: plainFrame(FEATURE_MAPS, [4, 1, 600, 600], 3, 2) });
    arrive(await full({ layer: "a", view: FEATURE_MAPS, call: 0, image: 0, channels: [0], factor: 1 }));
    await vi.advanceTimersByTimeAsync(10);
    expect(store.state.details.size).toBe(0);
  });

  it.each([{ generation: 2 }, { call: 1 }, { image: 1 }])(
    "out of another frame (%o) are dropped",
    async (other) => {
      const { store, asked } = following((request) =>
        full(request).then((frame) => Object.assign({}, frame, other)),
      );
      zoomIn(store);
      await vi.advanceTimersByTimeAsync(500);
      expect(asked.length).toBeGreaterThan(0);
      expect(store.state.details.size).toBe(0);
    },
  );
});
