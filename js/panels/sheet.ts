import { button, element, focusOn } from "../dom.js";
import { listen } from "../listen.js";
import type { Sheet, ViewerStore } from "../state.js";

/**
 * A sheet over the picture, shown while the store's `sheet` says so. It takes the focus, keeps it, and gives it
 * back to the picture when it is closed.
 */
export function sheetPanel(
  store: ViewerStore,
  { sheet, title }: { sheet: Sheet; title: string },
  signal: AbortSignal,
  ...content: HTMLElement[]
): HTMLElement {
  const shut = () => store.set({ sheet: "none" });
  const close = button("tool", "✕", shut, signal, "Close");
  const panel = element(
    `div.sheet.sheet-${sheet}`,
    {
      role: "dialog",
      "aria-label": title,
      tabindex: -1,
      hidden: true,
    },
    element("header", element("h2", title), close),
    element("div.sheet-body", { tabindex: 0 }, ...content),
  );

  listen(
    panel,
    "keydown",
    (event) => {
      // No key of a sheet is the notebook's.
      event.stopPropagation();
      if (event.key === "Escape") {
        event.preventDefault();
        shut();
      }
      if (event.key === "Tab") keepFocus(event, panel);
    },
    signal,
  );

  let wasOpen = false;
  const show = () => {
    const isOpen = store.state.sheet === sheet;
    panel.hidden = !isOpen;
    if (isOpen === wasOpen) return;
    wasOpen = isOpen;
    if (isOpen) focusOn(close);
    else if (store.state.sheet === "none") {
      focusOn(panel.closest(".cnnvis")?.querySelector<HTMLElement>(".cnnvis-canvas"));
    }
  };
  store.on(["sheet"], show, signal);
  return panel;
}

/** Tab goes around in the panel. */
function keepFocus(event: KeyboardEvent, panel: HTMLElement): void {
  const stops = [
    ...panel.querySelectorAll<HTMLElement>("button, select, input, textarea, [tabindex='0']"),
  ].filter((stop) => !stop.hasAttribute("disabled") && stop.offsetParent !== null);
  const [first, last] = [stops[0], stops[stops.length - 1]];
  if (event.target !== (event.shiftKey ? first : last)) return;
  event.preventDefault();
  (event.shiftKey ? last : first)?.focus();
}
