import { button, setText } from "../dom.js";
import { comparison } from "../selection.js";
import type { Source } from "../source.js";
import type { State, ViewerStore } from "../state.js";

/** Over the picture, so that nothing moves when it comes: shows only the picked tiles, side by side, or all again. */
export function comparePanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const node = button("button.compare", "", () => source.choose(comparison(store.state)), signal);
  node.title = "Only the picked tiles, side by side (c)";
  const show = ({ channels, pinned }: Readonly<State>) => {
    node.hidden = channels.length < 2 && pinned.length === 0;
    setText(node, pinned.length > 0 ? "Show all" : `Compare ${channels.length}`);
  };
  store.show(["channels", "pinned"], show, signal);
  return node;
}
