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
  "not taken": ["error"],
  "non-finite": ["error", "not finite"],
  "weights bypassed": ["warn", "bypassed"],
  dead: ["warn"],
  constant: ["warn"],
  "train mode": ["warn"],
  labels: ["warn"],
  "never ran": ["faint"],
  functional: ["plain", "function"],
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
export function badgesOf(notes: readonly Note[], layer: Layer | null): Badge[] {
  const kinds = new Map<string, string[]>();
  for (const { kind, text } of notes) kinds.set(kind, [...(kinds.get(kind) ?? []), text]);
  return [...kinds]
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([kind, texts]) => {
      const [tone] = known(kind) ?? ["plain"];
      return { text: kindText(kind, layer), tone, title: texts.join("\n") };
    });
}

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

function known(kind: string): (typeof KINDS)[string] | undefined {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
}

function rank(kind: string): number {
  const at = ORDER.indexOf(kind);
  return at < 0 ? ORDER.indexOf("averaged") - 0.5 : at;
}
