import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { type Embedded, embeddedSource } from "../../js/embedded.js";
import { feed } from "../../js/feed.js";
import { FEATURE_MAPS, FILTERS } from "../../js/frame.js";
import { pythonName, readBytes } from "../../js/readers.js";
import { type Arrival, liveSource } from "../../js/source.js";
import { viewerStore } from "../../js/state.js";
import { readTrait } from "../../js/wire.js";
import { packFrame } from "./frames.js";
import { FakeModel, layerJson, traits } from "./model.js";

const frameBytes = (layer: string, more: object = {}) =>
  packFrame({ layer, shape: [2, 1, 2, 3], codes: new Uint8Array(12).fill(9), bounds: [0, 1, 0, 2], ...more });
const asView = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function live(names = ["a", "b"], more: Record<string, unknown> = {}) {
  const model = new FakeModel(traits(names, more));
  const source = liveSource(model.asModel());
  const store = viewerStore(source.read());
  const view = new AbortController();
  feed(store, source, view.signal);
  return { model, source, store, view };
}

describe("binary values", () => {
  it("are the same bytes in every form in which a host hands them over", () => {
    const bytes = Uint8Array.of(9, 8, 1, 2, 3, 7);
    const inner = bytes.subarray(2, 5);
    for (const form of [inner, asView(inner), [1, 2, 3], inner.slice().buffer]) {
      expect([...readBytes(form)]).toEqual([1, 2, 3]);
    }
    for (const nothing of [null, undefined, "", {}, []]) expect(readBytes(nothing).byteLength).toBe(0);
  });
});

describe("metadata", () => {
  it("of another protocol gives a sentence and no layers", () => {
    const { mismatch, layers } = readTrait("metadata", { protocol: 2, layers: [layerJson("a")] });
    expect(mismatch).toContain("protocol 2");
    expect(layers).toEqual([]);
  });

  it("of wrong types never throws", () => {
    for (const value of [
      null,
      3,
      "x",
      [],
      { layers: 3 },
      { layers: [null, 3, { name: 5, stride: "x" }], input: [] },
    ]) {
      expect(() => readTrait("metadata", value)).not.toThrow();
    }
  });
});

describe("names", () => {
  it("are Python's on the wire", () => {
    expect(["batchIndex", "layer"].map(pythonName)).toEqual(["batch_index", "layer"]);
  });

  it("of calls and images that are none count as the first", () => {
    for (const value of [-1, 0.5, Number.NaN, 1e300, "2", null, {}, true]) {
      expect(readTrait("call", value)).toBe(0);
      expect(readTrait("batchIndex", value)).toBe(0);
    }
    expect(readTrait("progress", "x")).toBe(-1);
    expect(readTrait("seen", 3)).toEqual({ image: 0, preprocessing: "", predictions: [] });
  });
});

describe("a live source", () => {
  it("shows the frame that is there when the view opens", () => {
    const { store } = live(["a"], { frame: asView(frameBytes("a")) });
    expect(store.state.status.kind).toBe("ready");
    expect(store.state.frame?.layer).toBe("a");
  });

  it("writes choices to the kernel and shows the frame that comes", () => {
    const { model, source, store } = live(["a", "b"], { frame: asView(frameBytes("a")) });
    source.choose({ layer: "b" });
    expect(model.values.layer).toBe("b");
    expect(model.saves).toBe(1);
    expect(store.state.status.kind).toBe("loading");
    expect(store.state.frame?.layer).toBe("a");
    model.set("frame", asView(frameBytes("b")));
    expect(store.state.frame?.layer).toBe("b");
  });

  it("draws a layer seen before at once", () => {
    const { model, store } = live(["a", "b"], { frame: asView(frameBytes("a")) });
    model.set("layer", "b");
    model.set("frame", asView(frameBytes("b")));
    model.set("layer", "a");
    expect(store.state.status.kind).toBe("ready");
    expect(store.state.frame?.layer).toBe("a");
  });

  it("keeps, but does not show, a frame of another layer or view", () => {
    const { model, store } = live();
    model.set("frame", asView(frameBytes("b")));
    expect(store.state.frame).toBeNull();
    model.set("layer", "b");
    expect(store.state.frame?.layer).toBe("b");
    model.set("view", FILTERS);
    expect(store.state.status.kind).toBe("loading");
  });

  it("shows frames of the generation that the page was told, and no older ones", () => {
    const { model, store } = live(["a"], { frame: asView(frameBytes("a")) });
    model.set("generation", 2);
    expect(store.state.status.kind).toBe("loading");
    model.set("frame", asView(frameBytes("a", { generation: 1 })));
    expect(store.state.status.kind).toBe("loading");
    model.set("frame", asView(frameBytes("a", { generation: 2 })));
    expect(store.state.status.kind).toBe("ready");
    model.set("frame", asView(frameBytes("a", { generation: 3 })));
    expect(store.state.frame?.generation).toBe(2);
    model.set("generation", 3);
    expect(store.state.frame?.generation).toBe(3);
  });

  it("takes a rejected value and its correction in this order", () => {
    const { model, store } = live(["a"], { frame: asView(frameBytes("a")) });
    model.set("layer", "no such layer");
    expect(store.state.status.kind).toBe("empty");
    model.set("layer", "a");
    expect(store.state.status.kind).toBe("ready");
  });

  it("shows the call and the image that are picked, from the cache when they were seen before", () => {
    const { model, source, store } = live(["a"], { frame: asView(frameBytes("a")) });
    source.choose({ call: 2 });
    source.choose({ batchIndex: 1 });
    expect(model.values).toMatchObject({ call: 2, batch_index: 1 });
    expect(store.state.status.kind).toBe("loading");
    model.set("frame", asView(frameBytes("a", { call: 2 })));
    expect(store.state.status.kind).toBe("loading");
    model.set("frame", asView(frameBytes("a", { call: 2, image: 1 })));
    expect(store.state.frame).toMatchObject({ call: 2, image: 1 });
    source.choose({ call: 0, batchIndex: 0 });
    expect(store.state.status.kind).toBe("ready");
    expect(store.state.frame).toMatchObject({ call: 0, image: 0 });
  });

  it("keeps filters as they are for every call and image", () => {
    const { model, source, store } = live(["a"], {
      view: FILTERS,
      frame: asView(frameBytes("a", { view: FILTERS })),
    });
    const shown = store.state.frame;
    expect(store.state.status.kind).toBe("ready");
    source.choose({ call: 2, batchIndex: 1 });
    model.set("seen", { image: 1, predictions: [] });
    expect(store.state.status.kind).toBe("ready");
    expect(store.state.frame).toBe(shown);
  });

  it("says in a sentence that a frame is malformed, and goes on", () => {
    const { model, store } = live();
    model.set("frame", asView(Uint8Array.of(1, 2, 3)));
    expect(store.state.status).toMatchObject({ kind: "error", text: expect.stringContaining("8 bytes") });
    model.set("frame", asView(frameBytes("a")));
    expect(store.state.status.kind).toBe("ready");
  });

  it("says why no frame can come", () => {
    const unrun = layerJson("a", { ran: false, output_shapes: [], filters_shape: null });
    const { model, store } = live(["a"], { metadata: { protocol: 1, layers: [unrun] } });
    expect(store.state.status).toMatchObject({ kind: "empty", text: expect.stringContaining("did not run") });
    model.set("view", FILTERS);
    expect(store.state.status).toMatchObject({ kind: "empty", text: expect.stringContaining("no filters") });
    model.set("metadata", { protocol: 9 });
    expect(store.state.status).toMatchObject({ kind: "error", text: expect.stringContaining("protocol 9") });
  });

  it("gives answers to whom they belong, and errors as errors", async () => {
    const { model, source } = live();
    const { signal } = new AbortController();
    const ask = () =>
      source.detail({ layer: "a", view: FEATURE_MAPS, call: 0, image: 0, channels: [1], factor: 1 }, signal);
    const [first, second] = [ask(), ask()];
    const [a, b] = model.sent.map(({ id }) => id);
    expect(model.sent[0]).toMatchObject({ kind: "detail", layer: "a", channels: [1], factor: 1 });
    model.emit("msg:custom", { id: "other", kind: "detail", error: "not ours" }, []);
    model.emit("msg:custom", { id: b, kind: "detail", error: "no such layer" }, []);
    model.emit("msg:custom", { id: a, kind: "detail" }, [asView(frameBytes("a"))]);
    expect((await first).layer).toBe("a");
    await expect(second).rejects.toThrow("no such layer");
  });

  it("leaves no listener when the view closes", async () => {
    const { model, source, store, view } = live();
    const answer = source.detail(
      { layer: "a", view: FEATURE_MAPS, call: 0, image: 0, channels: [1], factor: 1 },
      view.signal,
    );
    view.abort(new Error("closed"));
    await expect(answer).rejects.toThrow("closed");
    expect(model.listenerCount).toBe(0);
    expect(store.listenerCount).toBe(0);
  });
});

describe("an embedded source", () => {
  const seen = (image: number) => ({
    seen: { image, preprocessing: "", predictions: [] },
    picture: `data:image/png;base64,AAA${image}`,
    overview: "",
  });
  const embedded: Embedded = {
    metadata: { protocol: 1, layers: ["a", "__proto__"].map((name) => layerJson(name)) },
    notes: [],
    thumbnails: "",
    images: { 0: seen(0) },
    state: { layer: "a", view: FEATURE_MAPS, batch_index: 0 },
    frames: {
      [`0/${FEATURE_MAPS}/0/0`]: gzipSync(frameBytes("a")).toString("base64"),
      [`1/${FEATURE_MAPS}/0/0`]: "damaged",
    },
  };
  const arrivalAfter = (layer: string, view: typeof FEATURE_MAPS | typeof FILTERS) => {
    const source = embeddedSource(embedded);
    source.choose({ layer, view });
    const arrival = new Promise<Arrival>((resolve) => source.onFrame(resolve, new AbortController().signal));
    source.want({ generation: 1, layer, view, call: 0, image: 0 });
    return arrival;
  };

  it("unpacks the frames that it holds", async () => {
    const arrival = await arrivalAfter("a", FEATURE_MAPS);
    expect(arrival).toMatchObject({ frame: { layer: "a", tiles: 2 } });
  });

  it("says what it does not hold, and what is damaged", async () => {
    expect(await arrivalAfter("a", FILTERS)).toMatchObject({ absent: true });
    expect(await arrivalAfter("__proto__", FEATURE_MAPS)).toMatchObject({ absent: false });
  });

  it("holds the calls of its images, and filters whatever is picked", async () => {
    const source = embeddedSource({
      ...embedded,
      images: { 2: seen(2) },
      state: { ...embedded.state, batch_index: 2 },
      frames: {
        [`0/${FEATURE_MAPS}/0/2`]: "x",
        [`0/${FEATURE_MAPS}/1/2`]: "x",
        [`0/${FILTERS}/0/0`]: gzipSync(frameBytes("a", { view: FILTERS })).toString("base64"),
      },
    });
    expect(source.read().batchIndex).toBe(2);
    const holds = (view: typeof FEATURE_MAPS | typeof FILTERS, call: number, image: number) =>
      source.holds({ generation: 1, layer: "a", view, call, image });
    expect([0, 1, 2].map((call) => holds(FEATURE_MAPS, call, 2))).toEqual([true, true, false]);
    expect([0, 1, 2].map((image) => holds(FEATURE_MAPS, 0, image))).toEqual([false, false, true]);
    expect(holds(FILTERS, 7, 0)).toBe(true);
    const arrival = new Promise<Arrival>((resolve) => source.onFrame(resolve, new AbortController().signal));
    source.want({ generation: 1, layer: "a", view: FILTERS, call: 7, image: 2 });
    expect(await arrival).toMatchObject({ frame: { view: FILTERS } });
  });

  it("tells with another image what the model saw and said of it", () => {
    const source = embeddedSource({ ...embedded, images: { 0: seen(0), 3: seen(3) } });
    const listener = vi.fn();
    source.onChange(listener, new AbortController().signal);
    expect(source.read()).toMatchObject({ batchIndex: 0, picture: seen(0).picture });
    source.choose({ batchIndex: 3 });
    expect(listener).toHaveBeenCalledExactlyOnceWith({
      batchIndex: 3,
      seen: seen(3).seen,
      picture: seen(3).picture,
      overview: null,
    });
    expect(source.read()).toMatchObject({ batchIndex: 3, picture: seen(3).picture });
    // an image that it does not have changes nothing of what was said
    source.choose({ batchIndex: 1 });
    expect(source.read()).toMatchObject({ batchIndex: 1, seen: { image: 3 } });
  });

  it("tells of choices as a kernel would", () => {
    const source = embeddedSource(embedded);
    const listener = vi.fn();
    source.onChange(listener, new AbortController().signal);
    source.choose({ channels: [1] });
    expect(listener).toHaveBeenCalledWith({ channels: [1] });
    expect(source.read().channels).toEqual([1]);
  });
});
