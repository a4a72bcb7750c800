import { listen } from "./listen.js";
import type { Point } from "./transform.js";

type Child = Node | string;

/** A false one is left out and a true one is empty; those of ARIA say which. */
type Attributes = Record<string, string | number | boolean | undefined>;

/**
 * An element with what it has: attributes and children; strings become text and never markup.
 *
 * @param what its tag and its classes: "span.name" has the class `cnnvis-name`, as all of ours begin so.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  what: Tag | `${Tag}.${string}`,
  ...parts: (Attributes | Child)[]
): HTMLElementTagNameMap[Tag] {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag as Tag);
  // Or it would send the form that a page may have around it.
  if (node instanceof HTMLButtonElement) node.type = "button";
  for (const name of classes) node.classList.add(`cnnvis-${name}`);
  for (const part of parts) {
    if (typeof part === "string" || part instanceof Node) node.append(part);
    else setAttributes(node, part);
  }
  return node;
}

/** An element around what belongs together, with what it is called. */
export const group = (
  what: `div.${string}`,
  name: string,
  ...parts: (Attributes | Child)[]
): HTMLDivElement => element(what, { role: "group", "aria-label": name }, ...parts);

/** A button that does something when it is pressed; `name` is what it is called where its text does not say it. */
export function button(
  kind: string,
  text: string,
  run: () => void,
  signal: AbortSignal,
  name?: string,
): HTMLButtonElement {
  const node = element(`button.${kind}`, { title: name, "aria-label": name }, text);
  listen(node, "click", run, signal);
  return node;
}

/** Names and what they mean, each pair in a box of its own, for a `dl`. */
export const definitions = (
  pairs: readonly (readonly [name: string, text: string, ...unknown[]])[],
): HTMLElement[] => pairs.map(([name, text]) => element("div", element("dt", name), element("dd", text)));

export function setAttributes(node: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const isWord = typeof value !== "boolean" || name.startsWith("aria-");
    if (value === undefined || (value === false && !isWord)) node.removeAttribute(name);
    else node.setAttribute(name, isWord ? String(value) : "");
  }
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

/** Gives the focus to a node, where there is one, and leaves the page where it is scrolled to. */
export const focusOn = (node: HTMLElement | null | undefined): void => node?.focus({ preventScroll: true });

/** Takes an event: neither the browser nor the notebook around the view does anything more with it. */
export function take(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

/** Scrolls a box to one of its children, and nothing around the box as `scrollIntoView` would. */
export function reveal(box: HTMLElement, child: HTMLElement): void {
  const top = child.offsetTop - (child.offsetParent === box ? 0 : box.offsetTop);
  box.scrollTop = Math.max(Math.min(box.scrollTop, top), top + child.offsetHeight - box.clientHeight);
}
