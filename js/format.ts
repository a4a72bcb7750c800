/** Numbers and shapes as people read them. Signs are hyphens, so that a copied number is still a number. */

/**
 * A value with no more digits than its error leaves meaning: `0.314 ± 0.002`.
 *
 * @param error how far the value can be off; 0 for an exact one.
 */
export function withError(value: number, error: number): string {
  if (!(error > 0)) return plain(value);
  // Two digits of an error that begins with 1, else one: by rounding it changes by a third at most. Rounding may
  // carry to the next power of ten: 0.097 is 0.1.
  const rounded = Number(error.toExponential(error.toExponential().startsWith("1") ? 1 : 0));
  const leading = Math.floor(Math.log10(rounded));
  const digits = rounded < 2 * 10 ** leading ? 1 : 0;
  if (leading >= 5 || leading < -6)
    return `${scientific(value, leading - digits)} ± ${rounded.toExponential(digits)}`;
  const decimals = Math.max(0, digits - leading);
  return `${unsignZero(value.toFixed(decimals))} ± ${rounded.toFixed(decimals)}`;
}

/**
 * An exact value: as few digits as give it back in its own type.
 *
 * @param dtype as torch names it; what is no float64 and no integer is held by float32 exactly.
 */
export function exactly(value: number, dtype: string): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "inf" : "-inf";
  if (dtype === "float64" || dtype.includes("int") || Math.fround(value) !== value) return String(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** A value in about four digits, short enough for a legend. */
export function plain(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e5 || size < 1e-3) return trimmed(value.toExponential(2));
  return trimmed(value.toPrecision(size >= 1000 ? Math.ceil(Math.log10(size + 1)) : 3));
}

export function percent(share: number): string {
  if (Number.isNaN(share)) return "–";
  const points = share * 100;
  // Never "0 %" or "100 %" for what is only nearly so.
  if (points > 0 && points < 0.1) return "<0.1 %";
  if (points < 100 && points > 99.9) return ">99.9 %";
  return `${trimmed(points.toFixed(1))} %`;
}

/** 1234567 as 1.23 M. */
export function count(n: number): string {
  for (const [size, suffix] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (n >= size) return `${trimmed((n / size).toPrecision(3))} ${suffix}`;
  }
  return String(n);
}

export const times = (sizes: readonly number[]): string => sizes.join("×");

/** A size in each direction, written once where all are equal. */
export const perAxis = (sizes: readonly number[]): string =>
  sizes.every((size) => size === sizes[0]) ? String(sizes[0]) : times(sizes);

/** With digits down to 10 to the power of `last`. */
function scientific(value: number, last: number): string {
  const first = value === 0 ? last : Math.floor(Math.log10(Math.abs(value)));
  return value.toExponential(Math.min(20, Math.max(0, first - last)));
}

const trimmed = (number: string): string =>
  number.replace(/(\.\d*?)0+(?=$|e)/, "$1").replace(/\.(?=$|e)/, "");

const unsignZero = (number: string): string => (/^-0(\.0*)?$/.test(number) ? number.slice(1) : number);

export const capitalized = (text: string): string => text[0].toUpperCase() + text.slice(1);

/** The parts of a line that there are. */
export const joined = (parts: readonly string[], between = " · "): string =>
  parts.filter(Boolean).join(between);
