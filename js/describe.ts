/** Sentences about a layer and its values: the words of the view in one place. */

import type { Look } from "./atlas.js";
import { colorStops, type NamedColormap } from "./colormaps.js";
import { count, exactly, joined, perAxis, plain, times, withError } from "./format.js";
import { codeAt, dequantize, errorOf, FILTERS, type Frame, type View } from "./frame.js";
import type { Cell } from "./layout.js";
import { typedRange } from "./ranges.js";
import type { Scene } from "./scene.js";
import { planeOf } from "./slice.js";
import { bestOf, currentLayer, exactAt, pointedAt, type State } from "./state.js";
import type { Layer, ReceptiveField } from "./wire.js";

/** What all tiles are called. */
export const viewWord = (view: View): string => (view === FILTERS ? "filters" : "feature maps");

/** What one tile is called. */
export const tileWord = (view: View): string => (view === FILTERS ? "filter" : "channel");

/** `7×7 /2`: the kernel, and the stride where it is not 1. */
export function kernelText({ kernelSize, stride, dilation, groups }: Layer): string {
  return joined(
    [
      times(kernelSize),
      unlessOne("/", stride),
      unlessOne("dilation ", dilation),
      groups > 1 ? `${groups} groups` : "",
    ],
    " ",
  );
}

/** A size in each direction after a word; nothing where it is 1 in all. */
const unlessOne = (word: string, sizes: readonly number[]): string =>
  sizes.some((size) => size !== 1) ? word + perAxis(sizes) : "";

export const channelsText = ({ inChannels, outChannels }: Layer): string =>
  inChannels === null || outChannels === null ? "" : `${inChannels}→${outChannels}`;

/** The size of a call's maps: the output's shape without batch and channels. */
export function mapText({ outputShapes }: Layer, call = 0): string {
  const shape = outputShapes[call];
  return !shape || shape.length < 3 ? "" : times(shape.slice(2));
}

/** `call 2 of 5`, with the size of the call's maps where sizes differ. */
export function callText(layer: Layer, call: number): string {
  const size = mapText(layer, call);
  const differs = layer.outputShapes.some((_, other) => mapText(layer, other) !== size);
  return joined([`call ${call + 1} of ${layer.calls}`, differs ? size : ""]);
}

/** What of the input a value depends on: `sees 43×43 px, every 8`; empty where nothing is said of it. */
export function fieldText(layer: Layer, call: number): string {
  const { fieldReason } = layer;
  const field = fieldOf(layer, call);
  if (!field) return fieldReason && `receptive field unknown: ${fieldReason}`;
  if (field.whole) return "sees the whole input";
  if (field.size.length === 0) return "";
  const unit = ["values", "samples", "px"][field.size.length] ?? "values";
  return `sees ${times(field.size.map(short))} ${unit}${unlessOne(", every ", field.stride.map(short))}`;
}

/** Later calls may see more than the first. */
export const fieldOf = ({ receptiveField, receptiveFields }: Layer, call: number): ReceptiveField | null =>
  call < receptiveFields.length ? receptiveFields[call] : receptiveField;

/** What the numbers of a layer are, and where: `float32 on cpu`. */
export const storageText = ({ dtype, device }: Layer): string =>
  joined([dtype, device && `on ${device}`], " ");

/** All that is known of a layer, in one line. */
export const layerText = (layer: Layer, call = 0): string =>
  joined([
    typeText(layer),
    channelsText(layer),
    mapText(layer, call),
    fieldOf(layer, call) === null ? "" : fieldText(layer, call),
    ...costs(layer),
  ]);

export const typeText = (layer: Layer): string => joined([layer.type, kernelText(layer)], " ");

/** What a layer weighs and what a run of it takes: the numbers with these words. */
export const costs = (
  { parameters, macs, ran }: Layer,
  [weighs, takes] = [" parameters", " multiply-adds"],
): string[] => [
  parameters > 0 ? count(parameters) + weighs : "",
  macs === null || !ran ? "" : count(macs) + takes,
];

/** Where a value is: `channel 12 · row 40 · column 7`. */
export function placeText(
  { frame, order, arrangement, slice }: Scene,
  layer: Layer | null,
  cell: Cell,
): string {
  const channel = frame.channels[order[cell.position]];
  return joined([
    `${tileWord(frame.view)} ${channel}`,
    frame.view === FILTERS && arrangement !== "color" ? kernelPlace(layer, channel, cell.plane) : "",
    slice.depth > 1 ? `depth ${slice.at + 1} of ${slice.depth}` : "",
    frame.shape.height > 1 ? `row ${cell.row}` : "",
    `column ${cell.column}`,
  ]);
}

/** The value there, with how far it can be off; three of them for a filter that is shown in color. */
export function valueText(state: Readonly<State>, scene: Scene, cell: Cell): string {
  const { frame, order, arrangement, slice } = scene;
  const pointed = pointedAt(state);
  const exact = arrangement === "color" || !pointed ? null : exactAt(state, pointed);
  if (exact !== null) return `value ${exactly(exact, currentLayer(state)?.dtype ?? "")}`;
  const best = bestOf(state, frame, order[cell.position]);
  const at = (plane: number) => numberText(best.frame, best.tile, planeOf(slice, plane), cell);
  const value = arrangement === "color" ? colorText([at(0), at(1), at(2)]) : `value ${at(cell.plane)}`;
  const { factor } = best.frame;
  return factor > 1 ? `${value} · mean of ${blockText(best.frame)}` : value;
}

/** The planes of a tile have one error: it is written once, after the last that has one. */
function colorText(numbers: readonly string[]): string {
  const [values, errors] = [0, 1].map((part) => numbers.map((number) => number.split(" ± ")[part]));
  const [red, green, blue] = values;
  const error = errors.find((each) => each !== undefined);
  return `red ${red} · green ${green} · blue ${blue}${error === undefined ? "" : ` (each ± ${error})`}`;
}

/** How many values one code averages: `2×2`, or `1×2` for maps of one row. */
export const blockText = ({ factor, shape }: Frame): string =>
  times([Math.min(factor, shape.height), Math.min(factor, shape.width)]);

function numberText(frame: Frame, tile: number, plane: number, { row, column }: Cell): string {
  const value = dequantize(frame, tile, codeAt(frame, tile, plane, row, column));
  return Number.isNaN(value) ? "not finite" : withError(value, errorOf(frame, tile));
}

/** Which input channel a kernel reads. */
function kernelPlace(layer: Layer | null, channel: number, own: number): string {
  const [, inputs] = layer?.filtersShape ?? [];
  const group = layer?.outChannels ? Math.floor((channel * layer.groups) / layer.outChannels) : 0;
  return `input channel ${group * (inputs ?? 0) + own}`;
}

/** A size in pixels may be a fraction where the image was resized on the way. */
const short = (size: number): number => Number(size.toFixed(1));

/** What is said around a picture of the view: whose it is, and what its colors mean. */
export function describeView(
  state: Readonly<State>,
  { look }: Scene,
): { title: string; text: string; stops: string[] } {
  const { metadata, layer, view } = state;
  const { range } = look;
  const text = range ? `${plain(range.lo)} to ${plain(range.hi)}` : `each ${tileWord(view)} by its own range`;
  return {
    title: `${metadata.model} · ${layer} · ${viewWord(view)}`,
    text: joined([text, clipText(state)]),
    stops: colorStops(mapOf(look)),
  };
}

/** How many of the values the colors span; empty where it is all, and where the limits are typed. */
export const clipText = (state: Readonly<State>): string =>
  state.clip > 0 && !typedRange(state) ? `${plain(100 - 2 * state.clip)} % of the values` : "";

/** The map that the colors are of, or in which each of red, green and blue is. */
export const mapOf = ({ arrangement, colormap }: Look): NamedColormap =>
  arrangement === "color" ? "gray" : colormap;
