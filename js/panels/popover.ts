import { element, focusOn, setAttributes } from "../dom.js";
import { listen } from "../listen.js";

export interface Popover {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  close(): void;
}

/**
 * A button that opens a small panel below it. It closes on Escape, which gives the focus back to the button, when
 * the focus goes elsewhere, and on a press outside of it.
 */
export function createPopover(
  { text, name, kind = "" }: { text: string; name: string; kind?: "" | ".menu" },
  signal: AbortSignal,
  ...content: HTMLElement[]
): Popover {
  const button = element(
    "button.button",
    { title: name, "aria-expanded": false, "aria-haspopup": "dialog" },
    text,
  );
  const panel = element(
    `div.popover${kind}`,
    { role: "dialog", "aria-label": name, hidden: true },
    ...content,
  );
  const holder = element("div.holder", button, panel);

  function open(isOpen: boolean): void {
    panel.hidden = !isOpen;
    setAttributes(button, { "aria-expanded": isOpen });
    if (isOpen) focusOn(panel.querySelector<HTMLElement>("input, button, select"));
  }

  listen(button, "click", () => open(panel.hidden !== false), signal);
  listen(
    holder,
    "keydown",
    (event) => {
      // What is typed here is not the notebook's.
      event.stopPropagation();
      if (event.key !== "Escape" || panel.hidden) return;
      event.preventDefault();
      open(false);
      focusOn(button);
    },
    signal,
  );
  listen(
    holder,
    "focusout",
    ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !holder.contains(relatedTarget)) open(false);
    },
    signal,
  );
  // Within the view only: in a shadow tree the document would see no more than its host.
  const outside = ({ target }: Event) => {
    if (target instanceof Node && !holder.contains(target)) open(false);
  };
  queueMicrotask(() => holder.closest(".cnnvis")?.addEventListener("pointerdown", outside, { signal }));
  return { element: holder, button, panel, close: () => open(false) };
}
