import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FEATURE_MAPS, FILTERS } from "../../js/frame.js";
import { packFrame } from "./frames.js";
import { asView, fed, traits } from "./model.js";

const whole = packFrame({
  layer: "a",
  shape: [2, 1, 2, 4],
  codes: new Uint8Array(16).fill(9),
  bounds: [0, 1, 0, 2],
});
const standIn = packFrame(
  { layer: "a", shape: [2, 1, 2, 4], factor: 2, codes: new Uint8Array(4).fill(9), bounds: [0, 1, 0, 2] },
  (header) => {
    (header.__metadata__ as Record<string, unknown>).stand_in = "1";
  },
);

const open = (frame: Uint8Array, live: boolean) => fed(traits(["a", "b"], { frame: asView(frame) }), live);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a frame that stands in for a larger one", () => {
  it("is not seen where the larger one comes soon, and is kept by nobody", async () => {
    const { model, store } = open(standIn, true);
    expect(store.state.status.kind).toBe("loading");
    const [{ id, ...asked }] = model.sent;
    expect(asked).toEqual({
      kind: "whole",
      generation: 1,
      layer: "a",
      view: FEATURE_MAPS,
      call: 0,
      image: 0,
    });
    model.emit("msg:custom", { id, kind: "whole" }, [asView(whole)]);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.status.kind).toBe("ready");
    expect(store.state.frame?.factor).toBe(1);
    model.set("frame", asView(standIn.slice()));
    expect(store.state.frame?.factor).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(store.state.frame?.factor).toBe(1);
    expect(model.sent).toHaveLength(1);
  });

  it("is shown while a busy kernel takes its time, and when it refuses", async () => {
    const { model, store } = open(standIn, true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(store.state.frame?.factor).toBe(2);
    model.emit("msg:custom", { id: model.sent[0].id, kind: "whole" }, [asView(whole)]);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.state.frame?.factor).toBe(1);

    const refused = open(standIn, true);
    refused.model.emit("msg:custom", { id: refused.model.sent[0].id, kind: "whole", error: "no" }, []);
    await vi.advanceTimersByTimeAsync(0);
    expect(refused.store.state.frame?.factor).toBe(2);
  });

  it("is asked for again when it is wanted again, and leaves nothing when the view is closed", async () => {
    const { model, source, store, view } = open(standIn, true);
    source.choose({ layer: "b" });
    source.choose({ layer: "a" });
    expect(model.sent.map(({ kind }) => kind)).toEqual(["whole", "whole"]);
    view.abort();
    await vi.advanceTimersByTimeAsync(5000);
    expect(store.listenerCount + model.listenerCount + vi.getTimerCount()).toBe(0);
  });
});

describe("a view that was saved", () => {
  it("shows what it holds, says what not, and asks nobody", async () => {
    const { model, source, store } = open(standIn, false);
    expect(store.state.frame?.factor).toBe(2);
    expect(source.holds({ generation: 1, layer: "a", view: FEATURE_MAPS, call: 0, image: 1 })).toBe(false);
    source.choose({ layer: "b" });
    expect(store.state.status).toMatchObject({ kind: "empty", text: expect.stringContaining("of “a”") });
    source.choose({ layer: "a", view: FILTERS });
    expect(store.state.status.kind).toBe("empty");
    source.choose({ view: FEATURE_MAPS });
    expect(store.state.status.kind).toBe("ready");
    const signal = new AbortController().signal;
    await expect(source.ping(signal)).rejects.toThrow("no kernel");
    await vi.advanceTimersByTimeAsync(20_000);
    expect([model.sent, store.state.connection]).toEqual([[], "ok"]);
  });

  it("that holds nothing says so", () => {
    const { store } = open(new Uint8Array(0), false);
    expect(store.state.status).toMatchObject({ text: expect.stringContaining("without a picture") });
  });
});
