import type { Shape } from "./frame.js";
import type { Point, Size } from "./transform.js";

/**
 * How a layer's tiles are laid out.
 * - grid: each tile is a block (of one plane, or of several), and blocks fill the viewport;
 * - mosaic: each tile is a row of its planes, so that filters by input channels read as a matrix;
 * - color: as grid, with the three planes of a tile drawn as red, green and blue of one picture.
 */
export type Arrangement = "grid" | "mosaic" | "color";

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A value of a tile: `position` is the tile's place in the layout, counted in reading order. */
export interface Cell {
  readonly position: number;
  readonly plane: number;
  readonly row: number;
  readonly column: number;
}

/**
 * Where everything is, in cells: one unit of the world is one value of the layer. Only a plane of a single
 * row is drawn taller than it is, `rowHeight` cells, since a line of one cell would not be seen.
 */
export interface Layout {
  readonly tiles: number;
  readonly columns: number;
  /** One tile, without the gap to the next. */
  readonly block: Size;
  readonly pitch: Size;
  readonly planes: number;
  readonly planeColumns: number;
  readonly planePitch: Size;
  /** One plane in values, not in cells: `rows` x `rowHeight` cells tall. */
  readonly rows: number;
  readonly width: number;
  readonly rowHeight: number;
  /** All of it. */
  readonly world: Size;
  /** Cells per pixel of a picture of the world that loses nothing of a frame of this factor. */
  readonly grain: Size;
}

/** Atlas pixels that a picture of the world may have; beyond it the picture gets a coarser grain. */
const MOST_PIXELS = 2 ** 24;

/**
 * Lays out `count` tiles of a layer so that they are as large as they can be in the viewport.
 *
 * @param columns how many tiles in a row; without it, as many as make the scale largest.
 */
export function arrange(
  shape: Shape,
  count: number,
  factor: number,
  arrangement: Arrangement,
  viewport: Size,
  columns?: number,
): Layout {
  const planes = arrangement === "color" ? 1 : Math.max(shape.planes, 1);
  const height = Math.max(shape.height, 1);
  const width = Math.max(shape.width, 1);
  const aspect = Math.max(viewport.width, 1) / Math.max(viewport.height, 1);
  const mosaic = arrangement === "mosaic" && planes > 1;
  const strip = planes === 1 && height === 1 && width >= 16;

  // A strip of u-cell lines with a u-cell gap between strips: then u cells are one pixel of the atlas.
  const unit = strip ? Math.max(1, Math.round(width / aspect / (count * planes) / 8)) : 1;
  const room = strip ? Math.floor(width / aspect / (count * planes)) : 0;
  const rowHeight = strip ? (unit > 1 ? 7 * unit : Math.min(Math.max(room - 1, 1), 7)) : 1;
  const tall = height * rowHeight;

  const planeColumns = mosaic ? planes : squarest(planes, width, tall);
  const planeRows = Math.ceil(planes / planeColumns);
  const thin = mosaic || planes > 1;
  const planeGap = {
    width: thin && (width > 1 || !mosaic) ? 1 : 0,
    height: thin && (height > 1 || !mosaic) ? 1 : 0,
  };
  const planePitch = { width: width + planeGap.width, height: tall + planeGap.height };
  const block = {
    width: planeColumns * planePitch.width - planeGap.width,
    height: planeRows * planePitch.height - planeGap.height,
  };

  const gap = tileGap(block, planeGap, mosaic, strip ? unit : 0);
  // With one plane a tile, gaps that make the pitch a multiple of the factor put codes onto whole pixels.
  const snap = planes === 1 ? factor : 1;
  const pitch = {
    width: multiple(block.width, snap) + multiple(gap.width, snap),
    height: strip ? block.height + gap.height : multiple(block.height, snap) + multiple(gap.height, snap),
  };
  const across = columns ?? bestColumns(count, block, pitch, viewport, mosaic);
  const down = Math.ceil(count / across);
  const world = {
    width: (Math.min(across, Math.max(count, 1)) - 1) * pitch.width + block.width,
    height: (Math.max(down, 1) - 1) * pitch.height + block.height,
  };
  return {
    tiles: count,
    columns: across,
    block,
    pitch,
    planes,
    planeColumns,
    planePitch,
    rows: height,
    width,
    rowHeight,
    world,
    grain: grainOf(world, snap, strip ? unit : snap),
  };
}

/** The rectangle of the tile at a position, without its gap. */
export function tileRect(layout: Layout, position: number): Rect {
  const column = position % layout.columns;
  const row = Math.floor(position / layout.columns);
  return { ...layout.block, x: column * layout.pitch.width, y: row * layout.pitch.height };
}

export function planeRect(layout: Layout, position: number, plane: number): Rect {
  const tile = tileRect(layout, position);
  return {
    x: tile.x + (plane % layout.planeColumns) * layout.planePitch.width,
    y: tile.y + Math.floor(plane / layout.planeColumns) * layout.planePitch.height,
    width: layout.width,
    height: layout.rows * layout.rowHeight,
  };
}

export function cellRect(layout: Layout, { position, plane, row, column }: Cell): Rect {
  const { x, y } = planeRect(layout, position, plane);
  return { x: x + column, y: y + row * layout.rowHeight, width: 1, height: layout.rowHeight };
}

/** The value at a point of the world, or null in a gap and outside. */
export function cellAt(layout: Layout, point: Point): Cell | null {
  const position = positionAt(layout, point);
  if (position === null) return null;
  const { planePitch, planeColumns } = layout;
  const tile = tileRect(layout, position);
  const [x, y] = [point.x - tile.x, point.y - tile.y];
  const planeColumn = Math.floor(x / planePitch.width);
  const planeRow = Math.floor(y / planePitch.height);
  const plane = planeRow * planeColumns + planeColumn;
  if (plane >= layout.planes) return null;
  const column = Math.floor(x - planeColumn * planePitch.width);
  const row = Math.floor((y - planeRow * planePitch.height) / layout.rowHeight);
  if (column >= layout.width || row >= layout.rows) return null;
  return { position, plane, row, column };
}

/** The position of the tile at a point of the world, or null in a gap between tiles and outside. */
export function positionAt(layout: Layout, { x, y }: Point): number | null {
  const column = Math.floor(x / layout.pitch.width);
  const row = Math.floor(y / layout.pitch.height);
  if (!(column >= 0 && column < layout.columns && row >= 0)) return null;
  if (x - column * layout.pitch.width >= layout.block.width) return null;
  if (y - row * layout.pitch.height >= layout.block.height) return null;
  const position = row * layout.columns + column;
  return position < layout.tiles ? position : null;
}

/** The positions of the tiles that a rectangle of the world touches, in reading order. */
export function positionsIn(layout: Layout, { x, y, width, height }: Rect): number[] {
  const rows = Math.ceil(layout.tiles / layout.columns);
  const left = Math.max(0, Math.floor(x / layout.pitch.width));
  const right = Math.min(layout.columns - 1, Math.floor((x + width) / layout.pitch.width));
  const top = Math.max(0, Math.floor(y / layout.pitch.height));
  const bottom = Math.min(rows - 1, Math.floor((y + height) / layout.pitch.height));
  const positions: number[] = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const position = row * layout.columns + column;
      if (position < layout.tiles) positions.push(position);
    }
  }
  return positions;
}

/** @param unit cells between strips; 0 where tiles are no strips. */
function tileGap(block: Size, planeGap: Size, mosaic: boolean, unit: number): Size {
  const share = Math.max(1, Math.round(0.06 * Math.sqrt(block.width * block.height)));
  // Rows of a mosaic are as near to each other as its columns; only where it wraps is there a wide gap.
  if (mosaic) return { width: Math.max(4, Math.round(block.width / 24)), height: planeGap.height };
  if (block.width === 1 && block.height === 1) return { width: 0, height: 0 };
  if (unit > 0) return { width: share, height: unit };
  return { width: share + planeGap.width, height: share + planeGap.height };
}

/** How many of `planes` go side by side for the most square block. */
const squarest = (planes: number, width: number, height: number): number =>
  Math.min(planes, Math.max(1, Math.round(Math.sqrt((planes * height) / width))));

function bestColumns(count: number, block: Size, pitch: Size, viewport: Size, mosaic: boolean): number {
  let best = 1;
  let bestScale = 0;
  for (let columns = 1; columns <= Math.max(count, 1); columns++) {
    const rows = Math.ceil(count / columns);
    const scale = Math.min(
      viewport.width / ((columns - 1) * pitch.width + block.width),
      viewport.height / ((rows - 1) * pitch.height + block.height),
    );
    // A matrix in one piece reads better than a wrapped one: wrap it only where that makes it twice as large.
    const needed = mosaic && best === 1 ? 2 * bestScale : bestScale;
    if (scale > needed * (1 + 1e-12)) {
      best = columns;
      bestScale = scale;
    }
  }
  return best;
}

function grainOf(world: Size, width: number, height: number): Size {
  let coarser = 1;
  while ((world.width / width / coarser) * (world.height / height / coarser) > MOST_PIXELS) coarser *= 2;
  return { width: width * coarser, height: height * coarser };
}

const multiple = (length: number, of: number): number => Math.ceil(length / of) * of;
