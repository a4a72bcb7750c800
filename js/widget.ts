import type { InitializeProps, RenderProps } from "@anywidget/types";
import { element } from "./dom.js";
import { atEnd, createController } from "./listen.js";
import { liveSource } from "./source.js";
import { viewerStore } from "./state.js";
import { mountViewer } from "./viewer.js";

/** Nothing belongs to the model that is not in a view. A slow start here would lose updates of the kernel. */
function initialize(_: InitializeProps): void {}

/** ipywidgets marks so the views of models without a kernel; other hosts mark none, and have one. */
const isConnected = (el: HTMLElement): boolean => el.closest(".jupyter-widgets-disconnected") === null;

function render({ model, el, signal }: RenderProps): () => void {
  // Hosts with an older anywidget give no signal, only the call of what is returned.
  const view = new AbortController();
  if (signal) atEnd(signal, () => view.abort());
  let unmount = mount(isConnected(el));
  if (!isConnected(el)) {
    // A notebook that is opened before its kernel: what was stored is shown until the kernel is there.
    const connect = () => {
      if (!isConnected(el)) return;
      model.off("comm_live_update", connect);
      unmount();
      unmount = mount(true);
    };
    model.on("comm_live_update", connect);
    atEnd(view.signal, () => model.off("comm_live_update", connect));
  }
  return () => view.abort();

  function mount(live: boolean): () => void {
    const mounted = createController(view.signal);
    const { signal } = mounted;
    const root = element("div");
    el.append(root);
    atEnd(signal, () => root.remove());
    const source = liveSource(model, live);
    mountViewer({ root, store: viewerStore(source.read()), source, signal });
    return () => mounted.abort();
  }
}

export default { initialize, render };
