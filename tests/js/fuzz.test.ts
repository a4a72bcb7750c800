// @vitest-environment happy-dom
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FEATURE_MAPS, FILTERS } from "../../js/frame.js";
import widget from "../../js/widget.js";
import { packFrame } from "./frames.js";
import { FakeModel, layerJson, traits } from "./model.js";

/** A frame of layer `a` or `b`, whole. */
const frameBytes = (
  layer: string,
  generation = 1,
  view: typeof FEATURE_MAPS | typeof FILTERS = FEATURE_MAPS,
) =>
  packFrame({
    layer,
    view,
    generation,
    shape: [2, 1, 2, 3],
    codes: Uint8Array.from({ length: 12 }, (_, i) => (i * 37) % 256),
    bounds: [0, 1, 0, 2],
    stats: [0.5, 0.1, 0.25, 0, 1, 0.1, 0, 3],
  });

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const wild = fc.anything({
  withBigInt: false,
  withTypedArray: true,
  withNullPrototype: true,
  maxDepth: 3,
});

const frames = fc.oneof(
  fc.constantFrom("a", "b", "c").map((layer) => view(frameBytes(layer))),
  // cut off
  fc.integer({ min: 0, max: 600 }).map((length) => view(frameBytes("a").slice(0, length))),
  // with bits turned over
  fc.array(fc.tuple(fc.nat(700), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((flips) => {
    const bytes = frameBytes("a");
    for (const [at, mask] of flips) bytes[at % bytes.length] ^= mask;
    return view(bytes);
  }),
  fc.uint8Array({ maxLength: 64 }).map(view),
  wild,
);

const metadata = fc.oneof(
  wild,
  fc
    .record({
      protocol: fc.constantFrom(1, 1, 1, 2, "x"),
      layers: fc.array(
        fc.oneof(
          fc.constantFrom("a", "b", "__proto__", "x.y.z", "").map((name) => layerJson(name)),
          fc.dictionary(fc.constantFrom("name", "kernel_size", "output_shapes", "receptive_field"), wild),
          wild,
        ),
        { maxLength: 5 },
      ),
      input: wild,
    })
    .map((it) => it as unknown),
);

const notes = fc.oneof(wild, fc.array(fc.record({ layer: wild, kind: wild, text: wild }), { maxLength: 3 }));

const NAMES = [
  "layer", "view", "call", "batch_index", "channels", "colormap", "scale", "sort", "limits", "clip", "hide",
  "pinned", "overlay", "slice", "place", "theme", "height", "problem", "progress", "picture", "thumbnails",
  "overview", "seen", "timing", "spent", "generation",
]; // biome-ignore format: a list of names

const steps = fc.oneof(
  fc.record({
    set: fc.constantFrom(...NAMES),
    value: fc.oneof(wild, fc.constantFrom("a", "b", FILTERS, [0], 1)),
  }),
  frames.map((value) => ({ set: "frame", value: value as unknown })),
  metadata.map((value) => ({ set: "metadata", value })),
  notes.map((value) => ({ set: "notes", value: value as unknown })),
  fc.nat(3).map((value) => ({ set: "generation", value: value as unknown })),
  fc.record({ answer: wild, buffers: fc.oneof(fc.constant([]), fc.array(frames, { maxLength: 2 })) }),
  fc.record({
    press: fc.constantFrom(
      "ArrowRight",
      "Enter",
      "Escape",
      "c",
      "v",
      "t",
      "?",
      "+",
      "0",
      "[",
      "PageDown",
      "p",
    ),
  }),
);

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

describe("whatever comes", () => {
  it("neither throws nor is complained about, and what is right after it is shown", () => {
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    fc.assert(
      fc.property(fc.array(steps, { minLength: 1, maxLength: 25 }), (list) => {
        const model = new FakeModel(traits(["a", "b"], { frame: view(frameBytes("a")) }));
        const el = document.body.appendChild(document.createElement("div"));
        // biome-ignore lint/suspicious/noExplicitAny: host and experimental are not used
        const close = widget.render({ model: model.asModel(), el } as any);
        for (const step of list) {
          if ("press" in step) {
            const event = new KeyboardEvent("keydown", { key: step.press, bubbles: true, cancelable: true });
            el.querySelector(".cnnvis-canvas")?.dispatchEvent(event);
          } else if ("answer" in step) model.emit("msg:custom", step.answer, step.buffers);
          else model.set(step.set, step.value);
        }
        // What is right again is shown again.
        for (const [name, value] of Object.entries(traits(["a", "b"], { layer: "b" })))
          model.set(name, value);
        model.set("generation", 9);
        model.set("frame", view(frameBytes("b", 9)));
        expect(el.querySelector(".cnnvis-title")?.textContent).toBe("b");
        expect(el.querySelector(".cnnvis-amount")?.textContent).toBe("2 of 2");
        close();
        expect(model.listenerCount).toBe(0);
        el.remove();
      }),
      { numRuns: 400 },
    );
    expect(complaints.mock.calls).toEqual([]);
  }, 120_000);
});
