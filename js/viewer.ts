import { createCanvas } from "./canvas.js";
import { followDetail } from "./detail.js";
import { element } from "./dom.js";
import { feed } from "./feed.js";
import { FILTERS } from "./frame.js";
import { addGestures } from "./gestures.js";
import { addKeys, suppressShortcuts } from "./keys.js";
import { inspectorPanel } from "./panels/inspector.js";
import { layersPanel } from "./panels/layers.js";
import { legendPanel } from "./panels/legend.js";
import { bannerPanel, messagePanel, quietPanel } from "./panels/notice.js";
import { progressPanel } from "./panels/progress.js";
import { readoutPanel } from "./panels/readout.js";
import { toolbarPanel } from "./panels/toolbar.js";
import { nextScene } from "./scene.js";
import type { Source } from "./source.js";
import { currentLayer, type ViewerStore } from "./state.js";
import { followTheme } from "./theme.js";

export interface ViewerOptions {
  readonly root: HTMLElement;
  readonly store: ViewerStore;
  readonly source: Source;
  /** All that the viewer listens to ends when it aborts; the root is empty then. */
  readonly signal: AbortSignal;
  /** Fill the root's height, as a page of its own does, and not the height asked for. */
  readonly fill?: boolean;
}

/** Puts the panels and the canvas into `root` and keeps them at what store and source say. */
export function mountViewer({ root, store, source, signal, fill = false }: ViewerOptions): void {
  root.classList.add("cnnvis");
  root.classList.toggle("cnnvis-fill", fill);

  // Before all that shows a scene, so that no panel sees a frame without the scene that belongs to it.
  store.on(
    ["frame", "sort", "viewport", "metadata", "slice"],
    () => store.set(nextScene(store.state)),
    signal,
  );

  const canvas = createCanvas(store, signal);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  const motion = addGestures(canvas, store, source, signal);
  addKeys(canvas, store, source, motion, signal);
  suppressShortcuts(root, signal);

  root.replaceChildren(
    element(
      "div",
      { class: "cnnvis-app" },
      bannerPanel(store, signal),
      layersPanel(store, source, signal),
      inspectorPanel(store, source, signal),
      element(
        "section",
        { class: "cnnvis-main", "aria-label": "Layer" },
        toolbarPanel(store, source, motion, signal),
        element(
          "div",
          { class: "cnnvis-stage" },
          canvas,
          element("div", { class: "cnnvis-progress", "aria-hidden": "true" }),
          progressPanel(store, signal),
          messagePanel(store, signal),
          quietPanel(store, signal),
        ),
        element("footer", { class: "cnnvis-foot" }, readoutPanel(store, signal), legendPanel(store, signal)),
      ),
    ),
  );

  const nameCanvas = () => {
    const layer = currentLayer(store.state);
    const what = store.state.view === FILTERS ? "Filters" : "Feature maps";
    canvas.setAttribute(
      "aria-label",
      `${what} of ${layer?.name ?? "no layer"}. Arrow keys pick, plus and minus zoom, 0 shows all.`,
    );
  };
  const size = () => root.style.setProperty("--cnnvis-height", `${store.state.height}px`);
  const theme = followTheme(
    () => store.state.theme,
    (appearance) => {
      root.dataset.theme = appearance;
      store.set({ appearance });
    },
    signal,
  );
  store.on(["theme"], theme, signal);
  store.on(["height"], size, signal);
  store.on(["layer", "view", "metadata"], nameCanvas, signal);
  size();
  nameCanvas();
  feed(store, source, signal);
  followDetail(store, source, signal);
  signal.addEventListener("abort", () => root.replaceChildren(), { once: true });
}
