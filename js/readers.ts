/**
 * What comes from Python, whatever it is, as a value that can be shown: nothing is trusted to have the right type,
 * and what is missing or wrong gets a value that stands for it.
 */

/** How each part of a record is read, whatever is there. */
export type Readers<Of> = { readonly [Name in keyof Of]: (value: unknown) => Of[Name] };

/** Python's name of a trait or of a part of a record. */
export const pythonName = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Reads records whose parts have Python's names. */
export function recordOf<Of>(readers: Readers<Of>): (value: unknown) => Of {
  const parts = Object.entries<(value: unknown) => unknown>(readers);
  // Once and not for each of a thousand layers.
  const named = parts.map(([name, read]) => [name, pythonName(name), read] as const);
  return (value) => {
    const theirs = record(value);
    const ours: Record<string, unknown> = {};
    for (const [name, python, read] of named) ours[name] = read(theirs[python]);
    return ours as Of;
  };
}

export const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Reads lists of what `read` reads. */
export const listOf =
  <Of>(read: (value: unknown) => Of): ((value: unknown) => Of[]) =>
  (value) =>
    list(value).map((each) => read(each));

export const numbers = (value: unknown): number[] =>
  list(value).filter((n): n is number => countOrNull(n) !== null);

export const text = (value: unknown): string =>
  textOrNull(value) ?? (typeof value === "number" ? String(value) : "");

export const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);

export const number = (value: unknown, fallback = 0): number => countOrNull(value) ?? fallback;

export const within =
  (least: number, most: number, fallback: number): ((value: unknown) => number) =>
  (value) =>
    Math.min(Math.max(number(value, fallback), least), most);

export const isTrue = (value: unknown): boolean => value === true;

/** A number that can count from 0; 0 for what is none. */
export const index = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0;

export const countOrNull = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** The value when it is one of `known`, else the first of them: Python's check, not ours, reports a bad one. */
export const oneOf =
  <Value extends string>(known: readonly Value[]): ((value: unknown) => Value) =>
  (value) =>
    known.find((option) => option === value) ?? known[0];

/** A binary value as the host hands it over (DataView, typed array, buffer, or an array of numbers) as bytes. */
export function readBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (Array.isArray(value) && value.every((n) => typeof n === "number")) return Uint8Array.from(value);
  return new Uint8Array(0);
}

// As a data URL, not a blob's: VS Code's policy for notebook outputs allows only the former.
export function pictureUrl(bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  const type = { 137: "png", 66: "bmp" }[bytes[0]] ?? "jpeg";
  let binary = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return `data:image/${type};base64,${btoa(binary)}`;
}
