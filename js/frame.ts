/**
 * The mirror of frame.py: a frame's bytes to arrays. A frame is a safetensors file in memory: eight bytes with
 * the length of a JSON header (little-endian), the header, and the bytes that it describes.
 */
export const PROTOCOL = "1";

export const FEATURE_MAPS = "feature_maps";
export const FILTERS = "filters";
export type View = typeof FEATURE_MAPS | typeof FILTERS;

/** Why some bytes are no frame, in a sentence that can be shown. */
export class FrameError extends Error {
  override name = "FrameError";
}

/** Which frame: of one look at the model, one layer in one view, one of its calls, one image of the batch. */
export interface FrameKey {
  readonly generation: number;
  readonly layer: string;
  readonly view: View;
  readonly call: number;
  readonly image: number;
}

/** The same text for keys of the same frame: filters are the same in every call and for every image. */
export const keyOf = ({ generation, layer, view, call, image }: FrameKey): string =>
  JSON.stringify([generation, layer, view, ...(view === FILTERS ? [] : [call, image])]);

/** The key alone of what has one. */
export const keyIn = ({ generation, layer, view, call, image }: FrameKey): FrameKey => ({
  generation,
  layer,
  view,
  call,
  image,
});

/** The sizes of a layer's tiles at full resolution. */
export interface Shape {
  readonly tiles: number;
  readonly planes: number;
  readonly height: number;
  readonly width: number;
}

export type Statistic = "mean" | "std" | "zeros" | "nonfinite";

/** One layer in one view. What is indexed by `tile` counts the tiles of this frame, not the layer's channels. */
export interface Frame extends FrameKey {
  readonly shape: Shape;
  /** Each code is the mean of `factor` x `factor` values. */
  readonly factor: number;
  readonly tiles: number;
  /** Codes per plane, in each direction. */
  readonly codeHeight: number;
  readonly codeWidth: number;
  readonly codes: Uint8Array;
  /** lo and hi of each tile, in turn. */
  readonly bounds: Float32Array;
  readonly stats: Float32Array;
  readonly statNames: readonly string[];
  readonly channels: Int32Array;
  /** What each filter adds; null of maps, and of layers that add nothing. */
  readonly bias: Float32Array | null;
  /** Smaller than what a live kernel has, which is asked for: so much of it is what a notebook can store. */
  readonly standIn: boolean;
  readonly byteLength: number;
}

/**
 * Reads a frame.
 *
 * @param bytes may start anywhere in its buffer; the arrays stay where they are, unless one does not start at a
 *   multiple of its size: that one is copied.
 * @throws FrameError for anything that is not a frame of this protocol.
 */
export function parseFrame(bytes: Uint8Array): Frame {
  const { header, body } = readHeader(bytes);
  const meta = object(header.__metadata__, "__metadata__");
  if (meta.protocol !== PROTOCOL) {
    throw new FrameError(`The frame speaks protocol ${meta.protocol}, this page protocol ${PROTOCOL}.`);
  }
  const shape = fullShape(meta);
  const factor = whole(meta.factor, "factor");
  expect(factor >= 1, "a factor of at least 1");
  const statNames = strings(meta.stats, "stats");
  const codeHeight = Math.ceil(shape.height / factor);
  const codeWidth = Math.ceil(shape.width / factor);
  const codes = tensor(header, body, "codes", "U8", [ANY, shape.planes * codeHeight, codeWidth]);
  const bounds = tensor(header, body, "bounds", "F32", [ANY, 2]);
  const tiles = bounds.length / 2;
  expect(tiles <= shape.tiles, `no more than ${shape.tiles} tiles`);
  expect(codes.length === tiles * shape.planes * codeHeight * codeWidth, `codes of ${tiles} tiles`);
  expect(meta.view === FEATURE_MAPS || meta.view === FILTERS, "a known view");
  return {
    layer: String(meta.layer),
    view: meta.view,
    call: whole(meta.call, "call"),
    generation: whole(meta.generation, "generation"),
    image: whole(meta.image, "image"),
    shape,
    factor,
    tiles,
    codeHeight,
    codeWidth,
    codes,
    bounds,
    stats: tensor(header, body, "stats", "F32", [tiles, statNames.length]),
    statNames,
    channels: tensor(header, body, "channels", "I32", [tiles]),
    bias: header.bias === undefined ? null : tensor(header, body, "bias", "F32", [tiles]),
    standIn: meta.stand_in === "1",
    byteLength: bytes.length,
  };
}

/** The frame in some bytes, or why there is none. */
export function frameIn(bytes: Uint8Array): Frame | FrameError {
  try {
    return parseFrame(bytes);
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
}

/**
 * Reads exact values (rows, columns), row by row.
 *
 * @throws FrameError for anything else.
 */
export function parseValues(bytes: Uint8Array): Float64Array {
  const { header, body } = readHeader(bytes);
  return tensor(header, body, "values", "F64", [ANY, ANY]);
}

/** The value that a code of a tile stands for; NaN where it was not finite. */
export function dequantize(frame: Frame, tile: number, code: number): number {
  if (code === 0) return Number.NaN;
  const lo = frame.bounds[2 * tile];
  const hi = frame.bounds[2 * tile + 1];
  return lo + ((hi - lo) * (code - 1)) / 254;
}

/** How far a value of this tile can be from what the model computed. */
export function errorOf({ bounds, factor }: Frame, tile: number): number {
  const [lo, hi] = bounds.subarray(2 * tile, 2 * tile + 2);
  // Half a step, and what Python rounds of it; means are rounded more often. See quantize.py.
  return lo === hi ? 0 : (hi - lo) / 508 + Math.max(-lo, hi) * 2 ** (factor > 1 ? -18 : -21);
}

/** The code at a row and a column of the layer's full resolution. */
export function codeAt(frame: Frame, tile: number, plane: number, row: number, column: number): number {
  const y =
    tile * frame.shape.planes * frame.codeHeight + plane * frame.codeHeight + Math.floor(row / frame.factor);
  return frame.codes[y * frame.codeWidth + Math.floor(column / frame.factor)];
}

export function statistic(frame: Frame, tile: number, name: Statistic): number {
  const column = frame.statNames.indexOf(name);
  return column < 0 ? Number.NaN : frame.stats[tile * frame.statNames.length + column];
}

/** The tile that holds a channel; -1 where the frame has none of it. */
export const tileOf = (frame: Frame, channel: number): number => frame.channels.indexOf(channel);

/** How many values a tile has at full resolution. */
export const tileSize = (shape: Shape): number => shape.planes * shape.height * shape.width;

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; body: Uint8Array } {
  if (bytes.length < 8) throw new FrameError(`A frame has at least 8 bytes, this has ${bytes.length}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || 8 + length > bytes.length) {
    throw new FrameError(`The frame's header ends after its ${bytes.length} bytes.`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw new FrameError("The frame's header is not JSON.");
  }
  return { header: object(header, "header"), body: bytes.subarray(8 + length) };
}

const ARRAYS = { U8: Uint8Array, F32: Float32Array, I32: Int32Array, F64: Float64Array };
type Arrays = { [Type in keyof typeof ARRAYS]: InstanceType<(typeof ARRAYS)[Type]> };

/** A size that is not known beforehand. */
const ANY = -1;

/** The array of a name, where it is if it can be. */
function tensor<Type extends keyof Arrays>(
  header: Record<string, unknown>,
  body: Uint8Array,
  name: string,
  dtype: Type,
  sizes: readonly number[],
): Arrays[Type] {
  const { dtype: written, shape, data_offsets: offsets } = object(header[name], name);
  expect(written === dtype, `${name} of dtype ${dtype}`);
  const isShape =
    isSizes(shape) && shape.length === sizes.length && sizes.every((n, i) => n === ANY || n === shape[i]);
  expect(isShape, `${name} of shape (${sizes.map((n) => (n === ANY ? "any" : n)).join(", ")})`);
  expect(isSizes(offsets) && offsets.length === 2, `two offsets of ${name}`);
  const [start, end] = offsets;
  const each = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const size = shape.reduce((product, n) => product * n, each);
  expect(start <= end && end <= body.length, `${name} within the frame`);
  expect(end - start === size, `${size} bytes of ${name}`);
  const bytes = body.subarray(start, end);
  const { buffer, byteOffset } = bytes.byteOffset % each === 0 ? bytes : bytes.slice();
  return new ARRAYS[dtype](buffer as ArrayBuffer, byteOffset, size / each) as Arrays[Type];
}

function fullShape(meta: Record<string, unknown>): Shape {
  const sizes = json(meta.shape, "shape");
  expect(isSizes(sizes) && sizes.length === 4, "a shape of four sizes");
  const [tiles, planes, height, width] = sizes;
  return { tiles, planes, height, width };
}

function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new FrameError(`The frame is malformed: expected ${what}.`);
}

function object(value: unknown, what: string): Record<string, unknown> {
  expect(typeof value === "object" && value !== null && !Array.isArray(value), `an object as ${what}`);
  return value as Record<string, unknown>;
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

function strings(value: unknown, what: string): string[] {
  const list = json(value, what);
  expect(Array.isArray(list), `a list as ${what}`);
  return list.map(String);
}

function json(value: unknown, what: string): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    throw new FrameError(`The frame is malformed: ${what} is not JSON.`);
  }
}

function whole(value: unknown, what: string): number {
  const number = Number(value);
  expect(
    typeof value === "string" && value !== "" && Number.isSafeInteger(number),
    `a whole number as ${what}`,
  );
  return number;
}
