import { atEnd } from "./listen.js";
import type { Theme } from "./wire.js";

export type Appearance = "light" | "dark";

/**
 * Calls `apply` with how the view should look, now and whenever that changes: as asked for, else as the host
 * shows itself, else as the system does.
 *
 * @returns a function to call when what is asked for changes.
 */
export function followTheme(
  asked: () => Theme,
  apply: (appearance: Appearance) => void,
  signal: AbortSignal,
): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  function update(): void {
    const theme = asked();
    apply(theme === "auto" ? (hostTheme() ?? (system.matches ? "dark" : "light")) : theme);
  }
  const observer = new MutationObserver(update);
  for (const node of [document.documentElement, document.body]) {
    observer.observe(node, { attributeFilter: ["data-jp-theme-light", ...SAYING] });
  }
  atEnd(signal, () => observer.disconnect());
  system.addEventListener("change", update, { signal });
  update();
  return update;
}

/** What the page around says of itself; null when it says nothing. */
export function hostTheme(): Appearance | null {
  const { body, documentElement } = document;
  const jupyter = body.getAttribute("data-jp-theme-light");
  if (jupyter !== null) return jupyter === "true" ? "light" : "dark";
  for (const node of [body, documentElement]) {
    const words = SAYING.flatMap((name) => node.getAttribute(name)?.split(/\s+/) ?? []);
    // Light first: VS Code's light high-contrast theme also has the class of the dark one.
    if (words.some((word) => LIGHT.includes(word))) return "light";
    if (words.some((word) => DARK.includes(word))) return "dark";
  }
  return null;
}

/** Where hosts write it: VS Code; marimo, Sphinx and many pages; Bootstrap (Shiny, Quarto); Colab. */
const SAYING = ["class", "data-vscode-theme-kind", "data-theme", "data-bs-theme", "theme"];
const LIGHT = ["light", "vscode-light", "vscode-high-contrast-light"];
const DARK = ["dark", "vscode-dark", "vscode-high-contrast"];
