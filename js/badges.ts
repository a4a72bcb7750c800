import type { Layer, Note } from "./wire.js";

/** How much a badge asks to be seen. */
export type Tone = "error" | "warn" | "plain" | "faint";

export interface Badge {
  readonly text: string;
  readonly tone: Tone;
  /** The sentences. */
  readonly title: string;
}

/** Kinds of notes, what matters most first; kinds that are not here come after the plain ones. */
const KINDS: Record<string, readonly [tone: Tone, text?: string]> = {
  stopped: ["error"],
  "not taken": ["error"],
  "non-finite": ["error", "not finite"],
  "weights bypassed": ["warn", "bypassed"],
  dead: ["warn"],
  constant: ["warn"],
  "train mode": ["warn"],
  labels: ["warn"],
  trace: ["warn"],
  "never ran": ["faint"],
  functional: ["plain", "function"],
  bypassed: ["plain"],
  "foreign hook": ["plain", "hooks"],
  "ran more than once": ["plain", "calls"],
  "default preprocessing": ["plain"],
  compiled: ["plain"],
  image: ["plain"],
  batch: ["plain"],
  averaged: ["faint"],
  "in-place follower": ["faint", "in-place"],
  "receptive field": ["faint", "no field"],
};
const ORDER = Object.keys(KINDS);

/** One badge for each kind of note, what matters most first. */
export function badgesOf(notes: readonly Note[] | undefined, layer: Layer | null): Badge[] {
  const kinds = new Map<string, string[]>();
  for (const { kind, text } of ranked(notes)) kinds.set(kind, [...(kinds.get(kind) ?? []), text]);
  return [...kinds].map(([kind, texts]) => {
    return { text: kindText(kind, layer), tone: toneOf(kind), title: texts.join("\n") };
  });
}

/** The notes, what matters most first. */
export const ranked = (notes: readonly Note[] = []): Note[] =>
  [...notes].sort((a, b) => rank(a.kind) - rank(b.kind));

export const toneOf = (kind: string): Tone => known(kind)?.[0] ?? "plain";

/** What of the badges has room: as many as stay within `room` characters, at least one, and how many are left. */
export function fitting(badges: readonly Badge[], room: number): { shown: readonly Badge[]; more: number } {
  let used = 0;
  const tooMuch = badges.findIndex(({ text }, index) => (used += text.length + 2) > room && index > 0);
  const shown = tooMuch < 0 ? badges : badges.slice(0, tooMuch);
  return { shown, more: badges.length - shown.length };
}

/** The short word of a kind. */
export function kindText(kind: string, layer: Layer | null): string {
  const [, text] = known(kind) ?? [];
  if (text === "calls") return `${layer?.calls ?? 0} calls`;
  return text ?? (kind || "note");
}

const known = (kind: string): (typeof KINDS)[string] | undefined =>
  Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;

function rank(kind: string): number {
  const at = ORDER.indexOf(kind);
  return at < 0 ? ORDER.indexOf("averaged") - 0.5 : at;
}
