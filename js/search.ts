/** Finding layers by words: `conv 3x3 512` are the convolutions of 3×3 with 512 channels. */
import type { Badge } from "./badges.js";
import { channelsText, kernelText, mapText } from "./describe.js";
import { times } from "./format.js";
import type { Layer } from "./wire.js";

/** What a layer is found by. */
export interface Findable {
  readonly name: string;
  /** Name, type, kernel, channels and badges; no word goes across a line. */
  readonly text: string;
  readonly channels: readonly (number | null)[];
  /** The kernel and the map, such as `3x3`. */
  readonly sizes: readonly string[];
}

export function findable(layer: Layer, badges: readonly Badge[]): Findable {
  const { name, type, kind, inChannels, outChannels, kernelSize } = layer;
  const parts = [name, type, kind, kernelText(layer), channelsText(layer), ...badges.map(({ text }) => text)];
  return {
    name: plain(name),
    text: plain(parts.join("\n")),
    channels: [inChannels, outChannels],
    sizes: [times(kernelSize), layer.ran ? mapText(layer) : ""].map(plain),
  };
}

/** The words of what was typed: signs for "times" and for an arrow are one. */
export const wordsOf = (query: string): string[] =>
  plain(query).replaceAll("->", "→").replaceAll("*", "x").split(/\s+/).filter(Boolean);

/**
 * Whether a layer has all the words. A number is a count of channels or a part of the name, a size is the kernel,
 * the map or a part of the name: `512` is not found in `512x512`, nor `3x3` in `13x3`.
 */
export const isFound = ({ name, text, channels, sizes }: Findable, words: readonly string[]): boolean =>
  words.every((word) => {
    if (!/^\d+(x\d+)*x?$/.test(word)) return text.includes(word);
    if (name.includes(word)) return true;
    if (!word.includes("x")) return channels.includes(Number(word));
    return sizes.some((size) => (word.endsWith("x") ? size.startsWith(word) : size === word));
  });

/** The parts of a text that are one of the words, from each start to its stop, in order and apart. */
export function marksIn(text: string, words: readonly string[]): [start: number, stop: number][] {
  const lower = plain(text);
  if (lower.length !== text.length) return []; // some letters become longer: positions would be wrong
  const found: [number, number][] = [];
  for (const word of words) {
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
      found.push([at, at + word.length]);
    }
  }
  const apart: [number, number][] = [];
  for (const [start, stop] of found.sort(([a], [b]) => a - b)) {
    const last = apart.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else apart.push([start, stop]);
  }
  return apart;
}

const plain = (text: string): string => text.toLowerCase().replaceAll("×", "x");
