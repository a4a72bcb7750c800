/**
 * Every name that crosses from Python, except the inside of a frame: traits, metadata and messages. Nothing
 * that is read here is trusted to have the right type; what is missing gets a value that can be shown.
 */
import { FEATURE_MAPS, FILTERS, PROTOCOL, type View } from "./frame.js";

export const COLORMAPS = ["auto", "viridis", "magma", "inferno", "cividis", "gray", "RdBu", "PuOr"] as const;
export const SCALES = ["channel", "layer", "symmetric"] as const;
export const SORTS = ["index", "mean", "max", "std", "zeros"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export type Colormap = (typeof COLORMAPS)[number];
export type Scale = (typeof SCALES)[number];
export type Sort = (typeof SORTS)[number];
export type Theme = (typeof THEMES)[number];

export interface Layer {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly inChannels: number | null;
  readonly outChannels: number | null;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | string;
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly parameters: number;
  readonly macs: number | null;
  readonly ran: boolean;
  readonly calls: number;
  readonly outputShapes: readonly (readonly number[])[];
  readonly filtersShape: readonly number[] | null;
  readonly notes: readonly string[];
}

export interface Metadata {
  /** Why this page cannot show what the kernel sent; empty when it can. */
  readonly mismatch: string;
  readonly version: string;
  readonly generation: number;
  readonly model: string;
  readonly layers: readonly Layer[];
  readonly input: { readonly shape: readonly number[]; readonly preprocessing: string };
  readonly predictions: readonly { readonly label: string; readonly probability: number }[];
  readonly notes: readonly { readonly layer: string | null; readonly text: string }[];
}

/** What Python and the page share. */
export interface Synced {
  readonly metadata: Metadata;
  /** A data URL of what the model saw; empty when there is none. */
  readonly picture: string;
  readonly layer: string;
  readonly view: View;
  /** The picked channels. */
  readonly channels: readonly number[];
  readonly colormap: Colormap;
  readonly scale: Scale;
  readonly sort: Sort;
  readonly theme: Theme;
  /** CSS pixels. */
  readonly height: number;
  /** What went wrong in Python; empty when nothing did. */
  readonly problem: string;
}

/** The parts of the shared state that a person changes in the page. */
export type Choice = Partial<Pick<Synced, "layer" | "view" | "channels" | "colormap" | "scale" | "sort">>;

const READERS: { readonly [Name in keyof Synced]: (value: unknown) => Synced[Name] } = {
  metadata: readMetadata,
  picture: (value) => (typeof value === "string" ? value : pictureUrl(readBytes(value))),
  layer: text,
  view: (value) => oneOf([FEATURE_MAPS, FILTERS], value),
  channels: (value) => list(value).filter((n): n is number => Number.isSafeInteger(n)),
  colormap: (value) => oneOf(COLORMAPS, value),
  scale: (value) => oneOf(SCALES, value),
  sort: (value) => oneOf(SORTS, value),
  theme: (value) => oneOf(THEMES, value),
  height: (value) => Math.min(Math.max(number(value, 560), 160), 10_000),
  problem: text,
};

export const SYNCED = Object.keys(READERS) as (keyof Synced)[];

/** The name of the binary trait that holds the frame of the current layer and view. */
export const FRAME = "frame";

export function readTrait<Name extends keyof Synced>(name: Name, value: unknown): Synced[Name] {
  return READERS[name](value);
}

/** All of the shared state, from a function that gives Python's value of a trait. */
export function readTraits(get: (name: string) => unknown): Synced {
  return Object.fromEntries(SYNCED.map((name) => [name, readTrait(name, get(name))])) as unknown as Synced;
}

/** A binary value as the host hands it over (DataView, typed array, buffer, or an array of numbers) as bytes. */
export function readBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (Array.isArray(value)) return Uint8Array.from(value);
  return new Uint8Array(0);
}

export interface DetailRequest {
  readonly layer: string;
  readonly view: View;
  readonly call: number;
  readonly channels: readonly number[];
  readonly factor: number;
}

export function detailMessage(id: string, request: DetailRequest): object {
  return { id, kind: "detail", ...request };
}

/** The answer to a request: its id, and the error or null; null for a message that is no such answer. */
export function readAnswer(message: unknown): { id: string; error: string | null } | null {
  const { id, kind, error } = record(message);
  if (kind !== "detail" || typeof id !== "string") return null;
  return { id, error: typeof error === "string" ? error : null };
}

function readMetadata(value: unknown): Metadata {
  const it = record(value);
  const input = record(it.input);
  const known = it.protocol === undefined || String(it.protocol) === PROTOCOL;
  return {
    mismatch: known
      ? ""
      : `The kernel speaks protocol ${text(it.protocol)} and this page protocol ${PROTOCOL}. ` +
        "Restart the kernel and reload the page, so that both come from the same version of cnnvis.",
    version: text(it.version),
    generation: number(it.generation, 0),
    model: text(it.model),
    layers: known ? list(it.layers).map(readLayer) : [],
    input: { shape: numbers(input.shape), preprocessing: text(input.preprocessing) },
    predictions: list(it.predictions).map((entry) => {
      const { index, label, probability } = record(entry);
      return { label: text(label) || text(index), probability: number(probability, 0) };
    }),
    notes: list(it.notes).map((entry) => {
      const note = record(entry);
      return { layer: typeof note.layer === "string" ? note.layer : null, text: text(note.text) };
    }),
  };
}

function readLayer(value: unknown): Layer {
  const it = record(value);
  return {
    name: text(it.name),
    kind: text(it.kind),
    type: text(it.type),
    inChannels: countOrNull(it.in_channels),
    outChannels: countOrNull(it.out_channels),
    kernelSize: numbers(it.kernel_size),
    stride: numbers(it.stride),
    padding: typeof it.padding === "string" ? it.padding : numbers(it.padding),
    dilation: numbers(it.dilation),
    groups: number(it.groups, 1),
    parameters: number(it.parameters, 0),
    macs: countOrNull(it.macs),
    ran: it.ran === true,
    calls: number(it.calls, 0),
    outputShapes: list(it.output_shapes).map(numbers),
    filtersShape: Array.isArray(it.filters_shape) ? numbers(it.filters_shape) : null,
    notes: list(it.notes).map(text),
  };
}

// As a data URL, not a blob's: VS Code's policy for notebook outputs allows only the former.
function pictureUrl(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) return "";
  const type = bytes[0] === 0x89 ? "image/png" : "image/jpeg";
  let binary = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return `data:${type};base64,${btoa(binary)}`;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function numbers(value: unknown): number[] {
  return list(value).filter((n): n is number => typeof n === "number" && Number.isFinite(n));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

function number(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

function countOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** The value when it is one of `known`, else the first of them: Python's check, not ours, reports a bad one. */
function oneOf<Value extends string>(known: readonly Value[], value: unknown): Value {
  return known.find((option) => option === value) ?? known[0];
}
