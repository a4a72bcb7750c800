import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stagesOf } from "../../js/stages.js";
import type { Spent } from "../../js/wire.js";
import { packFrame } from "./frames.js";
import { asView, fed, traits } from "./model.js";

const frameOf = (layer: string, generation = 1) =>
  packFrame({
    layer,
    generation,
    shape: [1, 1, 2, 4],
    codes: new Uint8Array(8).fill(9),
    bounds: [0, 1],
  });

const open = () => fed(traits(["a", "b", "c"], { frame: asView(frameOf("a")) }));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a layer that the pointer rests on", () => {
  it("is fetched once, and shown at once when it is picked", async () => {
    const { model, source, store } = open();
    store.set({ ahead: "b" });
    await vi.advanceTimersByTimeAsync(100);
    const [{ id, ...asked }] = model.sent;
    expect(asked).toMatchObject({ kind: "ahead", generation: 1, layer: "b", call: 0 });
    model.emit("msg:custom", { id, kind: "ahead" }, [asView(frameOf("b"))]);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.frame?.layer).toBe("a");
    source.choose({ layer: "b" });
    expect(store.state.frame?.layer).toBe("b");
    expect(store.state.status.kind).toBe("ready");
    store.set({ ahead: "a" });
    await vi.advanceTimersByTimeAsync(100);
    store.set({ ahead: "b" });
    await vi.advanceTimersByTimeAsync(100);
    expect(model.sent).toHaveLength(1);
  });

  it("is not asked for by a pointer that passes over it, nor while another one is on its way", async () => {
    const { model, store } = open();
    for (const layer of ["b", "c", "", "c", "b"]) {
      store.set({ ahead: layer });
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(model.sent).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(100);
    store.set({ ahead: "c" });
    await vi.advanceTimersByTimeAsync(100);
    expect(model.sent.map(({ layer }) => layer)).toEqual(["b"]);
  });

  it("is not asked for where it is on its way already, as picked", async () => {
    const { model, source, store } = open();
    store.set({ ahead: "b" });
    source.choose({ layer: "b" });
    await vi.advanceTimersByTimeAsync(100);
    expect(model.sent).toHaveLength(0);
  });

  it("leaves a slow link to what is asked for, and is asked for again when an answer never came", async () => {
    const { model, store } = open();
    const rest = async (layer: string) => {
      store.set({ ahead: layer });
      await vi.advanceTimersByTimeAsync(100);
    };
    await rest("b");
    await vi.advanceTimersByTimeAsync(1900);
    model.emit("msg:custom", { id: model.sent[0].id, kind: "ahead" }, [asView(frameOf("b"))]);
    await rest("c");
    expect(model.sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(8000);
    await rest("");
    await rest("c");
    expect(model.sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(5000);
    await rest("");
    await rest("c");
    expect(model.sent).toHaveLength(3);
  });

  it("is shown as soon as it is there when it was picked before", async () => {
    const { model, source, store } = open();
    store.set({ ahead: "b" });
    await vi.advanceTimersByTimeAsync(100);
    source.choose({ layer: "b" });
    expect(store.state.status.kind).toBe("loading");
    model.emit("msg:custom", { id: model.sent[0].id, kind: "ahead" }, [asView(frameOf("b"))]);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.frame?.layer).toBe("b");
  });

  it("is forgotten where the look has changed, and where the kernel refuses", async () => {
    const { model, source, store } = open();
    store.set({ ahead: "b" });
    await vi.advanceTimersByTimeAsync(100);
    model.set("generation", 2);
    model.emit("msg:custom", { id: model.sent[0].id, kind: "ahead" }, [asView(frameOf("b"))]);
    await vi.advanceTimersByTimeAsync(0);
    source.choose({ layer: "b" });
    expect(store.state.status.kind).toBe("loading");
    await vi.advanceTimersByTimeAsync(1000);
    store.set({ ahead: "c" });
    await vi.advanceTimersByTimeAsync(100);
    model.emit("msg:custom", { id: model.sent[1].id, kind: "ahead", error: "no" }, []);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.status.kind).toBe("loading");
    model.set("frame", asView(frameOf("b", 2)));
    expect(store.state.frame?.layer).toBe("b");
  });
});

describe("a choice", () => {
  it("is told to the kernel before the page changes, which it does once", () => {
    const { model, source, store, view } = open();
    const order: string[] = [];
    const save = model.save_changes.bind(model);
    model.save_changes = () => {
      order.push("kernel");
      save();
    };
    store.on(["layer", "channels"], () => order.push(`page ${store.state.layer}`), view.signal);
    source.choose({ layer: "c", channels: [1] });
    expect(order).toEqual(["kernel", "page c"]);
    expect(store.state.channels).toEqual([1]);
    model.set("layer", "b");
    expect(store.state.layer).toBe("b");
  });
});

describe("who speaks of the layer that is shown", () => {
  it("waits a moment for its frame, and no longer", async () => {
    const { model, source, store, view } = open();
    const spoken: string[] = [];
    store.later(
      ["layer", "frame"],
      () => spoken.push(`${store.state.layer} ${store.state.frame?.layer}`),
      view.signal,
    );
    spoken.length = 0; // what it said at once
    source.choose({ layer: "b" });
    await vi.advanceTimersByTimeAsync(50);
    expect(spoken).toEqual([]);
    model.set("frame", asView(frameOf("b")));
    expect(spoken).toEqual(["b b"]);
    source.choose({ layer: "c" });
    await vi.advanceTimersByTimeAsync(200);
    expect(spoken).toEqual(["b b", "c b"]);
    source.choose({ layer: "a" });
    expect(spoken.at(-1)).toBe("a a");
  });
});

describe("the stages of a frame", () => {
  it("add up to the time from what was asked for to what is painted", () => {
    const times = { asked: 10, arrived: 40, decoded: 41, begun: 50, colored: 55, painted: 56 };
    const spent: Spent = { started: 0, sent: 0, stages: Object.entries({ quantize: 5, pack: 1 }) };
    const stages = stagesOf({ ...times, spent });
    expect(Object.fromEntries(stages)).toEqual({
      quantize: 5,
      pack: 1,
      way: 24,
      decode: 1,
      layout: 9,
      color: 5,
      paint: 1,
    });
    expect(stages.reduce((sum, [, took]) => sum + took, 0)).toBe(46);
  });

  it("have no way where Python asked: the kernel's began before", () => {
    const times = { asked: 40, arrived: 40, decoded: 41, begun: 41, colored: 42, painted: 42 };
    const spent: Spent = { started: 0, sent: 0, stages: [["forward", 200]] };
    const stages = stagesOf({ ...times, spent });
    expect(Object.fromEntries(stages)).toMatchObject({ forward: 200, way: 0 });
  });
});

describe("what a frame took", () => {
  it("is known before the frame is shown, whichever of them the host tells of first", () => {
    const { model, store, view } = open();
    const seen: number[] = [];
    store.on(["frame"], () => seen.push(store.state.came.spent.sent), view.signal);
    // as a host sets what one message brings: all of it, and then it tells of each
    const spent = { started: 1, sent: 7, stages: {} };
    Object.assign(model.values, { generation: 2, spent, frame: asView(frameOf("a", 2)) });
    for (const name of ["generation", "frame", "spent"]) model.emit(`change:${name}`);
    expect(seen.at(-1)).toBe(7);
  });
});
