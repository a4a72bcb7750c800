/** Writes frames for tests, by the same rules as frame.py. */
import fc from "fast-check";
import { FEATURE_MAPS, type Frame, parseFrame, type View } from "../../js/frame.js";

export interface Content {
  layer?: string;
  view?: View;
  call?: number;
  image?: number;
  generation?: number;
  shape: [tiles: number, planes: number, height: number, width: number];
  factor?: number;
  codes: Uint8Array;
  bounds: number[];
  stats?: number[];
  channels?: number[];
}

export function packFrame(
  content: Content,
  change: (header: Record<string, unknown>) => void = () => {},
): Uint8Array {
  const { layer = "conv1", view = FEATURE_MAPS, generation = 1, shape, factor = 1, codes, bounds } = content;
  const { call = 0, image = 0 } = content;
  const [total, planes, height, width] = shape;
  const channels = content.channels ?? Array.from({ length: total }, (_, i) => i);
  const tiles = channels.length;
  const stats = content.stats ?? Array.from({ length: tiles * 4 }, () => 0);
  const parts: [string, string, number[], Uint8Array][] = [
    ["codes", "U8", [tiles, planes * Math.ceil(height / factor), Math.ceil(width / factor)], codes],
    ["bounds", "F32", [tiles, 2], new Uint8Array(Float32Array.from(bounds).buffer)],
    ["stats", "F32", [tiles, 4], new Uint8Array(Float32Array.from(stats).buffer)],
    ["channels", "I32", [tiles], new Uint8Array(Int32Array.from(channels).buffer)],
  ];
  const header: Record<string, unknown> = {
    __metadata__: {
      protocol: "1",
      generation: String(generation),
      layer,
      view,
      call: String(call),
      image: String(image),
      shape: JSON.stringify(shape),
      factor: String(factor),
      stats: JSON.stringify(["mean", "std", "zeros", "nonfinite"]),
    },
  };
  let offset = 0;
  for (const [name, dtype, sizes, bytes] of parts) {
    header[name] = { dtype, shape: sizes, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  change(header);
  const head = new TextEncoder().encode(JSON.stringify(header));
  const frame = new Uint8Array(8 + head.length + offset);
  new DataView(frame.buffer).setUint32(0, head.length, true);
  frame.set(head, 8);
  let at = 8 + head.length;
  for (const [, , , bytes] of parts) {
    frame.set(bytes, at);
    at += bytes.length;
  }
  return frame;
}

/** Codes of `values` between lo and hi, by the definition. */
export function quantize(values: readonly number[], lo: number, hi: number): number[] {
  return values.map((value) => {
    if (!Number.isFinite(value)) return 0;
    return hi > lo ? 1 + Math.round(((value - lo) / (hi - lo)) * 254) : 1;
  });
}

export function frameOf(content: Content): Frame {
  return parseFrame(packFrame(content));
}

/** A frame of random codes. */
export function randomFrame(
  view: View,
  planes: fc.Arbitrary<number> = fc.integer({ min: 1, max: 5 }),
  factors: fc.Arbitrary<number> = fc.integer({ min: 1, max: 4 }),
): fc.Arbitrary<Frame> {
  return fc
    .record({
      tiles: fc.integer({ min: 1, max: 12 }),
      planes,
      height: fc.integer({ min: 1, max: 9 }),
      width: fc.integer({ min: 1, max: 40 }),
      factor: factors,
      seed: fc.integer({ min: 1, max: 1e6 }),
    })
    .map(({ tiles, planes, height, width, factor, seed }) => {
      const size = tiles * planes * Math.ceil(height / factor) * Math.ceil(width / factor);
      let state = seed;
      const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
      return frameOf({
        view,
        shape: [tiles, planes, height, width],
        factor,
        codes: Uint8Array.from({ length: size }, () => Math.floor(next() * 256)),
        bounds: Array.from({ length: tiles }, () => [-next(), next()]).flat(),
        stats: Array.from({ length: tiles }, () => [next() - 0.5, next(), next(), 0]).flat(),
      });
    });
}

/** A frame of the layer "a" in which every value is 1, the upper bound. */
export function plainFrame(
  view: View,
  shape: [number, number, number, number],
  factor = 1,
  generation = 1,
): Frame {
  const [tiles, planes, height, width] = shape;
  const size = tiles * planes * Math.ceil(height / factor) * Math.ceil(width / factor);
  return frameOf({
    layer: "a",
    view,
    shape,
    factor,
    generation,
    codes: new Uint8Array(size).fill(255),
    bounds: Array.from({ length: tiles }, () => [-1, 1]).flat(),
  });
}
