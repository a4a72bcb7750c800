/** The cell that the arrow keys move from one value to the next. */
import { type Cell, cellAt, cellRect, type Layout, planeRect, type Rect } from "./layout.js";
import { upTo } from "./upto.js";

/** A step to a neighbor: one of the two is -1 or 1, the other 0. */
export interface Step {
  readonly dx: number;
  readonly dy: number;
}

/** The neighbor of a cell; at the edge of a plane the nearest one of the next plane or tile; itself where none is. */
export function stepCell(layout: Layout, cell: Cell, { dx, dy }: Step): Cell {
  const row = cell.row + dy;
  const column = cell.column + dx;
  if (row >= 0 && row < layout.rows && column >= 0 && column < layout.width) return { ...cell, row, column };
  const { x, y, width, height } = cellRect(layout, cell);
  const gap = Math.max(layout.pitch.width - layout.block.width, layout.pitch.height - layout.block.height);
  for (let far = 1; far <= gap + layout.rowHeight + 1; far++) {
    const next = cellAt(layout, {
      x: x + width / 2 + dx * far,
      y: y + height / 2 + dy * (far + (layout.rowHeight - 1) / 2),
    });
    if (next && (next.position !== cell.position || next.plane !== cell.plane)) return next;
  }
  return cell;
}

/** The cell of a tile that is nearest to the middle of what is seen of it; that of its first plane if nothing is. */
export function middleCell(layout: Layout, position: number, seen: Rect): Cell {
  const planes = upTo(layout.planes, (plane) => planeRect(layout, position, plane));
  const visible = planes.map((rect) => common(rect, seen));
  const plane = Math.max(
    0,
    visible.findIndex((part) => part !== null),
  );
  const { x, y, width, height } = visible[plane] ?? planes[plane];
  const rect = planes[plane];
  return {
    position,
    plane,
    row: within(Math.floor((y + height / 2 - rect.y) / layout.rowHeight), layout.rows),
    column: within(Math.floor(x + width / 2 - rect.x), layout.width),
  };
}

function common(a: Rect, b: Rect): Rect | null {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

const within = (index: number, count: number): number => Math.min(Math.max(index, 0), count - 1);
