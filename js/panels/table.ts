import { tileWord } from "../describe.js";
import { element, setText } from "../dom.js";
import { exactly, plain, times, withError } from "../format.js";
import type { Frame } from "../frame.js";
import { planeOf } from "../slice.js";
import type { Source } from "../source.js";
import { chosenTile, currentLayer, isWanted, pointedAt, type State, type ViewerStore } from "../state.js";
import { type TileValues, tileValues } from "../tilevalues.js";
import { upTo } from "../upto.js";
import { sheetPanel } from "./sheet.js";
import { createStepper } from "./stepper.js";

/** Rows and columns that are shown at once. */
const SIDE = 32;

/** The values of one tile as a table: what the picture shows, for who reads rather than sees. */
export function tablePanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const caption = element("caption");
  const head = element("thead");
  const body = element("tbody");
  const planes = createStepper("kernel", (plane) => show({ plane }), signal);
  const rows = createStepper("block of rows", (index) => show({ top: index * SIDE }), signal);
  const columns = createStepper("block of columns", (index) => show({ left: index * SIDE }), signal);
  const panel = sheetPanel(
    store,
    "table",
    "Values",
    signal,
    element("div.blocks", planes.element, rows.element, columns.element),
    element("table.table", caption, head, body),
  );
  let at: { frame: Frame; tile: number; plane: number; top: number; left: number } | null = null;
  let asked = 0;

  function open(state: Readonly<State>): void {
    const { frame, scene } = state;
    if (state.sheet !== "table") return;
    if (!scene || !isWanted(frame, state)) {
      store.set({ sheet: "none", toast: "There are no values to show." });
      return;
    }
    const pointed = pointedAt(state);
    const block = (index: number) => Math.floor(index / SIDE) * SIDE;
    at = {
      frame,
      tile: Math.max(chosenTile(state, frame), 0),
      plane: pointed?.plane ?? planeOf(scene.slice, 0),
      top: block(pointed?.row ?? 0),
      left: block(pointed?.column ?? 0),
    };
    show({});
  }

  function show(change: { plane?: number; top?: number; left?: number }): void {
    if (!at) return;
    at = { ...at, ...change };
    const { frame, tile, plane, top, left } = at;
    const { planes: depth, height, width } = frame.shape;
    const upToSide = (start: number, count: number) => [start, Math.min(start + SIDE, count)] as const;
    const blocks = (count: number, word: string) =>
      upTo(Math.ceil(count / SIDE), (i) => {
        const [start, stop] = upToSide(i * SIDE, count);
        return `${word} ${start}–${stop - 1}`;
      });
    planes.show(
      plane,
      upTo(depth, (i) => `kernel ${i} of ${depth}`),
    );
    rows.show(top / SIDE, blocks(height, "rows"));
    columns.show(left / SIDE, blocks(width, "columns"));
    const mine = ++asked;
    const part = {
      channel: frame.channels[tile],
      plane,
      rows: upToSide(top, height),
      columns: upToSide(left, width),
    } as const;
    void tileValues(store.state, frame, source, part, signal).then((values) => {
      // By now another block may be wanted.
      if (mine === asked && !signal.aborted) fill(frame, part.channel, values);
    });
  }

  function fill(frame: Frame, channel: number, { rows, columns, values, error, factor }: TileValues): void {
    const dtype = currentLayer(store.state)?.dtype ?? "";
    const { height, width } = frame.shape;
    const means = factor > 1 ? `, means of ${factor}×${factor}` : "";
    const about = error > 0 ? `each off by at most ${plain(error)}${means}` : "exact";
    setText(
      caption,
      `${frame.layer} · ${tileWord(frame.view)} ${channel} · ${times([height, width])} · ${about}`,
    );
    const numbered = (scope: "row" | "col", [start, stop]: readonly [number, number]) =>
      upTo(stop - start, (i) => element("th", { scope }, String(start + i)));
    const across = numbered("col", columns);
    const cell = (value: number) =>
      error > 0 ? withError(value, error).split(" ")[0] : exactly(value, dtype);
    head.replaceChildren(element("tr", element("td"), ...across));
    body.replaceChildren(
      ...numbered("row", rows).map((name, i) =>
        element("tr", name, ...across.map((_, j) => element("td", cell(values[i * across.length + j])))),
      ),
    );
  }

  store.on(["sheet"], open, signal);
  return panel;
}
