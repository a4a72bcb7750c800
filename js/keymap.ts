/** The keys of the canvas, as they are bound and as the sheet of keys lists them. */

/** A line of the sheet: keys, what they do, and what to run for each chord as `chordOf` writes it. */
export type Binding = readonly [keys: string, what: string, on?: Readonly<Record<string, () => void>>];

export interface Chapter {
  readonly title: string;
  readonly bindings: readonly Binding[];
}

type KeyPress = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/**
 * A key with what is held beside it: `Shift+ArrowLeft`, `Mod+c` (Ctrl, or Cmd on a Mac), `?`. Shift is a part of
 * what it types; and many keyboards have brackets on AltGr, which comes as Ctrl with Alt.
 */
export function chordOf({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyPress): string {
  if (key === "[" || key === "]") return key;
  const mod = ctrlKey || metaKey ? "Mod+" : "";
  return `${mod}${altKey ? "Alt+" : ""}${shiftKey && key.length > 1 ? "Shift+" : ""}${key}`;
}

/** What each chord does. */
export const bound = (chapters: readonly Chapter[]): Map<string, () => void> =>
  new Map(chapters.flatMap(({ bindings }) => bindings.flatMap(([, , on = {}]) => Object.entries(on))));
