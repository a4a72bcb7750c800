// Writes js/colortables.ts and src/cnnvis/colortables.json: the colormaps that are offered, sampled from
// d3-scale-chromatic. `npm run colortables`.
//
// d3 brings all of its forty maps and the arithmetic to make them, 28 kB; the samples are 4 kB.
import { writeFile } from "node:fs/promises";
import * as d3 from "d3-scale-chromatic";

const SAMPLES = 64;

// Diverging maps run from blue (purple, brown, ...) below zero to red above, the other way round than d3's.
const MAPS = {
  viridis: d3.interpolateViridis,
  magma: d3.interpolateMagma,
  inferno: d3.interpolateInferno,
  plasma: d3.interpolatePlasma,
  cividis: d3.interpolateCividis,
  RdBu: (t) => d3.interpolateRdBu(1 - t),
  PuOr: (t) => d3.interpolatePuOr(1 - t),
  BrBG: d3.interpolateBrBG,
  PRGn: d3.interpolatePRGn,
};

function channels(color) {
  if (color.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return color.match(/[\d.]+/g).map((part) => Math.round(Number(part)));
}

const tables = Object.entries(MAPS).map(([name, map]) => {
  const bytes = Array.from({ length: SAMPLES }, (_, i) => channels(map(i / (SAMPLES - 1)))).flat();
  return [name, Buffer.from(bytes).toString("base64")];
});
const lines = tables.map(([name, table]) => `  ${name}:\n    "${table}",`);
await writeFile(
  "js/colortables.ts",
  `/** Written by tools/colortables.mjs from d3-scale-chromatic: red, green, blue of evenly spaced colors, in base64. */
export const TABLES = {
${lines.join("\n")}
} as const;
`,
);
await writeFile("src/cnnvis/colortables.json", `${JSON.stringify(Object.fromEntries(tables), null, 1)}\n`);
