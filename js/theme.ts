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
  const attributeFilter = [
    "class",
    "theme",
    "data-theme",
    "data-bs-theme",
    "data-jp-theme-light",
    "data-vscode-theme-kind",
  ];
  for (const node of [document.documentElement, document.body]) {
    observer.observe(node, { attributes: true, attributeFilter });
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
    const words = [
      ...node.classList,
      node.getAttribute("data-vscode-theme-kind"), // VS Code
      node.getAttribute("data-theme"), // marimo, Sphinx, many pages
      node.getAttribute("data-bs-theme"), // Bootstrap: Shiny, Quarto
      node.getAttribute("theme"), // Colab
    ];
    // Light first: VS Code's light high-contrast theme also has the class of the dark one.
    if (words.some((word) => word !== null && LIGHT.includes(word))) return "light";
    if (words.some((word) => word !== null && DARK.includes(word))) return "dark";
  }
  return null;
}

const LIGHT = ["light", "vscode-light", "vscode-high-contrast-light"];
const DARK = ["dark", "vscode-dark", "vscode-high-contrast"];
