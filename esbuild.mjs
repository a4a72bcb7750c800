// Builds what ships in the Python package: the widget's module, the report's script and their stylesheet.
import { readFile, writeFile } from "node:fs/promises";
import { context } from "esbuild";

const OUT = "src/cnnvis/static";

// Minifying shortens the names of variables only. So each of these, written all over the code, becomes one.
const OFTEN = {
  globalThis:
    "AbortController Float64Array Int32Array Number Object String Uint32Array clearTimeout document performance setTimeout",
  Math: "abs ceil floor max min round",
  Number: "NEGATIVE_INFINITY isFinite isSafeInteger",
  Array: "isArray",
  Object: "entries",
  JSON: "stringify",
};
const define = { "Number.NaN": "NaN", "Number.POSITIVE_INFINITY": "Infinity" };
const variables = Object.entries(OFTEN).map(([of, names]) => {
  const parts = names.split(" ").map((name) => {
    define[of === "globalThis" ? name : `${of}.${name}`] = `${of}_${name}`;
    return `${name}: ${of}_${name}`;
  });
  return `export const { ${parts.join(", ")} } = ${of};`;
});
const oftenUsed = {
  name: "often-used",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^often-used$/ }, ({ path }) => ({ path, namespace: path }));
    onLoad({ filter: /./, namespace: "often-used" }, () => ({ contents: variables.join("\n") }));
  },
};

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  outdir: OUT,
  metafile: true,
  legalComments: "none",
  charset: "utf8", // no escapes: the report is written as UTF-8
  logLevel: "info",
};

const script = { define, inject: [oftenUsed.name], plugins: [oftenUsed] };

const builds = [
  { ...shared, entryPoints: ["js/widget.ts"], format: "esm", ...script },
  { ...shared, entryPoints: ["js/report.ts"], format: "iife", ...script },
  { ...shared, entryPoints: ["js/widget.css"] },
];

/** Writes the licences of the packages that went into the bundles, as these licences ask for. */
async function writeLicenses(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  packages.add("node_modules/d3-scale-chromatic"); // js/colortables.ts is made from it
  const texts = [...packages].sort().map(async (folder) => {
    const name = folder.slice("node_modules/".length);
    return `${name}\n\n${await readFile(`${folder}/LICENSE`, "utf8")}`;
  });
  await writeFile(`${OUT}/licenses.txt`, (await Promise.all(texts)).join("\n---\n\n"));
}

const watch = process.argv.includes("--watch");
const inputs = [];
for (const options of builds) {
  const build = await context(options);
  if (watch) {
    await build.watch();
  } else {
    const { metafile } = await build.rebuild();
    inputs.push(...Object.keys(metafile.inputs));
    await build.dispose();
  }
}
if (!watch) await writeLicenses(inputs);
