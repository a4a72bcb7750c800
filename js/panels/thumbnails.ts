import { element, focusOn, reveal, setAttributes, take } from "../dom.js";
import { listen } from "../listen.js";
import type { Source } from "../source.js";
import { isHeld, type State, type ViewerStore } from "../state.js";
import { upTo } from "../upto.js";

/** CSS pixels, with the line around it. */
const SIDE = 34;
const MOST = 64;

/** The images of the batch as small pictures to pick one of; none where one image is all that can be shown. */
export function thumbnailsPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const row = element("div.thumbnails", {
    role: "radiogroup",
    "aria-label": "Images of the batch",
  });
  let buttons: HTMLElement[] = [];
  let built = "";

  function build(state: Readonly<State>): void {
    const { thumbnails, metadata } = state;
    const count = thumbnails ? Math.min(metadata.input.images, MOST) : 0;
    const wanted = `${count}\n${thumbnails}`;
    if (wanted !== built) {
      built = wanted;
      buttons = upTo(count, (index) => {
        const label = `Image ${index + 1}`;
        const button = element("button.thumbnail", {
          role: "radio",
          title: label,
          "aria-label": label,
        });
        Object.assign(button.style, {
          backgroundImage: `url("${thumbnails}")`,
          backgroundSize: `${count * SIDE}px ${SIDE}px`,
          backgroundPosition: `${-index * SIDE}px 0`,
        });
        return button;
      });
      row.replaceChildren(...buttons);
    }
    row.hidden = buttons.filter((_, index) => isHeld(source, state, index)).length < 2;
    mark(state);
  }

  function mark({ batchIndex }: Readonly<State>): void {
    buttons.forEach((button, index) => {
      setAttributes(button, { "aria-checked": index === batchIndex });
      button.tabIndex = index === Math.min(batchIndex, buttons.length - 1) ? 0 : -1;
    });
    const picked = buttons[batchIndex];
    if (picked) reveal(row, picked);
  }

  listen(
    row,
    "click",
    ({ target }) => {
      const index = buttons.indexOf(target as HTMLElement);
      if (index >= 0) source.choose({ batchIndex: index });
    },
    signal,
  );
  listen(
    row,
    "keydown",
    (event) => {
      const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (by === undefined) return;
      take(event);
      const next = buttons[buttons.indexOf(event.target as HTMLElement) + by];
      next?.click();
      focusOn(next);
    },
    signal,
  );
  store.later(["metadata", "thumbnails", "layer"], build, signal);
  store.on(["batchIndex"], mark, signal);
  return row;
}
