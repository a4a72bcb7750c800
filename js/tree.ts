/** The layers as the modules of the model are nested: a flat list of rows in preorder. */

export interface Leaf {
  readonly name: string;
  readonly parameters: number;
}

export interface Row {
  /** The dotted name down to here; of a row that holds others it says which it is, after a new look too. */
  readonly key: string;
  /** What the row adds to the name of the one above: several parts where nothing else lies between. */
  readonly label: string;
  readonly depth: number;
  /** The row that holds this one; -1 at the top. */
  readonly parent: number;
  /** The row after the last that this one holds: the next one where it holds none. */
  readonly end: number;
  /** Which of the layers it is; -1 for a module that only holds layers. */
  readonly layer: number;
  /** How many layers it is and holds, and their parameters. */
  readonly layers: number;
  readonly parameters: number;
  /** Which of how many beside it, from 1. */
  readonly position: number;
  readonly siblings: number;
}

interface Module {
  readonly key: string;
  readonly children: Module[];
  readonly byPart: Map<string, Module>;
  layer: number;
}

/**
 * The tree of layers in the order in which they ran, as far as nesting allows: a module stands where its first
 * layer does. A module with one child is no row of its own but a part of its child's label. Nothing here recurses,
 * as a name may have thousands of parts; time is linear in the parts of all names.
 */
export function treeOf(layers: readonly Leaf[]): Row[] {
  const root = moduleOf("");
  layers.forEach(({ name }, index) => {
    let at = root;
    for (let start = 0; start <= name.length; ) {
      const dot = name.indexOf(".", start);
      const stop = dot < 0 ? name.length : dot;
      const part = name.slice(start, stop);
      let next = at.byPart.get(part);
      if (!next) {
        next = moduleOf(name.slice(0, stop));
        at.byPart.set(part, next);
        at.children.push(next);
      }
      if (dot < 0 && next.layer >= 0) at.children.push(moduleOf(name, index));
      else if (dot < 0) next.layer = index;
      at = next;
      start = stop + 1;
    }
  });
  return rowsOf(root, layers);
}

const moduleOf = (key: string, layer = -1): Module => ({ key, children: [], byPart: new Map(), layer });

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

function rowsOf(root: Module, layers: readonly Leaf[]): Row[] {
  const rows: Mutable<Row>[] = [];
  const waiting: { module: Module; from: number; parent: number; position: number; siblings: number }[] = [];
  const push = (children: readonly Module[], from: number, parent: number) => {
    for (let i = children.length - 1; i >= 0; i--) {
      waiting.push({ module: children[i], from, parent, position: i + 1, siblings: children.length });
    }
  };
  push(root.children, 0, -1);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    let { module } = next;
    const { from, parent, position, siblings } = next;
    while (module.layer < 0 && module.children.length === 1) module = module.children[0];
    const { key, layer, children } = module;
    const own = rows.length;
    rows.push({
      key,
      label: key.slice(from),
      depth: parent < 0 ? 0 : rows[parent].depth + 1,
      parent,
      end: own + 1,
      layer,
      layers: layer < 0 ? 0 : 1,
      parameters: layer < 0 ? 0 : layers[layer].parameters,
      position,
      siblings,
    });
    push(children, key.length + 1, own);
  }
  for (let i = rows.length - 1; i >= 0; i--) {
    const { parent, end, layers: count, parameters } = rows[i];
    if (parent < 0) continue;
    rows[parent].end = Math.max(rows[parent].end, end);
    rows[parent].layers += count;
    rows[parent].parameters += parameters;
  }
  return rows;
}

/** Whether a row holds others. */
export const holds = (rows: readonly Row[], index: number): boolean => rows[index].end > index + 1;

/** The rows that are seen, of all rows, in their order: what a folded row holds is not. */
export function visibleRows(rows: readonly Row[], isOpen: (index: number) => boolean): number[] {
  const visible: number[] = [];
  for (let i = 0; i < rows.length; ) {
    visible.push(i);
    i = holds(rows, i) && !isOpen(i) ? rows[i].end : i + 1;
  }
  return visible;
}

/** The rows that hold a row, from the top down. */
export function ancestors(rows: readonly Row[], index: number): number[] {
  const found: number[] = [];
  for (let at = rows[index].parent; at >= 0; at = rows[at].parent) found.push(at);
  return found.reverse();
}

/** Layers that are all shown at first. */
const FEW = 60;

/**
 * How deep the tree is open at first: rows of less depth are. A small model shows all it has. Of a larger one, as
 * many whole levels as make no more than about `FEW` rows: what one looks through in a moment, and a ResNet-152
 * still shows its blocks and not four words. The view opens the branch of the current layer beside that.
 */
export function openDepth(rows: readonly Row[]): number {
  const levels: number[] = [];
  let layers = 0;
  for (const { depth, layer } of rows) {
    levels[depth] = (levels[depth] ?? 0) + 1;
    if (layer >= 0) layers++;
  }
  if (layers <= FEW) return levels.length;
  let shown = levels[0];
  let depth = 0;
  while (depth + 1 < levels.length && shown + levels[depth + 1] <= FEW) shown += levels[++depth];
  return depth;
}
