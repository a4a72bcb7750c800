import { FEATURE_MAPS, FILTERS, type Frame, type FrameKey, keyOf, tileOf } from "./frame.js";
import type { Cell } from "./layout.js";
import type { Scene } from "./scene.js";
import { depthOf, planeOf, type Slice } from "./slice.js";
import type { Source } from "./source.js";
import type { Times } from "./stages.js";
import { Store } from "./store.js";
import type { Appearance } from "./theme.js";
import type { Trail } from "./trail.js";
import type { Transform } from "./transform.js";
import { type Layer, NOTHING, type Place, type Synced, type ValuesRequest } from "./wire.js";

export type Status =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "empty" | "error"; readonly text: string };

/** CSS pixels, and how many device pixels are one of them. */
export interface Viewport {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

/** What one view of the widget knows for itself. */
export interface Local {
  /** The frame on the screen; while another one loads, still the last. */
  readonly frame: Frame | null;
  /** The layer that may be picked next, as the pointer is on it; empty when none is. */
  readonly ahead: string;
  /** When the frame came. */
  readonly came: Pick<Times, "asked" | "arrived" | "decoded" | "spent">;
  /** Of the frame that is painted, all of it; null: none is. */
  readonly times: Times | null;
  readonly status: Status;
  readonly viewport: Viewport;
  /** How the frame lies on the screen; null without frame or room. */
  readonly scene: Scene | null;
  /** Where the user moved the picture; null while all of it is shown. */
  readonly transform: Transform | null;
  /** The value under the pointer. */
  readonly hover: Cell | null;
  /** Full-resolution frames by channel, of what is on the screen. */
  readonly details: ReadonlyMap<number, Detail>;
  /** Exact values of a part of a tile, of what was pointed at last. */
  readonly exact: Exact | null;
  readonly connection: Connection;
  /** What lies over the picture. */
  readonly sheet: Sheet;
  /** Text that the browser keeps from the clipboard, to be copied by hand. */
  readonly text: string;
  /** Where the view is to go as soon as the frame of that key is there. */
  readonly arriving: { readonly place: Place; readonly key: string } | null;
  /** What was looked at before, and after going back. */
  readonly trail: Trail;
  /** Whether the keys move the cell under the cursor, and not the picked tile. */
  readonly inCells: boolean;
  readonly panels: Panels;
  /** What was just done, in a sentence; empty when that is long ago. */
  readonly toast: string;
  readonly appearance: Appearance;
}

export interface Detail {
  readonly frame: Frame;
  readonly tile: number;
  readonly byteLength: number;
}

/** Exact values of a part of one plane of a tile. */
export interface Exact extends Pick<ValuesRequest, "channel" | "plane" | "rows" | "columns"> {
  readonly of: FrameKey;
  readonly values: Float64Array;
}

export type Sheet = "none" | "help" | "table" | "text";

/**
 * Whether the kernel answers: "slow" when a question waits, "lost" when the host says that it left, "gone" when it
 * did not answer since.
 */
export type Connection = "ok" | "slow" | "lost" | "gone";

/** Which panels are shown beside the picture. */
export interface Panels {
  readonly layers: boolean;
  readonly inspector: boolean;
}

export type State = Synced & Local;
export type ViewerStore = Store<State>;

export function viewerStore(synced: Synced): ViewerStore {
  const { place } = synced;
  return new Store<State>({
    ...synced,
    frame: null,
    ahead: "",
    came: { asked: 0, arrived: 0, decoded: 0, spent: NOTHING },
    times: null,
    status: { kind: "loading" },
    viewport: { width: 0, height: 0, ratio: 1 },
    scene: null,
    transform: null,
    hover: null,
    details: new Map(),
    exact: null,
    connection: "ok",
    sheet: "none",
    text: "",
    arriving: place && { place, key: keyOf(wanted(synced)) },
    trail: { visits: [], at: -1 },
    inCells: false,
    panels: { layers: true, inspector: true },
    toast: "",
    appearance: "light",
  });
}

/** Shows a panel that is folded, or folds it. */
export function foldPanel(store: ViewerStore, panel: keyof Panels): void {
  const { panels } = store.state;
  store.set({ panels: { ...panels, [panel]: !panels[panel] } });
}

export const currentLayer = ({ metadata, layer }: Pick<State, "metadata" | "layer">): Layer | null =>
  metadata.layers.find(({ name }) => name === layer) ?? null;

/** The frame that the shared state asks for. */
export const wanted = ({ generation, layer, view, call, batchIndex }: Readonly<Synced>): FrameKey => ({
  generation,
  layer,
  view,
  call,
  image: batchIndex,
});

/** The parts of the state that it depends on. */
export const WANTED = ["metadata", "generation", "layer", "view", "call", "batchIndex"] as const;

export const isWanted = (frame: Frame | null, state: Readonly<State>): frame is Frame =>
  frame !== null && keyOf(frame) === keyOf(wanted(state));

/** The scene, when it is of what is wanted: of another one nothing is read. */
export function readable(state: Readonly<State>): Scene | null {
  const { scene } = state;
  return scene && isWanted(scene.frame, state) ? scene : null;
}

/** The best that is known of a tile of the current frame: its detail, or the frame itself. */
export const bestOf = (
  { details }: Readonly<State>,
  frame: Frame,
  tile: number,
): { frame: Frame; tile: number } => details.get(frame.channels[tile]) ?? { frame, tile };

/** The transform in use. */
export const currentTransform = ({ transform, scene }: Readonly<State>): Transform | null =>
  transform ?? scene?.limits.fit ?? null;

/** Filters of the first convolution, over the three channels of an image, are pictures in color. */
export function areColorFilters(frame: Frame, { metadata }: Readonly<State>): boolean {
  if (frame.view !== FILTERS) return false;
  const first = metadata.layers.find(({ kind }) => kind === "conv");
  if (first?.name !== frame.layer || first.inChannels !== 3) return false;
  const [, inputs, ...kernel] = first.filtersShape ?? [];
  return inputs === 3 && kernel.length >= 2;
}

/** The slice of a frame that is shown: the one asked for, or the last where there are fewer. */
export function sliceOf(frame: Frame, { metadata, slice }: Readonly<State>): Slice {
  const depth = depthOf(frame, currentLayer({ metadata, layer: frame.layer })?.filtersShape ?? []);
  return { depth, at: Math.min(slice, depth - 1) };
}

/** Whether the source has the feature maps of the current layer for an image, or for one of its calls. */
export const isHeld = (source: Source, state: Readonly<State>, image: number, call = state.call): boolean =>
  source.holds({ ...wanted(state), view: FEATURE_MAPS, image, call });

/** How many tiles of the frame are not shown, because they are of one value or others are compared. */
export function hiddenCount(frame: Frame, { scene, hide, viewport }: Readonly<State>): number {
  if (scene) return frame.tiles - scene.order.length;
  return hide !== "none" && viewport.width > 0 ? frame.tiles : 0;
}

/** The cell that is pointed at, as a place in its layer. */
export interface Pointed {
  readonly of: Frame;
  readonly channel: number;
  readonly plane: number;
  readonly row: number;
  readonly column: number;
}

export function pointedAt({ scene, hover }: Readonly<State>, plane = hover?.plane ?? 0): Pointed | null {
  if (!scene || !hover) return null;
  const { frame: of, order, slice } = scene;
  const { row, column } = hover;
  const channel = of.channels[order[hover.position]];
  return { of, channel, plane: planeOf(slice, plane), row, column };
}

/** The exact value of a place where it is known. */
export function exactAt(
  { exact }: Readonly<State>,
  { of, channel, plane, row, column }: Pointed,
): number | null {
  if (exact?.channel !== channel || exact.plane !== plane || keyOf(exact.of) !== keyOf(of)) return null;
  const [top, bottom] = exact.rows;
  const [left, right] = exact.columns;
  if (row < top || row >= bottom || column < left || column >= right) return null;
  return exact.values[(row - top) * (right - left) + column - left];
}

/** What is pointed at and not known exactly; colors of three planes stay as they are. */
export function exactWanted(state: Readonly<State>): Pointed | null {
  const scene = readable(state);
  const pointed = scene && scene.arrangement !== "color" ? pointedAt(state) : null;
  return pointed && exactAt(state, pointed) === null ? pointed : null;
}

/** The tile that is pointed at, else the one picked last; -1 for none. */
export function chosenTile(state: Readonly<State>, frame: Frame): number {
  const pointed = pointedAt(state);
  if (pointed?.of === frame) return tileOf(frame, pointed.channel);
  const channel = state.channels.at(-1);
  return channel === undefined ? -1 : tileOf(frame, channel);
}
