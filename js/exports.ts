import { describeView } from "./describe.js";
import { element } from "./dom.js";
import { saveFile } from "./files.js";
import { FONT } from "./font.js";
import type { Frame } from "./frame.js";
import type { Actions } from "./keys.js";
import { arrange } from "./layout.js";
import { createPainter, paletteOf } from "./painter.js";
import type { Scene } from "./scene.js";
import { planeOf } from "./slice.js";
import type { Source } from "./source.js";
import { chosenTile, currentLayer, isWanted, pointedAt, type State, type ViewerStore } from "./state.js";
import { MOST, tileValues } from "./tilevalues.js";
import { numpyText, tsv } from "./valuetext.js";

/** Pixels that the smallest side of a copied tile has at least. */
const LEAST = 256;
/** CSS pixels of the lines above and below a saved picture. */
const MARGIN = { above: 34, below: 40 };

/** What leaves the view: values as text, a tile as a picture, all that is seen as a picture. */
export function exportsOf(
  store: ViewerStore,
  source: Source,
  canvas: HTMLCanvasElement,
  signal: AbortSignal,
): Pick<Actions, "copyValues" | "copyPicture" | "savePicture"> {
  const say = (toast: string) => !signal.aborted && store.set({ toast });

  /** The tile that is meant, or a word on how to mean one. */
  function chosen(): { frame: Frame; tile: number } | null {
    const { frame } = store.state;
    const tile = isWanted(frame, store.state) ? chosenTile(store.state, frame) : -1;
    if (frame && tile >= 0) return { frame, tile };
    say("Pick a tile first.");
    return null;
  }

  async function copyValues(how: "tsv" | "numpy"): Promise<void> {
    const it = chosen();
    const { state } = store;
    if (!it || !state.scene) return;
    const { frame, tile } = it;
    const plane = pointedAt(state)?.plane ?? planeOf(state.scene.slice, 0);
    const { height, width } = frame.shape;
    const part = { channel: frame.channels[tile], plane, rows: [0, height], columns: [0, width] } as const;
    if (height * width > MOST) say(`Reading ${height}×${width} values…`);
    const values = await tileValues(state, frame, source, part, signal);
    const text = (how === "tsv" ? tsv : numpyText)(values, currentLayer(state)?.dtype ?? "");
    const off = values.error > 0 ? `, each off by at most ${values.error.toPrecision(2)}` : "";
    const isCopied = (await worked(() => navigator.clipboard.writeText(text))) || copySelected(text);
    if (isCopied) say(`Copied ${height}×${width} values${off}.`);
    else if (!signal.aborted) store.set({ sheet: "text", text });
  }

  async function copyPicture(): Promise<void> {
    const it = chosen();
    const { state } = store;
    if (!it || !state.scene) return;
    const { frame, tile } = it;
    const picture = tilePicture(state, state.scene, frame, tile);
    const blob = picture && (await pngOf(picture));
    if (!blob) return;
    const isCopied = await worked(() =>
      navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]),
    );
    if (!isCopied) saveFile(blob, `${nameOf(frame)}-${frame.channels[tile]}.png`);
    say(
      isCopied
        ? "Copied the tile as a picture."
        : "The clipboard is out of reach: saved as a file, where the page may.",
    );
  }

  async function savePicture(ratio: number): Promise<void> {
    const { state } = store;
    const { scene } = state;
    if (!scene) return;
    const picture = await viewPicture(state, scene, canvas, ratio);
    const blob = picture && (await pngOf(picture));
    if (!blob) return;
    saveFile(blob, `${nameOf(scene.frame)}@${ratio}x.png`);
    say(`Saved ${picture.width}×${picture.height} pixels.`);
  }

  const safely =
    <A extends unknown[]>(act: (...args: A) => Promise<void>) =>
    (...args: A): void => {
      act(...args).catch((error: unknown) =>
        say(`That did not work: ${error instanceof Error ? error.message : error}`),
      );
    };
  return {
    copyValues: safely(copyValues),
    copyPicture: safely(copyPicture),
    savePicture: safely(savePicture),
  };
}

/** One tile alone, each of its cells a whole number of pixels. */
function tilePicture(
  state: Readonly<State>,
  scene: Scene,
  frame: Frame,
  tile: number,
): HTMLCanvasElement | null {
  const { planes, rows, width, rowHeight, block } = scene.layout;
  const layout = arrange(
    { tiles: 1, planes, height: rows, width },
    1,
    frame.factor,
    scene.arrangement,
    block,
    1,
  );
  const { world } = layout;
  const k = Math.max(1, Math.ceil(LEAST / Math.min(world.width, world.height * rowHeight)));
  const size = { width: Math.round(world.width * k), height: Math.round(world.height * k) };
  const alone: State = {
    ...state,
    scene: { ...scene, layout, order: Int32Array.of(tile) },
    transform: { k, x: 0, y: 0 },
    overlay: 0,
  };
  const canvas = element("canvas", size);
  const context = canvas.getContext("2d");
  if (!context) return null;
  createPainter(() => {}).drawTiles(context, alone, { ...size, ratio: 1 });
  return canvas;
}

/** What is seen, with a line above that says what it is and the colors' numbers below. */
async function viewPicture(
  state: Readonly<State>,
  scene: Scene,
  canvas: HTMLCanvasElement,
  ratio: number,
): Promise<HTMLCanvasElement | null> {
  const { viewport } = state;
  const width = Math.round(viewport.width * ratio);
  const height = Math.round((viewport.height + MARGIN.above + MARGIN.below) * ratio);
  const picture = element("canvas", { width, height });
  const context = picture.getContext("2d");
  if (!context) return null;
  const palette = paletteOf(canvas);
  context.fillStyle = palette.casing;
  context.fillRect(0, 0, width, height);
  const size = { width, height: Math.round(viewport.height * ratio) };
  const inner = element("canvas", size);
  const draw = inner.getContext("2d");
  if (draw) {
    // A pointer that happens to be somewhere is no part of the picture.
    const still = state.inCells ? state : { ...state, hover: null };
    const painter = createPainter(() => {});
    await painter.loaded(still);
    painter.draw(draw, still, { ...size, ratio }, palette);
    context.drawImage(inner, 0, Math.round(MARGIN.above * ratio));
  }
  const { title, text, stops } = describeView(state, scene);
  context.scale(ratio, ratio);
  context.fillStyle = palette.ink;
  context.textBaseline = "middle";
  context.font = `600 13px ${FONT}`;
  context.fillText(title, 14, MARGIN.above / 2, viewport.width - 28);
  const y = MARGIN.above + viewport.height + MARGIN.below / 2;
  context.font = `12px ${FONT}`;
  context.fillText(text, 14, y, viewport.width - 240);
  const left = viewport.width - 214;
  const bar = context.createLinearGradient(left, 0, left + 200, 0);
  stops.forEach((color, i) => {
    bar.addColorStop(i / (stops.length - 1), color);
  });
  context.fillStyle = bar;
  context.fillRect(left, y - 5, 200, 10);
  return picture;
}

const pngOf = (canvas: HTMLCanvasElement): Promise<Blob | null> =>
  new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** Whether the clipboard took it; a frame of another page may not use it, nor a page without https. */
async function worked(copy: () => Promise<void>): Promise<boolean> {
  try {
    await copy();
    return true;
  } catch {
    return false;
  }
}

/** The older way, which works on pages where the clipboard itself is out of reach. */
function copySelected(text: string): boolean {
  const take = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener("copy", take, true);
  try {
    return document.execCommand("copy");
  } finally {
    document.removeEventListener("copy", take, true);
  }
}

/** A layer's name may hold anything; a file's may not. */
const nameOf = ({ layer, view }: Frame): string => `${layer.replace(/[^\w.-]+/g, "_").slice(0, 80)}-${view}`;
