import { element, focusOn } from "../dom.js";
import { listen, onResize } from "../listen.js";
import { offsetsOf, revealing, rowAt, rowsWithin } from "../virtual.js";

/** CSS pixels above and below what is seen that are kept ready. */
const BEYOND = 400;

/** A scrolling box that has in the page only what is seen of many rows, and the one that can have the focus. */
export function virtualRows(make: (index: number) => HTMLElement, signal: AbortSignal) {
  const space = element("div.space", { role: "presentation" });
  const box = element("div.list", { role: "tree", "aria-label": "Layers" }, space);
  const shown = new Map<number, HTMLElement>();
  let items: readonly number[] = [];
  let offsets = offsetsOf([]);
  let positions = new Map<number, number>();
  let active = -1;

  function render(): void {
    const { start, stop } = rowsWithin(offsets, box.scrollTop, box.clientHeight, BEYOND);
    const wanted = items.slice(start, stop);
    const at = positions.get(active) ?? Number.NaN; // which is neither before nor after
    if (at < start) wanted.unshift(active);
    if (at >= stop) wanted.push(active);
    const kept = new Set(wanted);
    for (const [item, node] of shown) {
      if (kept.has(item)) continue;
      node.remove();
      shown.delete(item);
    }
    // Those that stay keep their order, so that none is moved: one that is loses the focus.
    let next = space.firstChild;
    for (const item of wanted) {
      let node = shown.get(item);
      if (!node) {
        node = make(item);
        shown.set(item, node);
      }
      if (node === next) next = next.nextSibling;
      else space.insertBefore(node, next);
      node.style.top = `${offsets[positions.get(item) as number]}px`;
      node.tabIndex = item === active ? 0 : -1;
    }
  }

  /** Other items, or the same in other places; `fresh` makes their elements anew. */
  function set(next: readonly number[], heights: readonly number[], fresh: boolean): void {
    const focused = fresh && space.querySelector(":focus");
    if (fresh) {
      space.replaceChildren();
      shown.clear();
    }
    items = next;
    offsets = offsetsOf(heights);
    positions = new Map(next.map((item, position) => [item, position]));
    space.style.height = `${offsets[next.length]}px`;
    if (!positions.has(active)) active = next[0] ?? -1;
    render();
    if (focused) focusOn(shown.get(active));
  }

  function reveal(item: number): void {
    const at = positions.get(item);
    if (at !== undefined && box.clientHeight > 0)
      box.scrollTop = revealing(offsets, at, box.scrollTop, box.clientHeight);
    render();
  }

  function activate(item: number, focus: boolean): void {
    if (!positions.has(item)) return;
    active = item;
    reveal(item);
    if (focus) focusOn(shown.get(item));
  }

  /** The one that the Tab key comes to, and the focus where the list has it, without scrolling to it. */
  function keep(item: number): void {
    if (!positions.has(item)) return;
    active = item;
    const focused = space.querySelector(":focus");
    render();
    if (focused) focusOn(shown.get(item));
  }

  /** The first item that is seen, and how far it is scrolled over. */
  function anchor(): { item: number; over: number } | null {
    const at = rowAt(offsets, box.scrollTop);
    return at < 0 ? null : { item: items[at], over: box.scrollTop - offsets[at] };
  }

  function scrollTo(item: number, over: number): void {
    const at = positions.get(item);
    if (at !== undefined) box.scrollTop = offsets[at] + over;
    render();
  }

  listen(box, "scroll", render, signal);
  onResize(box, render, signal);
  return {
    box,
    set,
    reveal,
    activate,
    keep,
    anchor,
    scrollTo,
    shown: shown as ReadonlyMap<number, HTMLElement>,
    active: () => active,
    items: () => items,
    position: (item: number) => positions.get(item) ?? -1,
    /** How many rows of this height are seen at once. */
    page: (height: number) => Math.max(1, Math.floor(box.clientHeight / height) - 1),
    of: (target: EventTarget | null) =>
      [...shown].find(([, node]) => target instanceof Node && node.contains(target))?.[0] ?? -1,
  };
}
