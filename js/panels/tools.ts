import { button, element, group, setAttributes } from "../dom.js";
import type { Actions } from "../keys.js";
import { foldPanel, type Panels, type State, type ViewerStore } from "../state.js";
import { step } from "../trail.js";
import { createPopover } from "./popover.js";

/** The buttons at the right of the headline: back and forward, zoom, panels, full screen, keys. */
export function toolsPanel(store: ViewerStore, actions: Actions, signal: AbortSignal): HTMLElement {
  const { motion, go } = actions;

  const tool = (glyph: string, title: string, run: () => void) => button("tool", glyph, run, signal, title);

  const back = tool("←", "Back (Alt + ←)", () => go(-1));
  const forward = tool("→", "Forward (Alt + →)", () => go(1));
  const showTrail = ({ trail }: Readonly<State>) => {
    back.disabled = !step(trail, -1);
    forward.disabled = !step(trail, 1);
  };
  store.show(["trail"], showTrail, signal);

  const fold = (panel: keyof Panels, glyph: string, title: string) => {
    const node = tool(glyph, title, () => foldPanel(store, panel));
    store.show(["panels"], ({ panels }) => setAttributes(node, { "aria-pressed": panels[panel] }), signal);
    return node;
  };

  const full = tool("⤢", "Full screen (f)", actions.toggleFullscreen);
  full.hidden = !document.fullscreenEnabled;

  const item = (text: string, run: () => void) => {
    const pick = () => {
      leave.close();
      run();
    };
    return button("item", text, pick, signal);
  };
  const leave = createPopover(
    "Save",
    "Copy and save",
    signal,
    element("small", "The picked tile"),
    item("Copy values for a spreadsheet", () => actions.copyValues("tsv")),
    item("Copy values for numpy", () => actions.copyValues("numpy")),
    item("Copy picture", actions.copyPicture),
    element("small", "All that is seen, as PNG"),
    ...[1, 2, 3, 4].map((ratio) => item(`Save at ${ratio}x`, () => actions.savePicture(ratio))),
  );

  leave.panel.classList.add("cnnvis-menu");

  return element(
    "div.toolsets",
    group("div.tools", "History", back, forward),
    group(
      "div.tools",
      "Zoom",
      tool("−", "Zoom out (-)", () => motion.zoomBy(1 / 1.5)),
      tool("Fit", "Fit: show all (0)", motion.fit),
      tool("+", "Zoom in (+)", () => motion.zoomBy(1.5)),
    ),
    group(
      "div.tools",
      "View",
      fold("layers", "☰", "Layers (l)"),
      fold("inspector", "◧", "Inspector (i)"),
      full,
      tool("?", "Keys (?)", () => store.set({ sheet: "help" })),
    ),
    leave.element,
  );
}
