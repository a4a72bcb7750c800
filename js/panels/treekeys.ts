import { take } from "../dom.js";
import { listen } from "../listen.js";
import { holds, type Row } from "../tree.js";
import { LAYER_HEIGHT } from "./layerrow.js";
import type { virtualRows } from "./rows.js";
import { typeahead } from "./typeahead.js";

export interface Tree {
  readonly rows: () => readonly Row[];
  readonly isOpen: (index: number) => boolean;
  readonly fold: (indices: readonly number[], open: boolean) => void;
  readonly act: (index: number) => void;
}

/** The keys of a tree, after the WAI-ARIA pattern: arrows only move, Enter and Space pick. */
export function treeKeys(
  list: ReturnType<typeof virtualRows>,
  { rows, isOpen, fold, act }: Tree,
  signal: AbortSignal,
): void {
  const type = typeahead(signal);
  const goTo = (index: number | undefined) => index !== undefined && index >= 0 && list.activate(index, true);
  const step = (by: number) => () => {
    const items = list.items();
    goTo(items[Math.min(Math.max(list.position(list.active()) + by, 0), items.length - 1)]);
  };

  const pick = () => act(list.active());

  function right(): void {
    const at = list.active();
    if (!holds(rows(), at)) return;
    if (isOpen(at)) goTo(at + 1);
    else fold([at], true);
  }

  function left(): void {
    const at = list.active();
    if (holds(rows(), at) && isOpen(at)) fold([at], false);
    else goTo(rows()[at]?.parent);
  }

  function openSiblings(): void {
    const all = rows();
    const { parent } = all[list.active()];
    fold(
      all.flatMap((row, index) => (row.parent === parent && holds(all, index) ? [index] : [])),
      true,
    );
  }

  function find(letter: string): void {
    const typed = type(letter);
    const items = list.items();
    // A first letter goes on to the next, more of a word may stay where it is.
    const from = list.position(list.active()) + (typed.length > 1 ? 0 : 1);
    const after = [...items.slice(from), ...items.slice(0, from)];
    goTo(after.find((index) => startsWith(rows()[index].label, typed)));
  }

  listen(
    list.box,
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || list.active() < 0) return;
      const keys: Record<string, () => void> = {
        ArrowDown: step(1),
        ArrowUp: step(-1),
        PageDown: step(list.page(LAYER_HEIGHT)),
        PageUp: step(-list.page(LAYER_HEIGHT)),
        Home: step(Number.NEGATIVE_INFINITY),
        End: step(Number.POSITIVE_INFINITY),
        ArrowRight: right,
        ArrowLeft: left,
        Enter: pick,
        " ": pick,
        "*": openSiblings,
      };
      const letter = /^[\p{L}\p{N}_]$/u.test(event.key);
      if (!letter && !Object.hasOwn(keys, event.key)) return;
      take(event);
      if (letter) find(event.key);
      else keys[event.key]();
    },
    signal,
  );
}

/** Of a name of several parts its last one counts too. */
function startsWith(label: string, typed: string): boolean {
  const lower = label.toLowerCase();
  return lower.startsWith(typed) || lower.slice(lower.lastIndexOf(".") + 1).startsWith(typed);
}
