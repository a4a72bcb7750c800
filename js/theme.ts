import { atEnd } from "./listen.js";
import type { ViewerStore } from "./state.js";

export type Appearance = "light" | "dark";

/** Lets the view look as asked for, else as the host shows itself, else as the system does; now and later. */
export function followTheme(store: ViewerStore, root: HTMLElement, signal: AbortSignal): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  function update(): void {
    const { theme } = store.state;
    const appearance = theme === "auto" ? (hostTheme() ?? (system.matches ? "dark" : "light")) : theme;
    root.dataset.theme = appearance;
    store.set({ appearance });
  }
  const observer = new MutationObserver(update);
  for (const node of [document.documentElement, document.body]) {
    observer.observe(node, { attributeFilter: ["data-jp-theme-light", ...SAYING] });
  }
  atEnd(signal, () => observer.disconnect());
  system.addEventListener("change", update, { signal });
  store.show(["theme"], update, signal);
}

/** What the page around says of itself; null when it says nothing. */
export function hostTheme(): Appearance | null {
  const { body, documentElement } = document;
  const jupyter = body.getAttribute("data-jp-theme-light");
  if (jupyter !== null) return jupyter === "true" ? "light" : "dark";
  for (const node of [body, documentElement]) {
    const words = SAYING.map((name) => node.getAttribute(name)).join(" ");
    // Light first: VS Code's light high-contrast theme also has the class of the dark one.
    if (LIGHT.test(words)) return "light";
    if (DARK.test(words)) return "dark";
  }
  return null;
}

/** Where hosts write it: VS Code; marimo, Sphinx and many pages; Bootstrap (Shiny, Quarto); Colab. */
const SAYING = ["class", "data-vscode-theme-kind", "data-theme", "data-bs-theme", "theme"];
const LIGHT = /(^|\s)(vscode-|vscode-high-contrast-)?light(\s|$)/;
const DARK = /(^|\s)(vscode-high-contrast|(vscode-)?dark)(\s|$)/;
