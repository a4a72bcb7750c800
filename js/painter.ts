import type { Frame } from "./frame.js";
import { drawHeaders } from "./headers.js";
import { type Rect, tileRect } from "./layout.js";
import { drawMarks, type Palette } from "./marks.js";
import { channelAt } from "./order.js";
import { onScreen, type Placement, visiblePositions } from "./placement.js";
import type { Scene } from "./scene.js";
import { createSheets, detailSheet, type Sheet } from "./sheets.js";
import { currentLayer, currentTransform, type Detail, type State } from "./state.js";
import { isOverlaid, underlayOf } from "./underlay.js";
import { drawValues } from "./values.js";

/** Device pixels of a canvas, and how many of them are one CSS pixel. */
type Canvas = Pick<Placement, "width" | "height" | "ratio">;

/** Draws what a state shows, on any canvas, at any density; keeps what it colored until something in it changes. */
export interface Painter {
  /** Whether all that belongs on the screen was drawn the last time. */
  readonly isComplete: boolean;
  /** When the last drawing had all of its colors: milliseconds as `performance.now()` counts. */
  readonly colored: number;
  draw(context: CanvasRenderingContext2D, state: Readonly<State>, canvas: Canvas, palette: Palette): void;
  /** The tiles alone; null where there is nothing to draw. */
  drawTiles(context: CanvasRenderingContext2D, state: Readonly<State>, canvas: Canvas): Placement | null;
  /** Resolves once what a state shows under its maps can be drawn. */
  loaded(state: Readonly<State>): Promise<void>;
  clear(): void;
}

/**
 * @param changed called when what is drawn can be more than before: a picture has loaded, or there was no time
 *   to color all of it.
 * @param patience milliseconds that coloring may take at a time.
 */
export function createPainter(changed: () => void, patience = Number.POSITIVE_INFINITY): Painter {
  let sheets = createSheets();
  const details = new Map<Detail, Sheet>();
  /** What the sheets of details were drawn for. */
  let frame: Frame | null = null;
  let look = "";
  let picture: HTMLImageElement | null = null;

  /** Throws away the pictures of details that are no more, or were of another look. */
  function forget(scene: Scene, state: Readonly<State>): void {
    const key = JSON.stringify([scene.layout.rowHeight, scene.look]);
    if (scene.frame !== frame || key !== look) details.clear();
    frame = scene.frame;
    look = key;
    const kept = new Set(state.details.values());
    for (const detail of details.keys()) if (!kept.has(detail)) details.delete(detail);
  }

  /** The full-resolution picture of the tile at a position, where there is one. */
  function detailAt(position: number, scene: Scene, state: Readonly<State>): Sheet | null {
    const detail = state.details.get(channelAt(scene, position));
    if (!detail) return null;
    const sheet = details.get(detail) ?? detailSheet(detail, scene);
    details.set(detail, sheet);
    return sheet;
  }

  /** What draws the input image where a tile is going to be; null where none belongs there. */
  function underlayIn(
    context: CanvasRenderingContext2D,
    scene: Scene,
    state: Readonly<State>,
  ): ((tile: Rect) => void) | null {
    const layer = currentLayer(state);
    const image = layer && isOverlaid(state, scene) ? load(state.picture) : null;
    if (!layer || !image) return null;
    const part = underlayOf(layer, state.call, scene.frame.shape, state.metadata.input.shape);
    const [w, h] = [image.naturalWidth, image.naturalHeight];
    return ({ x, y, width, height }) => {
      context.imageSmoothingEnabled = true;
      context.drawImage(image, part.x * w, part.y * h, part.width * w, part.height * h, x, y, width, height);
    };
  }

  /** The image of a URL once it is there. */
  function load(url: string): HTMLImageElement | null {
    if (picture?.getAttribute("src") !== url) {
      picture = new Image();
      picture.src = url;
      picture.decode().then(changed, () => {});
    }
    return picture.complete && picture.naturalWidth > 0 ? picture : null;
  }

  const painter = {
    isComplete: false,
    colored: 0,

    draw(context: CanvasRenderingContext2D, state: Readonly<State>, canvas: Canvas, palette: Palette): void {
      const place = painter.drawTiles(context, state, canvas);
      const { scene } = state;
      if (!place || !scene) return;
      drawValues(context, state, scene, place);
      drawMarks(context, state, scene, place, palette);
      drawHeaders(context, state, scene, place, palette);
    },

    drawTiles(context: CanvasRenderingContext2D, state: Readonly<State>, canvas: Canvas): Placement | null {
      const { scene } = state;
      const t = currentTransform(state);
      const { width, height, ratio } = canvas;
      if (!scene || !t || !(width > 0 && height > 0)) return null;
      // Whole pixels, so that the picture does not shimmer while it is moved.
      const place = { ...canvas, k: t.k * ratio, x: Math.round(t.x * ratio), y: Math.round(t.y * ratio) };
      forget(scene, state);
      const end = performance.now() + patience;
      painter.isComplete = sheets.color(scene, place, () => performance.now() > end);
      painter.colored = performance.now();
      if (!painter.isComplete) changed();

      const underlay = underlayIn(context, scene, state);
      const alpha = underlay ? 1 - state.overlay : 1;
      const positions = underlay || state.details.size > 0 ? visiblePositions(scene.layout, place) : [];
      const rectOf = (position: number) => onScreen(tileRect(scene.layout, position), place);
      for (const position of positions) underlay?.(rectOf(position));
      context.globalAlpha = alpha;
      sheets.draw(context, place);
      for (const position of positions) {
        const sheet = detailAt(position, scene, state);
        if (!sheet) continue;
        const rect = rectOf(position);
        const { x, y } = rect;
        context.globalAlpha = 1;
        context.clearRect(x, y, rect.width, rect.height);
        underlay?.(rect);
        context.globalAlpha = alpha;
        sheet.draw(context, { ...place, x, y });
      }
      context.globalAlpha = 1;
      return place;
    },

    async loaded({ overlay, picture: url }: Readonly<State>): Promise<void> {
      if (overlay === 0 || !url) return;
      load(url);
      // Without it the maps are drawn alone, as on the screen.
      await picture?.decode().catch(() => {});
    },

    clear(): void {
      sheets = createSheets();
      frame = null;
      details.clear();
      picture = null;
    },
  };
  return painter;
}

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  return { accent: color("--cnnvis-accent"), casing: color("--cnnvis-surface"), ink: color("--cnnvis-ink") };
}
