import { element, focusOn, reveal, setAttributes, take } from "../dom.js";
import { listen } from "../listen.js";
import type { Source } from "../source.js";
import { isHeld, type ViewerStore } from "../state.js";
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

  function build(): void {
    const { thumbnails, metadata } = store.state;
    const count = thumbnails === "" ? 0 : Math.min(metadata.input.images, MOST);
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
        button.style.backgroundImage = `url("${thumbnails}")`;
        button.style.backgroundSize = `${count * SIDE}px ${SIDE}px`;
        button.style.backgroundPosition = `${-index * SIDE}px 0`;
        return button;
      });
      row.replaceChildren(...buttons);
    }
    row.hidden = buttons.filter((_, index) => isHeld(source, store.state, index)).length < 2;
    mark();
  }

  function mark(): void {
    const { batchIndex } = store.state;
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
