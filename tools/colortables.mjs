// Writes js/colortables.ts and src/cnnvis/colortables.json: the colormaps that are offered, as control points of
// B-splines. `npm run colortables`.
//
// d3-scale-chromatic brings all of its forty maps and the arithmetic to make them, 28 kB; the points are 1 kB. Its
// diverging maps are such splines; through its others, of 256 colors, one is laid that has the least squares of errors.
import { writeFile } from "node:fs/promises";
import * as d3 from "d3-scale-chromatic";

// As few as leave no color further than two levels from its own.
const POINTS = 28;

// Diverging maps run from blue (purple, brown, ...) below zero to red above, the other way round than d3's.
const MAPS = {
  viridis: fitted(d3.interpolateViridis),
  magma: fitted(d3.interpolateMagma),
  inferno: fitted(d3.interpolateInferno),
  plasma: fitted(d3.interpolatePlasma),
  cividis: fitted(d3.interpolateCividis),
  RdBu: d3.schemeRdBu[11].map(channels).reverse(),
  PuOr: d3.schemePuOr[11].map(channels).reverse(),
  BrBG: d3.schemeBrBG[11].map(channels),
  PRGn: d3.schemePRGn[11].map(channels),
};

function channels(color) {
  if (color.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return color.match(/[\d.]+/g).map((part) => Math.round(Number(part)));
}

/** What each of a spline's points adds to its value at `t`, as `channelsAt` of js/colormaps.ts reckons. */
function weights(t) {
  const at = t * (POINTS - 1);
  const low = Math.min(Math.floor(at), POINTS - 2);
  const f = at - low;
  const all = new Array(POINTS).fill(0);
  const add = (point, weight) => {
    // Beyond an end lies the mirror image of the point before it.
    if (point < 0) [add(0, 2 * weight), add(1, -weight)];
    else if (point >= POINTS) [add(POINTS - 1, 2 * weight), add(POINTS - 2, -weight)];
    else all[point] += weight / 6;
  };
  add(low - 1, (1 - f) ** 3);
  add(low, 4 - 6 * f ** 2 + 3 * f ** 3);
  add(low + 1, 1 + 3 * f + 3 * f ** 2 - 3 * f ** 3);
  add(low + 2, f ** 3);
  return all;
}

/** The points of the spline that is nearest to a map, as red, green, blue. */
function fitted(map) {
  const rows = Array.from({ length: 256 }, (_, i) => ({ w: weights(i / 255), color: channels(map(i / 255)) }));
  const sum = (term) => rows.reduce((total, row) => total + term(row), 0);
  const system = Array.from({ length: POINTS }, (_, i) => [
    ...Array.from({ length: POINTS }, (_, j) => sum(({ w }) => w[i] * w[j])),
    ...[0, 1, 2].map((c) => sum(({ w, color }) => w[i] * color[c])),
  ]);
  // Gauss and Jordan; the matrix is positive definite, no pivot needs to be looked for.
  for (let i = 0; i < POINTS; i++) {
    const pivot = system[i][i];
    system[i] = system[i].map((value) => value / pivot);
    for (let k = 0; k < POINTS; k++) {
      const factor = system[k][i];
      if (k !== i) system[k] = system[k].map((value, j) => value - factor * system[i][j]);
    }
  }
  return system.map((row) => row.slice(-3).map((value) => Math.min(Math.max(Math.round(value), 0), 255)));
}

const tables = Object.entries(MAPS).map(([name, points]) => [
  name,
  Buffer.from(points.flat()).toString("base64"),
]);
const lines = tables.map(([name, table]) => `  ${name}: "${table}",`);
await writeFile(
  "js/colortables.ts",
  `/** Written by tools/colortables.mjs from d3-scale-chromatic: red, green, blue of splines' points, in base64. */
export const TABLES = {
${lines.join("\n")}
} as const;
`,
);
await writeFile("src/cnnvis/colortables.json", `${JSON.stringify(Object.fromEntries(tables), null, 1)}\n`);
