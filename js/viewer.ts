import { createCanvas } from "./canvas.js";
import { followConnection } from "./connection.js";
import { viewWord } from "./describe.js";
import { followDetail } from "./detail.js";
import { element, focusOn, setAttributes } from "./dom.js";
import { followExact } from "./exact.js";
import { exportsOf } from "./exports.js";
import { feed } from "./feed.js";
import { capitalized } from "./format.js";
import { addGestures } from "./gestures.js";
import { followHistory } from "./history.js";
import { type Actions, addKeys, keymap, suppressShortcuts } from "./keys.js";
import { atEnd } from "./listen.js";
import { comparePanel } from "./panels/compare.js";
import { helpPanel } from "./panels/help.js";
import { inspectorPanel } from "./panels/inspector.js";
import { layersPanel } from "./panels/layers.js";
import { legendPanel } from "./panels/legend.js";
import { bannerPanel, connectionPanel, messagePanel, toastPanel } from "./panels/notice.js";
import { progressPanel } from "./panels/progress.js";
import { readoutPanel } from "./panels/readout.js";
import { sizerPanel } from "./panels/sizer.js";
import { spokenPanel } from "./panels/spoken.js";
import { tablePanel } from "./panels/table.js";
import { textPanel } from "./panels/text.js";
import { timingPanel } from "./panels/timing.js";
import { toolbarPanel } from "./panels/toolbar.js";
import { nextScene } from "./scene.js";
import type { Source } from "./source.js";
import { currentLayer, type State, type ViewerStore } from "./state.js";
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
    [
      "frame",
      "viewport",
      "metadata",
      "generation",
      "slice",
      "arriving",
      "sort",
      "hide",
      "pinned",
      "channels",
      "colormap",
      "scale",
      "limits",
      "clip",
    ],
    (state) => store.set(nextScene(state)),
    signal,
  );

  const canvas = createCanvas(store, signal);
  const actions: Actions = {
    motion: addGestures(canvas, store, source, signal),
    go: followHistory(store, source, signal),
    focusLayers() {
      store.set({ panels: { ...store.state.panels, layers: true } });
      focusOn(root.querySelector<HTMLElement>(".cnnvis-filter"));
    },
    toggleFullscreen: () => toggleFullscreen(root, store),
    ...exportsOf(store, source, canvas, signal),
  };
  const keys = keymap(store, source, actions);
  addKeys(canvas, keys, signal);
  suppressShortcuts(root, signal);

  const app = element(
    "div.app",
    bannerPanel(store, signal),
    layersPanel(store, source, signal),
    inspectorPanel(store, source, signal),
    element(
      "section.main",
      { "aria-label": "Layer" },
      toolbarPanel(store, source, actions, signal),
      element(
        "div.stage",
        canvas,
        element("div.progress", { "aria-hidden": true }),
        progressPanel(store, signal),
        timingPanel(store, signal),
        messagePanel(store, signal),
        connectionPanel(store, signal),
        toastPanel(store, signal),
        comparePanel(store, source, signal),
        helpPanel(store, keys, signal),
        tablePanel(store, source, signal),
        textPanel(store, signal),
      ),
      element("footer.foot", readoutPanel(store, signal), legendPanel(store, signal)),
    ),
  );
  root.replaceChildren(app, ...(fill ? [] : [sizerPanel(store, source, signal)]), spokenPanel(store, signal));

  const nameCanvas = (state: Readonly<State>) => {
    const layer = currentLayer(state);
    setAttributes(canvas, {
      "aria-label": `${capitalized(viewWord(state.view))} of ${layer?.name ?? "no layer"}. Arrow keys pick a tile, Enter goes into its cells, question mark lists all keys.`,
    });
  };
  const size = ({ height }: Readonly<State>) => root.style.setProperty("--cnnvis-height", `${height}px`);
  const fold = ({ panels }: Readonly<State>) =>
    setAttributes(app, { "data-no-layers": !panels.layers, "data-no-inspector": !panels.inspector });
  followTheme(store, root, signal);
  store.show(["height"], size, signal);
  store.on(["panels"], fold, signal);
  store.show(["layer", "view", "metadata"], nameCanvas, signal);
  feed(store, source, signal);
  followDetail(store, source, signal);
  followExact(store, source, signal);
  followConnection(store, source, signal);
  atEnd(signal, () => root.replaceChildren());
}

function toggleFullscreen(root: HTMLElement, store: ViewerStore): void {
  const refused = () => store.set({ toast: "This page does not let the view fill the screen." });
  if (!document.fullscreenEnabled) refused();
  else if (document.fullscreenElement !== null) document.exitFullscreen().catch(() => {});
  else root.requestFullscreen().catch(refused);
}
