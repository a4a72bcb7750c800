import type { Frame } from "./frame.js";
import { drawHeaders } from "./headers.js";
import { type Rect, tileRect } from "./layout.js";
import { drawMarks, type Palette } from "./marks.js";
import { channelAt } from "./order.js";
import { onScreen, type Placement, visiblePositions } from "./placement.js";
import type { Scene } from "./scene.js";
import { detailSheet, type Sheet, Sheets } from "./sheets.js";
import { currentLayer, currentTransform, type Detail, type State } from "./state.js";
import { isOverlaid, underlayOf } from "./underlay.js";
import { drawValues } from "./values.js";

/** Draws what a state shows, on any canvas, at any density; keeps what it colored until something in it changes. */
export class Painter {
  #sheets = new Sheets();
  #frame: Frame | null = null;
  #look = "";
  #details = new Map<Detail, Sheet>();
  #picture: HTMLImageElement | null = null;

  /** Whether all that belongs on the screen was drawn the last time. */
  isComplete = false;
  /** When the last drawing had all of its colors: milliseconds as `performance.now()` counts. */
  colored = 0;

  /**
   * @param changed called when what is drawn can be more than before: a picture has loaded, or there was no time
   *   to color all of it.
   * @param patience milliseconds that coloring may take at a time.
   */
  constructor(
    private readonly changed: () => void,
    private readonly patience = Number.POSITIVE_INFINITY,
  ) {}

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
    if (!place || !scene) return;
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
    if (!scene || !t || !(width > 0 && height > 0)) return null;
    // Whole pixels, so that the picture does not shimmer while it is moved.
    const place = {
      k: t.k * ratio,
      x: Math.round(t.x * ratio),
      y: Math.round(t.y * ratio),
      ratio,
      width,
      height,
    };
    this.#forget(scene, state);
    const end = performance.now() + this.patience;
    this.isComplete = this.#sheets.color(scene, place, () => performance.now() > end);
    this.colored = performance.now();
    if (!this.isComplete) this.changed();
    this.#drawTiles(context, state, scene, place);
    return place;
  }

  /** Resolves once what a state shows under its maps can be drawn. */
  async loaded({ overlay, picture }: Readonly<State>): Promise<void> {
    if (overlay === 0 || picture === "") return;
    this.#load(picture);
    // Without it the maps are drawn alone, as on the screen.
    await this.#picture?.decode().catch(() => {});
  }

  clear(): void {
    this.#sheets = new Sheets();
    this.#frame = null;
    this.#details.clear();
    this.#picture = null;
  }

  /** Throws away the pictures of details that are no more, or were of another look. */
  #forget({ frame, layout, look }: Scene, { details }: Readonly<State>): void {
    const key = JSON.stringify([layout.rowHeight, look]);
    if (frame !== this.#frame || key !== this.#look) this.#details.clear();
    this.#frame = frame;
    this.#look = key;
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
    const alpha = !underlay ? 1 : 1 - state.overlay;
    const positions = !underlay && state.details.size === 0 ? [] : visiblePositions(layout, place);
    for (const position of positions) underlay?.(context, onScreen(tileRect(layout, position), place));
    context.globalAlpha = alpha;
    this.#sheets.draw(context, place);
    for (const position of positions) {
      const sheet = this.#detail(state, scene, position);
      if (!sheet) continue;
      const rect = onScreen(tileRect(layout, position), place);
      context.globalAlpha = 1;
      context.clearRect(rect.x, rect.y, rect.width, rect.height);
      underlay?.(context, rect);
      context.globalAlpha = alpha;
      sheet.draw(context, { ...place, x: rect.x, y: rect.y });
    }
    context.globalAlpha = 1;
  }

  /** The full-resolution picture of the tile at a position, where there is one. */
  #detail({ details }: Readonly<State>, scene: Scene, position: number): Sheet | null {
    const detail = details.get(channelAt(scene, position));
    if (!detail) return null;
    const sheet = this.#details.get(detail) ?? detailSheet(detail, scene);
    this.#details.set(detail, sheet);
    return sheet;
  }

  /** What draws the input image where a tile is going to be; null where none belongs there. */
  #underlay(
    state: Readonly<State>,
    scene: Scene,
  ): ((context: CanvasRenderingContext2D, tile: Rect) => void) | null {
    const layer = currentLayer(state);
    if (!isOverlaid(state, scene) || !layer) return null;
    const picture = this.#load(state.picture);
    if (!picture) return null;
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

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  return { accent: color("--cnnvis-accent"), casing: color("--cnnvis-surface"), ink: color("--cnnvis-ink") };
}
