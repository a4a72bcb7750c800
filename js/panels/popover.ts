import { element, focusOn, setAttributes } from "../dom.js";
import { keepKeys, listen } from "../listen.js";

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
  text: string,
  name: string,
  signal: AbortSignal,
  ...content: HTMLElement[]
): Popover {
  const button = element(
    "button.button",
    { title: name, "aria-expanded": false, "aria-haspopup": "dialog" },
    text,
  );
  const panel = element("div.popover", { role: "dialog", "aria-label": name, hidden: true }, ...content);
  const holder = element("div.holder", button, panel);

  function open(isOpen: boolean): void {
    panel.hidden = !isOpen;
    setAttributes(button, { "aria-expanded": isOpen });
    if (isOpen) focusOn(panel.querySelector<HTMLElement>("input, button, select"));
  }

  const close = () => open(false);
  const closeFor = (target: EventTarget | null) => {
    if (target instanceof Node && !holder.contains(target)) close();
  };

  listen(button, "click", () => open(panel.hidden === true), signal);
  keepKeys(holder, signal, {
    Escape(event) {
      if (panel.hidden) return;
      event.preventDefault();
      close();
      focusOn(button);
    },
  });
  listen(holder, "focusout", ({ relatedTarget }) => closeFor(relatedTarget), signal);
  // Within the view only: in a shadow tree the document would see no more than its host.
  queueMicrotask(() => {
    const root = holder.closest<HTMLElement>(".cnnvis");
    if (root) listen(root, "pointerdown", ({ target }) => closeFor(target), signal);
  });
  return { element: holder, button, panel, close };
}
