/** Every name that crosses from Python, except the inside of a frame: traits, metadata and messages. */
import { COLORMAPS, type Colormap } from "./colormaps.js";
import {
  FEATURE_MAPS,
  FILTERS,
  type Frame,
  FrameError,
  type FrameKey,
  frameIn,
  PROTOCOL,
  type View,
} from "./frame.js";
import {
  countOrNull,
  index,
  isTrue,
  list,
  listOf,
  number,
  numbers,
  oneOf,
  pictureUrl,
  pythonName,
  type Readers,
  readBytes,
  record,
  recordOf,
  text,
  textOrNull,
  within,
} from "./readers.js";

export const SCALES = ["channel", "layer", "symmetric", "limits"] as const;
export const SORTS = ["index", "mean", "max", "std", "zeros", "norm", "similarity"] as const;
/** Which tiles stay out: none, those of zeros only, those of one value only. */
export const HIDES = ["none", "dead", "constant"] as const;
export const THEMES = ["auto", "light", "dark"] as const;
export type Scale = (typeof SCALES)[number];
export type Sort = (typeof SORTS)[number];
export type Hide = (typeof HIDES)[number];
export type Theme = (typeof THEMES)[number];

export interface Layer {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly inChannels: number | null;
  readonly outChannels: number | null;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly parameters: number;
  readonly macs: number | null;
  readonly ran: boolean;
  readonly calls: number;
  readonly outputShapes: readonly (readonly number[])[];
  readonly filtersShape: readonly number[] | null;
  /** What of the image one value depends on; null where that is not known, and why. */
  readonly receptiveField: ReceptiveField | null;
  /** The same for each call, where there are more than one. */
  readonly receptiveFields: readonly (ReceptiveField | null)[];
  readonly fieldReason: string;
  readonly dtype: string;
  readonly device: string;
  /** The operation that overwrites the output later on; empty when none does. */
  readonly inPlace: string;
}

/** In pixels of the image, one entry for each of its axes. */
export interface ReceptiveField {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly start: readonly number[];
  /** It is the whole image, wherever the value is. */
  readonly whole: boolean;
  /** Every value's is this one, moved by the stride; else some have less than it says. */
  readonly regular: boolean;
}

/** What the view has to say of a layer, or of the whole look (null): a short word and a sentence. */
export interface Note {
  readonly layer: string | null;
  readonly kind: string;
  readonly text: string;
}

/** What was done to one image of the batch, and what the model said of it. */
export interface Seen {
  readonly image: number;
  /** What was done to it before, a sentence. */
  readonly preprocessing: string;
  readonly predictions: readonly { readonly label: string; readonly probability: number }[];
}

/** What there is to say, by the layer that it is about. */
export type Notes = ReadonlyMap<string | null, readonly Note[]>;

/** What is the same for all images of one form. */
export interface Metadata {
  /** Why this page cannot show what the kernel sent; empty when it can. */
  readonly mismatch: string;
  readonly version: string;
  readonly model: string;
  readonly layers: readonly Layer[];
  readonly input: {
    readonly shape: readonly number[];
    /** How many there are in the batch. */
    readonly images: number;
  };
}

/** Where a view was moved to: CSS pixels per cell, the cell in its middle, and tiles in a row; 0: it shows all. */
export interface Place {
  readonly k: number;
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  /** Which view wrote it; empty where Python did, which all views follow. */
  readonly by: string;
}

/** What Python and the page share. */
export interface Synced {
  readonly metadata: Metadata;
  /** Counts the looks, as frames do: one of an older look is of other values. */
  readonly generation: number;
  /** As the seen, the picture and the overview, of the look before until the kernel had the time for it. */
  readonly notes: Notes;
  /** The mean map of each layer: tile i is of layer i, by `channels`; null where there is none. */
  readonly overview: Frame | null;
  readonly seen: Seen;
  /** A data URL of what the model saw; empty when there is none. */
  readonly picture: string;
  /** A data URL of the first images of the batch, square and side by side; empty when there is one image. */
  readonly thumbnails: string;
  readonly layer: string;
  readonly view: View;
  /** Which call of the layer, from 0. */
  readonly call: number;
  /** Which image of the batch, from 0. */
  readonly batchIndex: number;
  /** The picked channels. */
  readonly channels: readonly number[];
  readonly colormap: Colormap;
  readonly scale: Scale;
  readonly sort: Sort;
  /** The values at the ends of the colors where the scale is "limits"; null: not typed yet. */
  readonly limits: readonly [lo: number, hi: number] | null;
  /** Percent of the values at each end that the colors leave out. */
  readonly clip: number;
  readonly hide: Hide;
  /** The channels that are shown, side by side; empty: all. */
  readonly pinned: readonly number[];
  /** How much of the input image shows through the maps: 0 the map alone, 1 the image alone. */
  readonly overlay: number;
  /** Which slice of what has a depth, from 0; layers with fewer show their last. */
  readonly slice: number;
  readonly place: Place | null;
  readonly theme: Theme;
  /** CSS pixels. */
  readonly height: number;
  /** What went wrong in Python; empty when nothing did. */
  readonly problem: string;
  /** How much of a look is done, from 0 to 1; below 0 when none is under way. */
  readonly progress: number;
  /** Whether to say what time each stage took. */
  readonly timing: boolean;
}

/** The kernel's part of what a frame took, where it was to take note of it. */
export interface Spent {
  /** When it began and was handed on, in milliseconds since 1970 by the kernel's clock. */
  readonly started: number;
  readonly sent: number;
  /** Milliseconds by stage. */
  readonly stages: readonly (readonly [name: string, took: number])[];
}

/** The parts of the shared state that a person changes in the page. */
export type Choice = Partial<
  Pick<
    Synced,
    | "layer"
    | "view"
    | "call"
    | "batchIndex"
    | "channels"
    | "colormap"
    | "scale"
    | "sort"
    | "limits"
    | "clip"
    | "hide"
    | "pinned"
    | "overlay"
    | "slice"
    | "place"
    | "height"
    | "timing"
  >
>;

const readNote = recordOf<Note>({
  layer: textOrNull,
  kind: text,
  text,
});

const readWholeField = recordOf<ReceptiveField>({
  size: numbers,
  stride: numbers,
  start: numbers,
  whole: isTrue,
  regular: isTrue,
});

const readField = (value: unknown) => (Array.isArray(record(value).size) ? readWholeField(value) : null);

const readLayer = recordOf<Layer>({
  name: text,
  kind: text,
  type: text,
  inChannels: countOrNull,
  outChannels: countOrNull,
  kernelSize: numbers,
  stride: numbers,
  dilation: numbers,
  groups: (value) => number(value, 1),
  parameters: number,
  macs: countOrNull,
  ran: isTrue,
  calls: number,
  outputShapes: listOf(numbers),
  filtersShape: (value) => (Array.isArray(value) ? numbers(value) : null),
  receptiveField: readField,
  receptiveFields: listOf(readField),
  fieldReason: text,
  dtype: text,
  device: text,
  inPlace: text,
});

const readMetadata = recordOf<Omit<Metadata, "mismatch">>({
  version: text,
  model: text,
  layers: listOf(readLayer),
  input: recordOf<Metadata["input"]>({
    shape: numbers,
    images: (value) => Math.max(index(value), 1),
  }),
});

/** Of a kernel of another protocol, no layer can be trusted to be one. */
function readKnown(value: unknown): Metadata {
  const { protocol } = record(value);
  const metadata = readMetadata(value);
  if (protocol === undefined || String(protocol) === PROTOCOL) return { ...metadata, mismatch: "" };
  return {
    ...metadata,
    layers: [],
    mismatch:
      `The kernel speaks protocol ${text(protocol)} and this page protocol ${PROTOCOL}. ` +
      "Restart the kernel and reload the page, so that both come from the same version of cnnvis.",
  };
}

const readSeen = recordOf<Seen>({
  image: index,
  preprocessing: text,
  predictions: listOf((entry) => {
    const { index, label, probability } = record(entry);
    return { label: text(label) || text(index), probability: number(probability) };
  }),
});

const readChannels = (value: unknown): number[] =>
  list(value).filter((n): n is number => Number.isSafeInteger(n));

const readPicture = (value: unknown): string =>
  typeof value === "string" ? value : pictureUrl(readBytes(value));

const READERS: Readers<Synced> = {
  metadata: readKnown,
  generation: index,
  notes: readNotes,
  overview: readOverview,
  seen: readSeen,
  picture: readPicture,
  thumbnails: readPicture,
  layer: text,
  view: oneOf([FEATURE_MAPS, FILTERS]),
  call: index,
  batchIndex: index,
  channels: readChannels,
  colormap: oneOf(COLORMAPS),
  scale: oneOf(SCALES),
  sort: oneOf(SORTS),
  limits: readLimits,
  clip: within(0, 49.9, 0),
  hide: oneOf(HIDES),
  pinned: readChannels,
  overlay: within(0, 1, 0),
  slice: index,
  place: readPlace,
  theme: oneOf(THEMES),
  height: within(160, 10_000, 560),
  problem: text,
  progress: within(Number.NEGATIVE_INFINITY, 1, -1),
  timing: isTrue,
};

export const SYNCED = Object.keys(READERS) as (keyof Synced)[];

/** The name of the binary trait that holds the frame of the current layer and view. */
export const FRAME = "frame";

export const readTrait = <Name extends keyof Synced>(name: Name, value: unknown): Synced[Name] =>
  READERS[name](value);

/** Some of the shared state, from a function that gives Python's value of a trait. */
export const readSome = (names: readonly (keyof Synced)[], get: (name: string) => unknown): Partial<Synced> =>
  Object.fromEntries(names.map((name) => [name, readTrait(name, get(pythonName(name)))]));

/** All of it. */
export const readTraits = (get: (name: string) => unknown): Synced => readSome(SYNCED, get) as Synced;

export interface DetailRequest {
  readonly layer: string;
  readonly view: View;
  readonly call: number;
  readonly image: number;
  readonly channels: readonly number[];
  readonly factor: number;
}

/** A part of one plane of a tile, by its first rows and columns and those after its last. */
export interface ValuesRequest {
  /** The look that is shown: another one has other values. */
  readonly generation: number;
  readonly layer: string;
  readonly view: View;
  readonly call: number;
  readonly image: number;
  readonly channel: number;
  readonly plane: number;
  readonly rows: readonly [start: number, stop: number];
  readonly columns: readonly [start: number, stop: number];
}

/**
 * What a page asks of the kernel: full resolution of channels, exact values, the frame behind a stand-in or of a
 * layer that may be picked next, whether it is there, or all of the shared state again.
 */
export type Request =
  | { readonly kind: "detail"; readonly request: DetailRequest }
  | { readonly kind: "values"; readonly request: ValuesRequest }
  | { readonly kind: "whole" | "ahead"; readonly request: FrameKey }
  | { readonly kind: "ping" | "resend"; readonly request: Readonly<Record<string, never>> };

export const requestMessage = (id: string, { kind, request }: Request): object => ({ id, kind, ...request });

/** The answer to a request: its id, and the error or null; null for a message that is no such answer. */
export function readAnswer(message: unknown): { id: string; error: string | null } | null {
  const { id, kind, error } = record(message);
  return typeof kind === "string" && typeof id === "string" ? { id, error: textOrNull(error) } : null;
}

export const NOTHING: Spent = { started: 0, sent: 0, stages: [] };

export const readSpent = recordOf<Spent>({
  started: number,
  sent: number,
  stages: (value) => Object.entries(record(value)).map(([name, took]) => [name, number(took)]),
});

function readNotes(value: unknown): Notes {
  const sorted = new Map<string | null, Note[]>();
  for (const note of list(value).map(readNote)) {
    sorted.set(note.layer, [...(sorted.get(note.layer) ?? []), note]);
  }
  return sorted;
}

/** None where the bytes are no frame: a picture less in the list of layers is no reason to stop. */
function readOverview(value: unknown): Frame | null {
  const frame = frameIn(readBytes(value));
  return frame instanceof FrameError ? null : frame;
}

function readLimits(value: unknown): readonly [number, number] | null {
  const [lo, hi] = numbers(value);
  return lo < hi ? [lo, hi] : null;
}

function readPlace(value: unknown): Place | null {
  const it = record(value);
  // One that is missing or no number leaves fewer, and none as the last.
  const [k, x, y, columns] = numbers([it.k, it.x, it.y, it.columns]);
  return k > 0 && columns >= 0 ? { k, x, y, columns: Math.floor(columns), by: text(it.by) } : null;
}
