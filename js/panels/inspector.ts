import { kindText, ranked, toneOf } from "../badges.js";
import { fieldText, storageText, tileWord } from "../describe.js";
import { element, setText } from "../dom.js";
import { count, percent, plain, times } from "../format.js";
import { FILTERS, type Frame, statistic } from "../frame.js";
import { isEmpty, layerRange, nonfiniteCount, tileRange } from "../ranges.js";
import type { Source } from "../source.js";
import { currentLayer, isWanted, type ViewerStore } from "../state.js";
import type { Layer, Note } from "../wire.js";
import { thumbnailsPanel } from "./thumbnails.js";

/** CSS pixels: a narrower view starts with the inspector folded. */
const NARROW = 640;

/** What the model saw and said, the numbers of the picked channel, and what there is to note. */
export function inspectorPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const numbers = fold("Layer");
  const table = element("dl", { class: "cnnvis-numbers" });
  const facts = element("p", { class: "cnnvis-note" });
  numbers.body.append(table, facts);

  const input = fold("Input");
  const image = element("img", { class: "cnnvis-picture", alt: "What the model saw" });
  const shape = element("span", { class: "cnnvis-shape" });
  input.summary.append(shape);
  const preprocessing = element("p", { class: "cnnvis-note" });
  const predictions = element("ol", { class: "cnnvis-predictions", "aria-label": "Predictions" });
  const remarks = element("ul", { class: "cnnvis-notes" });
  const answer = element("div", { class: "cnnvis-input" }, image, predictions);
  input.body.append(thumbnailsPanel(store, source, signal), answer, preprocessing, remarks);

  const notes = fold("Notes");
  const noteList = element("ul", { class: "cnnvis-notes" });
  notes.body.append(noteList);

  const panel = element(
    "aside",
    { class: "cnnvis-inspector", "aria-label": "Inspector" },
    numbers.element,
    input.element,
    notes.element,
  );

  function showNumbers(): void {
    const { state } = store;
    const frame = state.frame !== null && isWanted(state.frame, state) ? state.frame : null;
    const channel = state.channels.at(-1);
    const tile = frame === null || channel === undefined ? -1 : frame.channels.indexOf(channel);
    const isPicked = frame !== null && tile >= 0;
    const word = tileWord(state.view);
    setText(numbers.title, isPicked ? `${word[0].toUpperCase()}${word.slice(1)} ${channel}` : "Layer");
    const rows = frame === null ? [] : isPicked ? tileNumbers(frame, tile) : layerNumbers(frame);
    table.replaceChildren(
      ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    );
    const layer = currentLayer(state);
    setText(facts, layer === null ? "" : factsOf(layer, state.call));
    facts.hidden = facts.textContent === "";
    numbers.element.hidden = frame === null && facts.hidden;
  }

  function showInput(): void {
    const { metadata, picture, seen, batchIndex } = store.state;
    image.hidden = picture === "";
    if (picture === "") image.removeAttribute("src");
    else if (image.getAttribute("src") !== picture) image.src = picture;
    const { images } = metadata.input;
    setText(input.title, images > 1 && picture !== "" ? `Image ${batchIndex + 1} of ${images}` : "Input");
    setText(shape, times(metadata.input.shape));
    // Until the kernel has answered, these are of the image before.
    answer.classList.toggle("cnnvis-stale", seen.image !== batchIndex);
    setText(preprocessing, metadata.input.preprocessing);
    predictions.hidden = seen.predictions.length === 0;
    predictions.replaceChildren(
      ...seen.predictions.slice(0, 5).map(({ label, probability }) => {
        const bar = element("i", {});
        bar.style.width = `${Math.min(1, Math.max(0, probability)) * 100}%`;
        const text = element("span", { class: "cnnvis-label" }, label);
        text.title = label;
        return element("li", {}, text, element("span", { class: "cnnvis-odds" }, percent(probability)), bar);
      }),
    );
    answer.hidden = image.hidden && predictions.hidden;
    // The sentence on the preprocessing stands above them.
    const { preprocessing: said } = metadata.input;
    const more = ranked(metadata.notesOf.get(null) ?? []).filter(({ text }) => text !== said);
    remarks.replaceChildren(...more.map((note) => noteItem(note, null)));
    remarks.hidden = more.length === 0;
    input.element.hidden = picture === "" && metadata.input.shape.length === 0 && more.length === 0;
  }

  function showNotes(): void {
    const { metadata, layer } = store.state;
    const own = ranked(metadata.notesOf.get(layer) ?? []);
    noteList.replaceChildren(...own.map((note) => noteItem(note, currentLayer(store.state))));
    notes.element.hidden = own.length === 0;
  }

  const first = new AbortController();
  store.on(
    ["viewport"],
    () => {
      if (panel.offsetWidth === 0) return;
      first.abort();
      const root = panel.closest<HTMLElement>(".cnnvis");
      if (root !== null && root.clientWidth < NARROW) input.element.open = notes.element.open = false;
    },
    first.signal,
  );
  signal.addEventListener("abort", () => first.abort(), { once: true });
  store.on(["frame", "channels", "layer", "view", "call", "batchIndex", "metadata"], showNumbers, signal);
  store.on(["metadata", "picture", "seen", "batchIndex"], showInput, signal);
  store.on(["metadata", "layer"], showNotes, signal);
  showNumbers();
  showInput();
  showNotes();
  return panel;
}

/** What a value of the layer depends on, and what it is. */
function factsOf(layer: Layer, call: number): string {
  const overwritten = layer.inPlace === "" ? "" : `overwritten by ${layer.inPlace}`;
  return [fieldText(layer, call), storageText(layer), overwritten].filter(Boolean).join(" · ");
}

function noteItem({ kind, text }: Note, layer: Layer | null): HTMLElement {
  const word = element("span", { class: "cnnvis-kind", "data-tone": toneOf(kind) }, kindText(kind, layer));
  return element("li", {}, word, " ", text);
}

type Row = readonly [name: string, value: string];

function tileNumbers(frame: Frame, tile: number): Row[] {
  const { lo, hi } = tileRange(frame, tile);
  const bad = statistic(frame, tile, "nonfinite");
  return [
    ...extremes(frame, isEmpty(frame, tile) ? null : { lo, hi }),
    ["mean", plain(statistic(frame, tile, "mean"))],
    ["deviation", plain(statistic(frame, tile, "std"))],
    ["zeros", percent(statistic(frame, tile, "zeros"))],
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

interface Fold {
  readonly element: HTMLDetailsElement;
  readonly summary: HTMLElement;
  readonly title: HTMLElement;
  readonly body: HTMLElement;
}

function fold(name: string): Fold {
  const title = element("span", {}, name);
  const summary = element("summary", {}, title);
  const body = element("div", { class: "cnnvis-fold-body" });
  return {
    element: element("details", { class: "cnnvis-fold", open: true }, summary, body),
    summary,
    title,
    body,
  };
}
