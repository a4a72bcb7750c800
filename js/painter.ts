import { type Look, pages } from "./atlas.js";
import type { Frame } from "./frame.js";
import { drawHeaders } from "./headers.js";
import { type Layout, type Rect, tileRect } from "./layout.js";
import { drawMarks, type Palette } from "./marks.js";
import { onScreen, type Placement, visiblePositions } from "./placement.js";
import type { Patch } from "./raster.js";
import type { Scene } from "./scene.js";
import { currentLayer, currentTransform, type Detail, type State } from "./state.js";
import { isOverlaid, underlayOf } from "./underlay.js";
import { drawValues } from "./values.js";

/** A part of the picture of the world on a canvas of its own, and its grain. */
interface Sheet {
  readonly canvas: HTMLCanvasElement;
  readonly patch: Patch;
  readonly grain: { readonly width: number; readonly height: number };
}

/** Draws what a state shows, on any canvas, at any density; keeps what it colored until something in it changes. */
export class Painter {
  #sheets: Sheet[] = [];
  #frame: Frame | null = null;
  #key = "";
  #details = new Map<Detail, Sheet>();
  #picture: HTMLImageElement | null = null;

  /** @param changed called when what is drawn can be more than before: a picture has loaded. */
  constructor(private readonly changed: () => void) {}

  /**
   * @param width of the canvas in its own pixels, as is `height`.
   * @param ratio canvas pixels in one CSS pixel.
   */
  draw(
    context: CanvasRenderingContext2D,
    state: Readonly<State>,
    { width, height, ratio }: { width: number; height: number; ratio: number },
    palette: Palette,
  ): void {
    const place = this.drawTiles(context, state, { width, height, ratio });
    const { scene } = state;
    if (place === null || scene === null) return;
    drawValues(context, state, scene, place);
    drawMarks(context, state, scene, place, palette);
    drawHeaders(context, state, scene, place, palette);
  }

  /** The tiles alone; null where there is nothing to draw. */
  drawTiles(
    context: CanvasRenderingContext2D,
    state: Readonly<State>,
    { width, height, ratio }: { width: number; height: number; ratio: number },
  ): Placement | null {
    const { scene } = state;
    const t = currentTransform(state);
    if (scene === null || t === null || !(width > 0 && height > 0)) return null;
    // Whole pixels, so that the picture does not shimmer while it is moved.
    const place = {
      k: t.k * ratio,
      x: Math.round(t.x * ratio),
      y: Math.round(t.y * ratio),
      ratio,
      width,
      height,
    };
    this.#update(scene, state);
    this.#drawTiles(context, state, scene, place);
    return place;
  }

  clear(): void {
    this.#sheets = [];
    this.#frame = null;
    this.#details.clear();
    this.#picture = null;
  }

  #update({ frame, layout, order, look }: Scene, { details }: Readonly<State>): void {
    const { columns, rowHeight, grain } = layout;
    const key = JSON.stringify([columns, rowHeight, grain, look, order.join()]);
    if (frame !== this.#frame || key !== this.#key) {
      this.#frame = frame;
      this.#key = key;
      this.#details.clear();
      this.#sheets = [...pages(frame, layout, order, look)].map(({ patch, pixels }) =>
        sheetOf(patch, pixels, grain),
      );
    }
    const kept = new Set(details.values());
    for (const detail of this.#details.keys()) if (!kept.has(detail)) this.#details.delete(detail);
  }

  #drawTiles(
    context: CanvasRenderingContext2D,
    state: Readonly<State>,
    scene: Scene,
    place: Placement,
  ): void {
    const { layout } = scene;
    const underlay = this.#underlay(state, scene);
    const alpha = underlay === null ? 1 : 1 - state.overlay;
    const positions = underlay === null && state.details.size === 0 ? [] : visiblePositions(layout, place);
    for (const position of positions) underlay?.(context, onScreen(tileRect(layout, position), place));
    context.globalAlpha = alpha;
    for (const sheet of this.#sheets) drawSheet(context, sheet, place);
    for (const position of positions) {
      const sheet = this.#detail(state, scene, position);
      if (sheet === null) continue;
      const rect = onScreen(tileRect(layout, position), place);
      context.globalAlpha = 1;
      context.clearRect(rect.x, rect.y, rect.width, rect.height);
      underlay?.(context, rect);
      context.globalAlpha = alpha;
      drawSheet(context, sheet, { ...place, x: rect.x, y: rect.y });
    }
    context.globalAlpha = 1;
  }

  /** The full-resolution picture of the tile at a position, where there is one. */
  #detail(
    { details }: Readonly<State>,
    { frame, order, layout, look }: Scene,
    position: number,
  ): Sheet | null {
    const detail = details.get(frame.channels[order[position]]);
    if (detail === undefined) return null;
    const sheet = this.#details.get(detail) ?? detailSheet(detail, layout, look);
    this.#details.set(detail, sheet);
    return sheet;
  }

  /** What draws the input image where a tile is going to be; null where none belongs there. */
  #underlay(
    state: Readonly<State>,
    scene: Scene,
  ): ((context: CanvasRenderingContext2D, tile: Rect) => void) | null {
    const layer = currentLayer(state);
    if (!isOverlaid(state, scene) || layer === null) return null;
    const picture = this.#load(state.picture);
    if (picture === null) return null;
    const part = underlayOf(layer, state.call, scene.frame.shape, state.metadata.input.shape);
    const [w, h] = [picture.naturalWidth, picture.naturalHeight];
    return (context, { x, y, width, height }) => {
      context.imageSmoothingEnabled = true;
      context.drawImage(
        picture,
        part.x * w,
        part.y * h,
        part.width * w,
        part.height * h,
        x,
        y,
        width,
        height,
      );
    };
  }

  /** The image of a URL once it is there. */
  #load(url: string): HTMLImageElement | null {
    if (this.#picture?.getAttribute("src") !== url) {
      const image = new Image();
      image.src = url;
      this.#picture = image;
      image.decode().then(this.changed, () => {});
    }
    return this.#picture?.complete && this.#picture.naturalWidth > 0 ? this.#picture : null;
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

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  return { accent: color("--cnnvis-accent"), casing: color("--cnnvis-surface"), ink: color("--cnnvis-ink") };
}
