import type { InitializeProps, RenderProps } from "@anywidget/types";
import { liveSource } from "./source.js";
import { viewerStore } from "./state.js";
import { mountViewer } from "./viewer.js";

/** Nothing belongs to the model that is not in a view. A slow start here would lose updates of the kernel. */
function initialize(_: InitializeProps): void {}

function render({ model, el, signal }: RenderProps): () => void {
  // Hosts with an older anywidget give no signal, only the call of what is returned.
  const view = new AbortController();
  signal?.addEventListener("abort", () => view.abort(), { once: true });
  const root = document.createElement("div");
  el.append(root);
  const source = liveSource(model);
  mountViewer({ root, store: viewerStore(source.read()), source, signal: view.signal });
  return () => {
    view.abort();
    root.remove();
  };
}

export default { initialize, render };
