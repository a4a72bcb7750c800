import type { Badge } from "../badges.js";
import { bitmap } from "../bitmap.js";
import { colorTable } from "../colormaps.js";
import { channelsText, costs, layerText, mapText, typeText } from "../describe.js";
import { element } from "../dom.js";
import { count, joined } from "../format.js";
import { type Frame, tileOf } from "../frame.js";
import { pictureUrl } from "../readers.js";
import { marksIn } from "../search.js";
import { holds, type Row } from "../tree.js";
import type { Layer } from "../wire.js";
import { badgeElements } from "./badge.js";

/** CSS pixels; the style sheet has the same. */
export const LAYER_HEIGHT = 44;
export const GROUP_HEIGHT = 28;
const PREVIEW = 28;
const INDENT = 12;
/** Levels beyond this are not indented further, or there were no room for names. */
const DEEPEST = 6;
/** Characters that badges may take from a name. */
const ROOM = 16;
/** Of a name that are put into the page. */
const LONGEST = 20_000;

/** One row of the tree: two lines and a place for the picture of a layer, one line of a module. */
export function rowElement(
  rows: readonly Row[],
  index: number,
  layer: Layer | undefined,
  badges: readonly Badge[],
  words: readonly string[],
): HTMLElement {
  const row = rows[index];
  const indent = Math.min(row.depth, DEEPEST) * INDENT;
  const facts = layer ? layerText(layer) : `${row.layers} layers · ${count(row.parameters)} parameters`;
  // One hairline for each module that it lies in.
  const guides = element("span.guides", { "aria-hidden": true });
  guides.style.width = `${indent}px`;
  const node = element(
    layer ? "div.row" : "div.group",
    {
      role: "treeitem",
      tabindex: -1,
      title: `${row.key}\n${facts}`,
      "aria-level": row.depth + 1,
      "aria-posinset": row.position,
      "aria-setsize": row.siblings,
    },
    guides,
    element("span.chevron", { "aria-hidden": true, hidden: !holds(rows, index) }),
    layer ? layerLines(row, layer, badges, words) : groupText(row, words),
  );
  node.style.paddingLeft = `${8 + indent}px`;
  if (layer) node.append(element("span.preview", { "aria-hidden": true }));
  node.classList.toggle("cnnvis-unrun", layer?.ran === false);
  return node;
}

const groupText = (row: Row, words: readonly string[]): HTMLElement =>
  element("span.lines", nameElement(row, words), element("span.count", `${row.layers} layers`));

function layerLines(row: Row, layer: Layer, badges: readonly Badge[], words: readonly string[]): HTMLElement {
  const facts = [typeText(layer), channelsText(layer), layer.ran ? mapText(layer) : ""];
  const top = element(
    "span.line",
    nameElement(row, words),
    element("span.costs", joined(costs(layer, ["", " mac"]))),
  );
  if (badges.length > 0) top.append(element("span.badges", ...badgeElements(badges, ROOM)));
  return element("span.lines", top, element("span.facts", joined(facts)));
}

function nameElement({ label }: Row, words: readonly string[]): HTMLElement {
  const text = label.slice(0, LONGEST) || "(no name)";
  const cut = text.lastIndexOf(".") + 1;
  return element(
    "span.name",
    // The path gives way before the last part does.
    element("span.path", ...marked(text, words, 0, cut)),
    element("span.leaf", ...marked(text, words, cut, text.length)),
  );
}

/** A part of a text, in which the words are marked. */
function marked(text: string, words: readonly string[], from: number, to: number): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let at = from;
  for (const [start, stop] of marksIn(text, words)) {
    const [first, last] = [Math.max(start, at), Math.min(stop, to)];
    if (first >= last) continue;
    parts.push(text.slice(at, first), element("mark", text.slice(first, last)));
    at = last;
  }
  parts.push(text.slice(at, to));
  return parts.filter(Boolean);
}

/**
 * Draws the mean map of a layer, where there is one. As images: each canvas is a layer of its own to the browser,
 * and puts together all of the page anew more slowly.
 */
export function previewPainter(): (place: HTMLElement, overview: Frame | null, layer: number) => void {
  const table = colorTable("viridis");
  return (place, overview, layer) => {
    const tile = overview ? tileOf(overview, layer) : -1;
    if (!overview || tile < 0) return place.replaceChildren();
    const { codes, codeWidth, codeHeight } = overview;
    const start = tile * codeHeight * codeWidth;
    // The map fills the upper left of its tile: codes 0 are beyond it.
    let [width, height] = [0, 0];
    for (let i = 0; i < codeHeight * codeWidth; i++) {
      if (codes[start + i] === 0) continue;
      width = Math.max(width, (i % codeWidth) + 1);
      height = Math.floor(i / codeWidth) + 1;
    }
    if (width === 0) return place.replaceChildren();
    const pixels = new Uint32Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const code = codes[start + y * codeWidth + x];
        if (code > 0) pixels[y * width + x] = table[Math.round(((code - 1) * 255) / 254)];
      }
    }
    // The one that is there stays until the next has loaded.
    const picture = place.querySelector("img") ?? element("img", { alt: "", draggable: "false" });
    picture.src = pictureUrl(bitmap(pixels, width));
    const scale = PREVIEW / Math.max(width, height);
    picture.style.width = `${Math.max(2, width * scale)}px`;
    picture.style.height = `${Math.max(2, height * scale)}px`;
    place.append(picture);
  };
}
