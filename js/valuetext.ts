/** Values as text that other programs read. */
import { exactly, joined } from "./format.js";
import type { TileValues } from "./tilevalues.js";

/** Rows of values between tabs, for a spreadsheet; above them how far they are off, where they are. */
export function tsv(part: TileValues, dtype: string): string {
  const lines = linesOf(part, dtype, (text) => text).map((line) => line.join("\t"));
  return [...caution(part), ...lines].join("\n");
}

/** An expression that numpy reads. */
export function numpyText(part: TileValues, dtype: string): string {
  const word = (text: string) => ({ NaN: "np.nan", inf: "np.inf", "-inf": "-np.inf" })[text] ?? text;
  const rows = linesOf(part, dtype, word).map((line) => `[${line.join(", ")}]`);
  const held = /^(u?int\d+|float(16|32|64))$/.test(dtype) ? dtype : "float32";
  return [...caution(part), `np.array([${rows.join(",\n          ")}], dtype=np.${held})`].join("\n");
}

/** What has to be known of values that are not the layer's own: a comment, or nothing. */
function caution({ error, factor }: TileValues): string[] {
  const means = factor > 1 ? `each is the mean of ${factor} x ${factor} values` : "";
  const off = error > 0 ? `off by at most ${exactly(error, "float64")}` : "";
  const both = joined([means, off && (means ? `and that is ${off}` : `each is ${off}`)], ", ");
  return both ? [`# ${both}`] : [];
}

function linesOf({ values, columns }: TileValues, dtype: string, word: (text: string) => string): string[][] {
  const width = columns[1] - columns[0];
  const lines: string[][] = [];
  for (let start = 0; start < values.length; start += width) {
    lines.push(Array.from(values.subarray(start, start + width), (value) => word(exactly(value, dtype))));
  }
  return lines;
}
