import { costs, fieldText, storageText, tileWord, typeText } from "../describe.js";
import { button, definitions, element, setAttributes, setText } from "../dom.js";
import { capitalized, count, joined, percent, plain } from "../format.js";
import { codeAt, dequantize, FILTERS, type Frame, statistic, tileOf, tileSize } from "../frame.js";
import { layerHistogram, tileHistogram } from "../histogram.js";
import { createTimer } from "../listen.js";
import { isEmpty, layerRange, nonfiniteCount, type Range, tileRange } from "../ranges.js";
import {
  chosenTile,
  currentLayer,
  isWanted,
  pointedAt,
  type State,
  type ViewerStore,
  WANTED,
} from "../state.js";
import { upTo } from "../upto.js";
import type { Layer } from "../wire.js";
import { createChart } from "./chart.js";
import { fold } from "./fold.js";

/** Milliseconds until the values of a whole layer are counted: first it is shown. */
const LATER = 80;

/** The numbers of the channel that is pointed at or picked, else of the layer, and how its values are spread. */
export function numbersPanel(store: ViewerStore, signal: AbortSignal): HTMLDetailsElement {
  const { element: panel, title, body } = fold("Layer");
  const table = element("dl.numbers");
  const chart = createChart();
  const facts = element("p.note");
  const values = button("link", "Table of values", () => store.set({ sheet: "table" }), signal);
  body.append(table, chart.element, facts, values);

  let shown = "";
  let charted: Frame | null = null;
  const wait = createTimer(signal);

  function show(state: Readonly<State>): void {
    const frame = isWanted(state.frame, state) ? state.frame : null;
    const tile = frame ? chosenTile(state, frame) : -1;
    const key = `${tile} ${state.view}`;
    // A pointer that stays within a tile changes nothing but the mark.
    if (!frame || frame !== charted || key !== shown) {
      [charted, shown] = [frame, key];
      showNumbers(state, frame, tile);
    }
    mark(state);
  }

  function showNumbers(state: Readonly<State>, frame: Frame | null, tile: number): void {
    const isTile = frame !== null && tile >= 0;
    const name = isTile ? `${tileWord(state.view)} ${frame.channels[tile]}` : "layer";
    setText(title, capitalized(name));
    const rows = !frame ? [] : isTile ? tileNumbers(frame, tile) : layerNumbers(frame);
    table.replaceChildren(...definitions(rows.filter(([, value]) => value)));
    wait();
    setAttributes(chart.element, { hidden: !frame });
    values.hidden = !frame;
    if (isTile) chart.show(tileHistogram(frame, tile), name);
    else if (frame) wait(() => chart.show(layerHistogram(frame), "the layer"), LATER);
    const layer = currentLayer(state);
    const text = layer ? factsOf(layer, state.call) : "";
    setText(facts, text);
    facts.hidden = !text;
    panel.hidden = !frame && !text;
  }

  function mark(state: Readonly<State>): void {
    const { frame } = state;
    const pointed = pointedAt(state);
    const tile = frame && pointed ? tileOf(frame, pointed.channel) : -1;
    const isKnown = frame && pointed && tile >= 0;
    chart.mark(
      isKnown
        ? dequantize(frame, tile, codeAt(frame, tile, pointed.plane, pointed.row, pointed.column))
        : Number.NaN,
    );
  }

  store.later([...WANTED, "frame", "channels", "hover"], show, signal);
  return panel;
}

/** What a value of the layer depends on, and what it is. */
function factsOf(layer: Layer, call: number): string {
  const overwritten = layer.inPlace && `overwritten by ${layer.inPlace}`;
  return joined([typeText(layer), ...costs(layer), fieldText(layer, call), storageText(layer), overwritten]);
}

/** An empty value is not shown. */
type Row = readonly [name: string, value: string];

function tileNumbers(frame: Frame, tile: number): Row[] {
  const [mean, std, zeros, bad] = (["mean", "std", "zeros", "nonfinite"] as const).map((name) =>
    statistic(frame, tile, name),
  );
  const isFilter = frame.view === FILTERS;
  return [
    ...extremes(frame, isEmpty(frame, tile) ? NOWHERE : tileRange(frame, tile)),
    ["norm", isFilter ? plain(Math.hypot(mean, std) * Math.sqrt(tileSize(frame.shape))) : ""],
    ["mean", plain(mean)],
    ["deviation", plain(std)],
    ["zeros", percent(zeros)],
    ["bias", frame.bias ? plain(frame.bias[tile]) : ""],
    ["not finite", bad > 0 ? count(bad) : ""],
  ];
}

function layerNumbers(frame: Frame): Row[] {
  const bad = nonfiniteCount(frame);
  const [means, zeros] = (["mean", "zeros"] as const).map((name) =>
    upTo(frame.tiles, (tile) => statistic(frame, tile, name)),
  );
  return [
    ...extremes(frame, layerRange(frame, false)),
    ["mean", plain(average(means))],
    ["zeros", percent(average(zeros))],
    ["all-zero", String(zeros.filter((share) => share === 1).length)],
    ["not finite", bad > 0 ? count(bad) : ""],
  ];
}

/** Of a tile without finite values. */
const NOWHERE: Range = { lo: Number.NaN, hi: Number.NaN };

// The bounds of filters are symmetric: they tell the largest weight, not the least and the greatest.
const extremes = ({ view }: Frame, { lo, hi }: Range): Row[] =>
  view === FILTERS
    ? [["largest |w|", plain(hi)]]
    : [
        ["min", plain(lo)],
        ["max", plain(hi)],
      ];

function average(values: number[]): number {
  const known = values.filter((value) => Number.isFinite(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
