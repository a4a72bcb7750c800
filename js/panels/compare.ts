import { element, setText } from "../dom.js";
import { listen } from "../listen.js";
import type { Source } from "../source.js";
import type { ViewerStore } from "../state.js";

/** Over the picture, so that nothing moves when it comes: shows only the picked tiles, side by side, or all again. */
export function comparePanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const node = element("button.button.compare", { title: "Only the picked tiles, side by side (c)" });
  const show = () => {
    const { channels, pinned } = store.state;
    node.hidden = channels.length < 2 && pinned.length === 0;
    setText(node, pinned.length > 0 ? "Show all" : `Compare ${channels.length}`);
  };
  listen(
    node,
    "click",
    () => source.choose({ pinned: store.state.pinned.length > 0 ? [] : store.state.channels }),
    signal,
  );
  store.show(["channels", "pinned"], show, signal);
  return node;
}
