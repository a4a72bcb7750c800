import { cut, type Paint, paintOf } from "./atlas.js";
import type { Layout } from "./layout.js";
import type { Placement } from "./placement.js";
import type { Patch } from "./raster.js";
import type { Scene } from "./scene.js";
import type { Detail } from "./state.js";

/** Pixels that are colored at once: below a millisecond, so that a frame can end after any of them. */
const STRIP = 2 ** 16;

/** They are written over by the next strip: memory that is new takes longer to get than to color. */
let pixels = new Uint32Array(STRIP);

/** A part of the picture of the world on a canvas of its own, colored in strips of its rows. */
export class Sheet {
  readonly #canvas = document.createElement("canvas");
  readonly #context: CanvasRenderingContext2D | null;
  readonly #rows: number;
  readonly #isStale: boolean[];

  /** @param grain cells of the world in one pixel. */
  constructor(
    private readonly patch: Patch,
    private readonly grain: Layout["grain"],
  ) {
    this.#canvas.width = patch.width;
    this.#canvas.height = patch.height;
    this.#context = this.#canvas.getContext("2d");
    this.#rows = Math.max(1, Math.floor(STRIP / patch.width));
    this.#isStale = new Array(Math.ceil(patch.height / this.#rows)).fill(true);
  }

  /** All of it has to be colored anew; meanwhile nothing is there, or what was, where it tells no lie. */
  spoil(isKept: boolean): void {
    this.#isStale.fill(true);
    if (!isKept) this.#context?.clearRect(0, 0, this.patch.width, this.patch.height);
  }

  /** Colors the strips that are on the screen, until `isOver`; whether none of them is left. */
  color(paint: Paint, place: Placement | null, isOver: () => boolean): boolean {
    const { x, y, width, height } = this.patch;
    const { top, bottom } = place ? visible(this.patch, this.grain, place) : { top: 0, bottom: height };
    for (let strip = Math.floor(top / this.#rows); strip * this.#rows < bottom; strip++) {
      if (!this.#isStale[strip]) continue;
      if (isOver()) return false;
      const from = strip * this.#rows;
      const rows = Math.min(this.#rows, height - from);
      if (pixels.length < width) pixels = new Uint32Array(width);
      paint({ x, y: y + from, width, height: rows }, pixels.fill(0));
      const bytes = new Uint8ClampedArray(pixels.buffer, 0, 4 * width * rows);
      this.#context?.putImageData(new ImageData(bytes, width, rows), 0, from);
      this.#isStale[strip] = false;
    }
    return true;
  }

  /** Draws the part of it that is on the screen. */
  draw(context: CanvasRenderingContext2D, place: Placement): void {
    const { patch, grain } = this;
    const dx = grain.width * place.k;
    const dy = grain.height * place.k;
    const { left, top, right, bottom } = visible(patch, grain, place);
    if (right <= left || bottom <= top) return;
    context.imageSmoothingEnabled = dx < 1 || dy < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      this.#canvas,
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
}

/** The picture of all tiles of a scene. */
export class Sheets {
  #scene: Scene | null = null;
  #sheets: Sheet[] = [];
  #paint: Paint = () => {};

  /** Brings it up to a scene; whether all that is on the screen is colored before `isOver`. */
  color(scene: Scene, place: Placement, isOver: () => boolean): boolean {
    this.#follow(scene);
    return this.#sheets.every((sheet) => sheet.color(this.#paint, place, isOver));
  }

  draw(context: CanvasRenderingContext2D, place: Placement): void {
    for (const sheet of this.#sheets) sheet.draw(context, place);
  }

  #follow(scene: Scene): void {
    const last = this.#scene;
    this.#scene = scene;
    if (last === scene) return;
    const { frame, layout, order, look } = scene;
    const areSameTiles = last?.frame === frame && `${last.order}` === `${order}`;
    const isSameLayout = last !== null && JSON.stringify(last.layout) === JSON.stringify(layout);
    if (areSameTiles && isSameLayout && JSON.stringify(last.look) === JSON.stringify(look)) return;
    this.#paint = paintOf(frame, layout, order, look);
    if (isSameLayout) for (const sheet of this.#sheets) sheet.spoil(areSameTiles);
    else this.#sheets = cut(layout).map((patch) => new Sheet(patch, layout.grain));
  }
}

/** The picture of one tile at full resolution. */
export function detailSheet({ frame, tile }: Detail, { layout, look }: Scene): Sheet {
  const factor = layout.planes === 1 ? frame.factor : 1;
  const grain = { width: factor, height: factor * layout.rowHeight };
  const alone: Layout = { ...layout, tiles: 1, columns: 1, world: layout.block, grain };
  // A tile is far smaller than what a sheet can hold.
  const [patch] = cut(alone);
  const sheet = new Sheet(patch, grain);
  sheet.color(paintOf(frame, alone, Int32Array.of(tile), look), null, () => false);
  return sheet;
}

/** The pixels of a patch that are on the screen. */
function visible(
  { x, y, width, height }: Patch,
  grain: Layout["grain"],
  place: Placement,
): { left: number; top: number; right: number; bottom: number } {
  const dx = grain.width * place.k;
  const dy = grain.height * place.k;
  return {
    left: Math.max(0, Math.floor(-place.x / dx) - x),
    top: Math.max(0, Math.floor(-place.y / dy) - y),
    right: Math.min(width, Math.ceil((place.width - place.x) / dx) - x),
    bottom: Math.min(height, Math.ceil((place.height - place.y) / dy) - y),
  };
}
