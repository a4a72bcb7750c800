import { element, setAttributes } from "../dom.js";
import type { State, ViewerStore } from "../state.js";

/** A thin bar over the stage: how much of a look is done. */
export function progressPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const done = element("i.done");
  const bar = element("div.look", { role: "progressbar", "aria-label": "Looking at the model" }, done);
  const show = ({ progress }: Readonly<State>) => {
    bar.hidden = progress < 0;
    const share = Math.round(progress * 100);
    setAttributes(bar, { "aria-valuenow": share });
    done.style.width = `${share}%`;
  };
  store.show(["progress"], show, signal);
  return bar;
}
