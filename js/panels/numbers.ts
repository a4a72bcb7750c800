import { costs, fieldText, storageText, tileWord, typeText } from "../describe.js";
import { button, element, setAttributes, setText } from "../dom.js";
import { count, joined, percent, plain } from "../format.js";
import { codeAt, dequantize, FILTERS, type Frame, statistic, tileOf, tileSize } from "../frame.js";
import { layerHistogram, tileHistogram } from "../histogram.js";
import { createTimer } from "../listen.js";
import { isEmpty, layerRange, nonfiniteCount, tileRange } from "../ranges.js";
import { chosenTile, currentLayer, isWanted, pointedAt, type ViewerStore, WANTED } from "../state.js";
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

  function show(): void {
    const { state } = store;
    const frame = isWanted(state.frame, state) ? state.frame : null;
    const tile = frame ? chosenTile(state, frame) : -1;
    const key = `${tile} ${state.view}`;
    // A pointer that stays within a tile changes nothing but the mark.
    if (frame && frame === charted && key === shown) {
      mark();
      return;
    }
    [charted, shown] = [frame, key];
    const word = tileWord(state.view);
    const isTile = frame !== null && tile >= 0;
    setText(title, isTile ? `${word[0].toUpperCase()}${word.slice(1)} ${frame.channels[tile]}` : "Layer");
    const rows = !frame ? [] : isTile ? tileNumbers(frame, tile) : layerNumbers(frame);
    const known = rows.filter(([, value]) => value !== "");
    table.replaceChildren(
      ...known.map(([name, value]) => element("div", element("dt", name), element("dd", value))),
    );
    wait();
    setAttributes(chart.element, { hidden: !frame });
    values.hidden = !frame;
    if (isTile) chart.show(tileHistogram(frame, tile), `${word} ${frame.channels[tile]}`);
    else if (frame) wait(() => chart.show(layerHistogram(frame), "the layer"), LATER);
    mark();
    const layer = currentLayer(state);
    setText(facts, layer ? factsOf(layer, state.call) : "");
    facts.hidden = facts.textContent === "";
    panel.hidden = !frame && facts.hidden;
  }

  function mark(): void {
    const { frame } = store.state;
    const pointed = pointedAt(store.state);
    const tile = !frame || !pointed ? -1 : tileOf(frame, pointed.channel);
    const isKnown = frame !== null && pointed !== null && tile >= 0;
    chart.mark(
      isKnown
        ? dequantize(frame, tile, codeAt(frame, tile, pointed.plane, pointed.row, pointed.column))
        : null,
    );
  }

  store.later([...WANTED, "frame", "channels", "hover"], show, signal);
  return panel;
}

/** What a value of the layer depends on, and what it is. */
function factsOf(layer: Layer, call: number): string {
  const overwritten = layer.inPlace === "" ? "" : `overwritten by ${layer.inPlace}`;
  return joined([typeText(layer), ...costs(layer), fieldText(layer, call), storageText(layer), overwritten]);
}

/** An empty value is not shown. */
type Row = readonly [name: string, value: string];

function tileNumbers(frame: Frame, tile: number): Row[] {
  const { lo, hi } = tileRange(frame, tile);
  const [mean, std] = [statistic(frame, tile, "mean"), statistic(frame, tile, "std")];
  const bad = statistic(frame, tile, "nonfinite");
  const isFilter = frame.view === FILTERS;
  return [
    ...extremes(frame, isEmpty(frame, tile) ? null : { lo, hi }),
    ["norm", isFilter ? plain(Math.hypot(mean, std) * Math.sqrt(tileSize(frame.shape))) : ""],
    ["mean", plain(mean)],
    ["deviation", plain(std)],
    ["zeros", percent(statistic(frame, tile, "zeros"))],
    ["bias", frame.bias ? plain(frame.bias[tile]) : ""],
    ["not finite", bad > 0 ? count(bad) : ""],
  ];
}

function layerNumbers(frame: Frame): Row[] {
  const bad = nonfiniteCount(frame);
  const all = upTo(frame.tiles, (tile) => tile);
  const dead = all.filter((tile) => statistic(frame, tile, "zeros") === 1).length;
  return [
    ...extremes(frame, layerRange(frame, false)),
    ["mean", plain(average(all.map((tile) => statistic(frame, tile, "mean"))))],
    ["zeros", percent(average(all.map((tile) => statistic(frame, tile, "zeros"))))],
    ["all-zero", String(dead)],
    ["not finite", bad > 0 ? count(bad) : ""],
  ];
}

// The bounds of filters are symmetric: they tell the largest weight, not the least and the greatest.
function extremes(frame: Frame, range: { lo: number; hi: number } | null): Row[] {
  if (frame.view === FILTERS) return [["largest |w|", range ? plain(range.hi) : "–"]];
  return [
    ["min", range ? plain(range.lo) : "–"],
    ["max", range ? plain(range.hi) : "–"],
  ];
}

function average(values: number[]): number {
  const known = values.filter((value) => Number.isFinite(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
