// Puts what the page of vscode.py loads into build/vscode: VS Code's widget manager, its module loader and the
// bridge between them and a kernel.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { build } from "esbuild";

const OUT = "build/vscode";
// Packed and not installed: its own dependencies, which its bundle has in it, are all of JupyterLab.
const MANAGER = "@vscode/jupyter-ipywidgets8@1.0.9";
const TARBALL = `${OUT}/vscode-jupyter-ipywidgets8-1.0.9.tgz`;
const SHA512 = "bocCThfa4JDIDd7qCFAfW3HpzHfTLYxOTpTbiDfw4DXOUjKHnr6ObkMBiIkuzYPRybh5bY4FhYLemuDuTvIbpQ==";

mkdirSync(OUT, { recursive: true });
if (!existsSync(TARBALL)) {
  execFileSync("npm", ["pack", MANAGER, "--silent", "--pack-destination", OUT], {
    shell: process.platform === "win32",
  });
}
const found = createHash("sha512").update(readFileSync(TARBALL)).digest("base64");
if (found !== SHA512) {
  throw new Error(`${TARBALL} must have the SHA-512 ${SHA512}, received ${found}; delete it and try again`);
}
execFileSync("tar", ["xzf", TARBALL, "-C", OUT]);
copyFileSync("node_modules/requirejs/require.js", `${OUT}/require.js`);
await build({
  entryPoints: ["tests/browser/hosts/vscode/bridge.ts"],
  bundle: true,
  outdir: OUT,
  format: "iife",
  target: "es2022",
  logLevel: "warning",
});
