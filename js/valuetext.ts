/** Values as text that other programs read. */
import { exactly } from "./format.js";
import type { TileValues } from "./tilevalues.js";

/** Rows of values between tabs, for a spreadsheet. */
export function tsv(part: TileValues, dtype: string): string {
  return linesOf(part, dtype, (text) => text)
    .map((line) => line.join("\t"))
    .join("\n");
}

/** An expression that numpy reads. */
export function numpyText(part: TileValues, dtype: string): string {
  const word = (text: string) => ({ NaN: "np.nan", inf: "np.inf", "-inf": "-np.inf" })[text] ?? text;
  const rows = linesOf(part, dtype, word).map((line) => `[${line.join(", ")}]`);
  const held = /^(u?int\d+|float(16|32|64))$/.test(dtype) ? dtype : "float32";
  const note = part.error > 0 ? `  # each off by at most ${exactly(part.error, "float64")}` : "";
  return `np.array([${rows.join(",\n          ")}], dtype=np.${held})${note}`;
}

function linesOf({ values, columns }: TileValues, dtype: string, word: (text: string) => string): string[][] {
  const width = columns[1] - columns[0];
  const lines: string[][] = [];
  for (let start = 0; start < values.length; start += width) {
    lines.push(Array.from(values.subarray(start, start + width), (value) => word(exactly(value, dtype))));
  }
  return lines;
}
