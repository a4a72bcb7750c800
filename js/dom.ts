import type { Point } from "./transform.js";

type Child = Node | string;

interface Attributes {
  class?: string;
  /** Set as attributes. A false one is left out, a true one is empty. */
  [name: string]: string | number | boolean | undefined;
}

/** An element with attributes and children; strings become text and never markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** Sets the text only where it changes, so that what reads it aloud hears news only. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Where an event lies on a node, in CSS pixels from its upper left corner. */
export function pointOn(node: Element, { clientX, clientY }: MouseEvent): Point {
  const { left, top } = node.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

/** Scrolls a box to one of its children, and nothing around the box as `scrollIntoView` would. */
export function reveal(box: HTMLElement, child: HTMLElement): void {
  const top = child.offsetTop - (child.offsetParent === box ? 0 : box.offsetTop);
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + child.offsetHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = top + child.offsetHeight - box.clientHeight;
  }
}
