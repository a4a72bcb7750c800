import { type Look, pages } from "./atlas.js";
import { type Frame, keyOf } from "./frame.js";
import { type Layout, tileRect } from "./layout.js";
import { drawMarks, type Palette } from "./marks.js";
import { type Placement, visiblePositions } from "./placement.js";
import type { Patch } from "./raster.js";
import { lookOf, type Scene } from "./scene.js";
import { currentTransform, type Detail, isWanted, type State, type ViewerStore } from "./state.js";
import type { Transform } from "./transform.js";

/** A part of the picture of the world on a canvas of its own, and its grain. */
interface Sheet {
  readonly canvas: HTMLCanvasElement;
  readonly patch: Patch;
  readonly grain: { readonly width: number; readonly height: number };
}

/** A canvas that draws the store's scene, at most once per animation frame. */
export function createCanvas(store: ViewerStore, signal: AbortSignal): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.className = "cnnvis-canvas";
  canvas.dataset.state = "loading";
  const context = canvas.getContext("2d");
  const atlas = new Atlas();
  let palette: Palette | null = null;
  let painted = "";
  let scheduled = 0;

  function schedule(): void {
    if (scheduled === 0) scheduled = requestAnimationFrame(paint);
  }

  function paint(): void {
    scheduled = 0;
    const { state } = store;
    const { viewport, scene, status } = state;
    const width = Math.round(viewport.width * viewport.ratio);
    const height = Math.round(viewport.height * viewport.ratio);
    // Setting the size clears the canvas, even when it is the same.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const t = currentTransform(state);
    context?.clearRect(0, 0, width, height);
    if (context !== null && scene !== null && t !== null && width > 0 && height > 0) {
      const ratio = viewport.ratio;
      // Whole device pixels, so that the picture does not shimmer while it is moved.
      const place = {
        k: t.k * ratio,
        x: Math.round(t.x * ratio),
        y: Math.round(t.y * ratio),
        ratio,
        width,
        height,
      };
      palette ??= paletteOf(canvas);
      atlas.update(scene, lookOf(scene, state), state);
      drawTiles(context, atlas, scene, place);
      drawMarks(context, state, scene, place, palette);
    }
    report(t, scene, status.kind);
  }

  function report(t: Transform | null, scene: Scene | null, status: string): void {
    const frame = scene?.frame ?? null;
    const shown = frame !== null && isWanted(frame, store.state);
    canvas.dataset.transform = t === null ? "" : `${t.k},${t.x},${t.y}`;
    canvas.dataset.layer = frame?.layer ?? "";
    canvas.dataset.view = frame?.view ?? "";
    canvas.dataset.call = String(frame?.call ?? "");
    canvas.dataset.image = String(frame?.image ?? "");
    canvas.dataset.slice = String(scene?.slice.at ?? "");
    canvas.dataset.generation = String(frame?.generation ?? "");
    canvas.dataset.state = status === "ready" && !shown ? "loading" : status;
    const key = shown ? keyOf(frame) : "";
    if (key !== "" && key !== painted) {
      performance.mark("cnnvis:painted", { detail: { layer: frame?.layer, view: frame?.view } });
    }
    painted = key;
  }

  const observer = new ResizeObserver(([entry]) => {
    const { width, height } = entry.contentRect;
    const ratio = canvas.ownerDocument.defaultView?.devicePixelRatio ?? 1;
    const last = store.state.viewport;
    if (width === last.width && height === last.height && ratio === last.ratio) return;
    store.set({ viewport: { width, height, ratio } });
  });
  try {
    // Told also when the window moves to a screen of another density or the page is zoomed.
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(canvas);
  }
  signal.addEventListener(
    "abort",
    () => {
      observer.disconnect();
      cancelAnimationFrame(scheduled);
      atlas.clear();
    },
    { once: true },
  );
  store.on(["appearance"], () => (palette = null), signal);
  store.on(
    [
      "scene",
      "transform",
      "hover",
      "channels",
      "colormap",
      "scale",
      "status",
      "viewport",
      "details",
      "appearance",
    ],
    schedule,
    signal,
  );
  schedule();
  return canvas;
}

/** The picture of a scene, kept until something in it changes. */
class Atlas {
  sheets: Sheet[] = [];
  #frame: Frame | null = null;
  #key = "";
  #details = new Map<Detail, Sheet>();

  update(scene: Scene, look: Look, { details, sort }: Readonly<State>): void {
    const { columns, rowHeight, grain } = scene.layout;
    const key = JSON.stringify([columns, rowHeight, grain, look, sort]);
    if (scene.frame !== this.#frame || key !== this.#key) {
      this.#frame = scene.frame;
      this.#key = key;
      this.#details.clear();
      this.sheets = [...pages(scene.frame, scene.layout, scene.order, look)].map(({ patch, pixels }) =>
        sheetOf(patch, pixels, grain),
      );
    }
    const kept = new Set(details.values());
    for (const detail of this.#details.keys()) if (!kept.has(detail)) this.#details.delete(detail);
    this.detail = (position) => {
      const detail = details.get(scene.frame.channels[scene.order[position]]);
      if (detail === undefined) return null;
      let sheet = this.#details.get(detail);
      if (sheet === undefined) {
        sheet = detailSheet(detail, scene.layout, look);
        this.#details.set(detail, sheet);
      }
      return sheet;
    };
    this.hasDetails = details.size > 0;
  }

  hasDetails = false;
  /** The full-resolution picture of the tile at a position, where there is one. */
  detail: (position: number) => Sheet | null = () => null;

  clear(): void {
    this.sheets = [];
    this.#frame = null;
    this.#details.clear();
  }
}

function sheetOf(patch: Patch, pixels: Uint8ClampedArray<ArrayBuffer>, grain: Sheet["grain"]): Sheet {
  const canvas = document.createElement("canvas");
  canvas.width = patch.width;
  canvas.height = patch.height;
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, patch.width, patch.height), 0, 0);
  return { canvas, patch, grain };
}

function detailSheet({ frame, tile }: Detail, layout: Layout, look: Look): Sheet {
  const factor = layout.planes === 1 ? frame.factor : 1;
  const grain = { width: factor, height: factor * layout.rowHeight };
  const alone: Layout = { ...layout, tiles: 1, columns: 1, world: layout.block, grain };
  // A tile is far smaller than a page.
  const [{ patch, pixels }] = pages(frame, alone, Int32Array.of(tile), look);
  return sheetOf(patch, pixels, grain);
}

function drawTiles(context: CanvasRenderingContext2D, atlas: Atlas, scene: Scene, place: Placement): void {
  for (const sheet of atlas.sheets) drawSheet(context, sheet, place);
  if (!atlas.hasDetails) return;
  for (const position of visiblePositions(scene.layout, place)) {
    const sheet = atlas.detail(position);
    if (sheet === null) continue;
    const rect = tileRect(scene.layout, position);
    const x = place.x + rect.x * place.k;
    const y = place.y + rect.y * place.k;
    context.clearRect(x, y, rect.width * place.k, rect.height * place.k);
    drawSheet(context, sheet, { ...place, x, y });
  }
}

/** Draws the part of a sheet that is on the canvas. */
function drawSheet(
  context: CanvasRenderingContext2D,
  { canvas, patch, grain }: Sheet,
  place: Placement,
): void {
  const dx = grain.width * place.k;
  const dy = grain.height * place.k;
  const left = Math.max(0, Math.floor(-place.x / dx) - patch.x);
  const top = Math.max(0, Math.floor(-place.y / dy) - patch.y);
  const right = Math.min(patch.width, Math.ceil((place.width - place.x) / dx) - patch.x);
  const bottom = Math.min(patch.height, Math.ceil((place.height - place.y) / dy) - patch.y);
  if (right <= left || bottom <= top) return;
  context.imageSmoothingEnabled = dx < 1 || dy < 1;
  context.imageSmoothingQuality = "high";
  context.drawImage(
    canvas,
    left,
    top,
    right - left,
    bottom - top,
    place.x + (patch.x + left) * dx,
    place.y + (patch.y + top) * dy,
    (right - left) * dx,
    (bottom - top) * dy,
  );
}

function paletteOf(canvas: HTMLCanvasElement): Palette {
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(name).trim();
  return { accent: color("--cnnvis-accent"), casing: color("--cnnvis-surface"), ink: color("--cnnvis-ink") };
}
