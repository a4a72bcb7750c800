import { cut, type Paint, paintOf } from "./atlas.js";
import { element } from "./dom.js";
import type { Layout } from "./layout.js";
import type { Placement } from "./placement.js";
import type { Patch } from "./raster.js";
import { isSame } from "./same.js";
import type { Scene } from "./scene.js";
import type { Detail } from "./state.js";

/** Pixels that are colored at once: below a millisecond, so that a frame can end after any of them. */
const STRIP = 1 << 16;

/** They are written over by the next strip: memory that is new takes longer to get than to color. */
let pixels = new Uint32Array(STRIP);

/** A part of the picture of the world on a canvas of its own, colored in strips of its rows. */
export interface Sheet {
  /** All of it has to be colored anew; meanwhile nothing is there, or what was, where it tells no lie. */
  spoil(isKept: boolean): void;
  /** Colors the strips that are on the screen, or all, until `isOver`; whether none of them is left. */
  color(paint: Paint, place: Placement | null, isOver: () => boolean): boolean;
  /** Draws the part of it that is on the screen. */
  draw(context: CanvasRenderingContext2D, place: Placement): void;
}

/** The picture of all tiles of a scene. */
export interface Sheets {
  /** Brings it up to a scene; whether all that is on the screen is colored before `isOver`. */
  color(scene: Scene, place: Placement, isOver: () => boolean): boolean;
  draw(context: CanvasRenderingContext2D, place: Placement): void;
}

export function createSheets(): Sheets {
  let last: Scene | null = null;
  let sheets: Sheet[] = [];
  let paint: Paint = () => {};

  function follow(scene: Scene): void {
    const { frame, layout, order, look } = scene;
    const areSameTiles = last?.frame === frame && `${last.order}` === `${order}`;
    const isSameLayout = isSame(last?.layout, layout);
    if (areSameTiles && isSameLayout && isSame(last?.look, look)) return;
    paint = paintOf(frame, layout, order, look);
    if (isSameLayout) for (const sheet of sheets) sheet.spoil(areSameTiles);
    else sheets = cut(layout).map((patch) => createSheet(patch, layout.grain));
  }

  return {
    color(scene, place, isOver) {
      if (scene !== last) follow(scene);
      last = scene;
      return sheets.every((sheet) => sheet.color(paint, place, isOver));
    },
    draw(context, place) {
      for (const sheet of sheets) sheet.draw(context, place);
    },
  };
}

/** The picture of one tile at full resolution. */
export function detailSheet({ frame, tile }: Detail, { layout, look }: Scene): Sheet {
  const factor = layout.planes === 1 ? frame.factor : 1;
  const grain = { width: factor, height: factor * layout.rowHeight };
  const alone: Layout = { ...layout, tiles: 1, columns: 1, world: layout.block, grain };
  // A tile is far smaller than what a sheet can hold.
  const [patch] = cut(alone);
  const sheet = createSheet(patch, grain);
  sheet.color(paintOf(frame, alone, Int32Array.of(tile), look), null, () => false);
  return sheet;
}

/** @param grain cells of the world in one pixel. */
function createSheet({ x, y, width, height }: Patch, grain: Layout["grain"]): Sheet {
  const canvas = element("canvas", { width, height });
  const own = canvas.getContext("2d");
  const rows = Math.max(1, Math.floor(STRIP / width));
  const isStale = new Array<boolean>(Math.ceil(height / rows)).fill(true);

  /** The pixels that are on the screen, and how large one is there. */
  function visible(place: Placement) {
    const dx = grain.width * place.k;
    const dy = grain.height * place.k;
    return {
      dx,
      dy,
      left: Math.max(0, Math.floor(-place.x / dx) - x),
      top: Math.max(0, Math.floor(-place.y / dy) - y),
      right: Math.min(width, Math.ceil((place.width - place.x) / dx) - x),
      bottom: Math.min(height, Math.ceil((place.height - place.y) / dy) - y),
    };
  }

  return {
    spoil(isKept) {
      isStale.fill(true);
      if (!isKept) own?.clearRect(0, 0, width, height);
    },

    color(paint, place, isOver) {
      const { top, bottom } = place ? visible(place) : { top: 0, bottom: height };
      for (let strip = Math.floor(top / rows); strip * rows < bottom; strip++) {
        if (!isStale[strip]) continue;
        if (isOver()) return false;
        const from = strip * rows;
        const part = { x, y: y + from, width, height: Math.min(rows, height - from) };
        if (pixels.length < width) pixels = new Uint32Array(width);
        paint(part, pixels.fill(0));
        const bytes = new Uint8ClampedArray(pixels.buffer, 0, 4 * width * part.height);
        own?.putImageData(new ImageData(bytes, width), 0, from);
        isStale[strip] = false;
      }
      return true;
    },

    draw(context, place) {
      const { dx, dy, left, top, right, bottom } = visible(place);
      const [wide, tall] = [right - left, bottom - top];
      if (wide <= 0 || tall <= 0) return;
      context.imageSmoothingEnabled = dx < 1 || dy < 1;
      context.imageSmoothingQuality = "high";
      context.drawImage(
        canvas,
        left,
        top,
        wide,
        tall,
        place.x + (x + left) * dx,
        place.y + (y + top) * dy,
        wide * dx,
        tall * dy,
      );
    },
  };
}
