import { element, focusOn, group } from "../dom.js";
import { listen } from "../listen.js";

export interface Chip {
  readonly text: string;
  readonly count: number;
}

/**
 * Buttons of which one is picked; the first is "all". What would show nothing, or the same as the first, is not
 * there, and no button is where there is no choice.
 */
export function chips(onPick: (text: string) => void, signal: AbortSignal) {
  const root = group("div.chips", "Which layers");
  let buttons: HTMLElement[] = [];
  let names: string[] = [];

  /** Returns the picked one, or the first where that is not there. */
  function show(all: readonly Chip[], picked: string): string {
    const useful = all.filter(({ count }, index) => index === 0 || (count > 0 && count < all[0].count));
    const focused = root.querySelector(":focus");
    names = useful.map(({ text }) => text);
    const at = Math.max(0, names.indexOf(picked));
    buttons = useful.map(({ text, count }, index) =>
      element("button.chip", { "aria-pressed": index === at }, text, element("span.chip-count", ` ${count}`)),
    );
    root.replaceChildren(...buttons);
    root.hidden = useful.length < 2;
    if (focused) focusOn(buttons[at]);
    return names[at];
  }

  listen(
    root,
    "click",
    ({ target }) => {
      const at = buttons.findIndex((button) => target instanceof Node && button.contains(target));
      if (at >= 0) onPick(names[at]);
    },
    signal,
  );
  return { root, show };
}
