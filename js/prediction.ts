import type { Frame } from "./frame.js";

/**
 * Makes codes of what `prediction.py` left of them in a report, in place: adds to each the median of the code to the
 * left, the code above, and the plane through these two and the one between them.
 */
export function addPredictions({ codes, codeWidth }: Frame): void {
  for (let row = 0; row < codes.length; row += codeWidth) {
    let left = 0;
    let between = 0;
    for (let i = row; i < row + codeWidth; i++) {
      const above = row > 0 ? codes[i - codeWidth] : 0;
      const plane = left + above - between;
      codes[i] += Math.min(Math.max(plane, Math.min(left, above)), Math.max(left, above));
      left = codes[i];
      between = above;
    }
  }
}
