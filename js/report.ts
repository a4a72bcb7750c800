import { type Embedded, embeddedSource } from "./embedded.js";
import { viewerStore } from "./state.js";
import { mountViewer } from "./viewer.js";

/** Starts the viewer in a page that holds all it needs. */
function start(): void {
  const root = document.getElementById("cnnvis-root");
  const data = document.getElementById("cnnvis-data");
  if (!root || !data) return;
  const source = embeddedSource(JSON.parse(data.textContent ?? "") as Embedded);
  // Set here and not in the stylesheet, which the widget shares: there the page belongs to the notebook.
  document.body.style.margin = "0";
  mountViewer({
    root,
    store: viewerStore(source.read()),
    source,
    signal: new AbortController().signal,
    fill: true,
  });
}

start();
