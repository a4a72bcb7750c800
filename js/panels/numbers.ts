import { fieldText, kernelText, storageText, tileWord } from "../describe.js";
import { element, setText } from "../dom.js";
import { count, percent, plain } from "../format.js";
import { codeAt, dequantize, FILTERS, type Frame, statistic, tileSize } from "../frame.js";
import { layerHistogram, tileHistogram } from "../histogram.js";
import { atEnd, listen } from "../listen.js";
import { isEmpty, layerRange, nonfiniteCount, tileRange } from "../ranges.js";
import { chosenTile, currentLayer, isWanted, pointedAt, type ViewerStore } from "../state.js";
import type { Layer } from "../wire.js";
import { createChart } from "./chart.js";
import { fold } from "./fold.js";

/** Milliseconds until the values of a whole layer are counted: first it is shown. */
const LATER = 80;

/** The numbers of the channel that is pointed at or picked, else of the layer, and how its values are spread. */
export function numbersPanel(store: ViewerStore, signal: AbortSignal): HTMLDetailsElement {
  const { element: panel, title, body } = fold("Layer");
  const table = element("dl", { class: "cnnvis-numbers" });
  const chart = createChart();
  const facts = element("p", { class: "cnnvis-note" });
  const values = element("button", { type: "button", class: "cnnvis-link" }, "Table of values");
  listen(values, "click", () => store.set({ sheet: "table" }), signal);
  body.append(table, chart.element, facts, values);

  let shown = "";
  let charted: Frame | null = null;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  function show(): void {
    const { state } = store;
    const frame = state.frame !== null && isWanted(state.frame, state) ? state.frame : null;
    const tile = frame === null ? -1 : chosenTile(state, frame);
    const key = `${tile} ${state.view}`;
    // A pointer that stays within a tile changes nothing but the mark.
    if (frame !== null && frame === charted && key === shown) {
      mark();
      return;
    }
    [charted, shown] = [frame, key];
    const word = tileWord(state.view);
    const isTile = frame !== null && tile >= 0;
    setText(title, isTile ? `${word[0].toUpperCase()}${word.slice(1)} ${frame.channels[tile]}` : "Layer");
    const rows = frame === null ? [] : isTile ? tileNumbers(frame, tile) : layerNumbers(frame);
    table.replaceChildren(
      ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    );
    clearTimeout(waiting);
    chart.element.toggleAttribute("hidden", frame === null);
    values.hidden = frame === null;
    if (isTile) chart.show(tileHistogram(frame, tile), `${word} ${frame.channels[tile]}`);
    else if (frame !== null)
      waiting = setTimeout(() => chart.show(layerHistogram(frame), "the layer"), LATER);
    mark();
    const layer = currentLayer(state);
    setText(facts, layer === null ? "" : factsOf(layer, state.call));
    facts.hidden = facts.textContent === "";
    panel.hidden = frame === null && facts.hidden;
  }

  function mark(): void {
    const { frame } = store.state;
    const pointed = pointedAt(store.state);
    const tile = frame === null || pointed === null ? -1 : frame.channels.indexOf(pointed.channel);
    const isKnown = frame !== null && pointed !== null && tile >= 0;
    chart.mark(
      isKnown
        ? dequantize(frame, tile, codeAt(frame, tile, pointed.plane, pointed.row, pointed.column))
        : null,
    );
  }

  store.later(
    ["frame", "channels", "hover", "layer", "view", "call", "batchIndex", "metadata"],
    show,
    signal,
  );
  atEnd(signal, () => clearTimeout(waiting));
  show();
  return panel;
}

/** What a value of the layer depends on, and what it is. */
function factsOf(layer: Layer, call: number): string {
  const overwritten = layer.inPlace === "" ? "" : `overwritten by ${layer.inPlace}`;
  const what = [layer.type, kernelText(layer)].filter(Boolean).join(" ");
  const size = layer.parameters > 0 ? `${count(layer.parameters)} parameters` : "";
  const work = layer.macs === null || !layer.ran ? "" : `${count(layer.macs)} multiply-adds`;
  return [what, size, work, fieldText(layer, call), storageText(layer), overwritten]
    .filter(Boolean)
    .join(" · ");
}

type Row = readonly [name: string, value: string];

function tileNumbers(frame: Frame, tile: number): Row[] {
  const { lo, hi } = tileRange(frame, tile);
  const [mean, std] = [statistic(frame, tile, "mean"), statistic(frame, tile, "std")];
  const bad = statistic(frame, tile, "nonfinite");
  const isFilter = frame.view === FILTERS;
  return [
    ...extremes(frame, isEmpty(frame, tile) ? null : { lo, hi }),
    ...(isFilter ? [["norm", plain(Math.hypot(mean, std) * Math.sqrt(tileSize(frame.shape)))] as const] : []),
    ["mean", plain(mean)],
    ["deviation", plain(std)],
    ["zeros", percent(statistic(frame, tile, "zeros"))],
    ...(frame.bias === null ? [] : [["bias", plain(frame.bias[tile])] as const]),
    ...(bad > 0 ? [["not finite", count(bad)] as const] : []),
  ];
}

function layerNumbers(frame: Frame): Row[] {
  const bad = nonfiniteCount(frame);
  const all = Array.from({ length: frame.tiles }, (_, tile) => tile);
  const dead = all.filter((tile) => statistic(frame, tile, "zeros") === 1).length;
  return [
    ...extremes(frame, layerRange(frame, false)),
    ["mean", plain(average(all.map((tile) => statistic(frame, tile, "mean"))))],
    ["zeros", percent(average(all.map((tile) => statistic(frame, tile, "zeros"))))],
    ["all-zero", String(dead)],
    ...(bad > 0 ? [["not finite", count(bad)] as const] : []),
  ];
}

// The bounds of filters are symmetric: they tell the largest weight, not the least and the greatest.
function extremes(frame: Frame, range: { lo: number; hi: number } | null): Row[] {
  if (frame.view === FILTERS) return [["largest |w|", range === null ? "–" : plain(range.hi)]];
  return [
    ["min", range === null ? "–" : plain(range.lo)],
    ["max", range === null ? "–" : plain(range.hi)],
  ];
}

function average(values: number[]): number {
  const known = values.filter((value) => Number.isFinite(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
