import { button, element, focusOn } from "../dom.js";
import { keepKeys } from "../listen.js";
import type { Sheet, State, ViewerStore } from "../state.js";

/**
 * A sheet over the picture, shown while the store's `sheet` says so. It takes the focus, keeps it, and gives it
 * back to the picture when it is closed.
 */
export function sheetPanel(
  store: ViewerStore,
  sheet: Sheet,
  title: string,
  signal: AbortSignal,
  ...content: HTMLElement[]
): HTMLElement {
  const shut = () => store.set({ sheet: "none" });
  const close = button("tool", "✕", shut, signal, "Close");
  const panel = element(
    `div.sheet.sheet-${sheet}`,
    { role: "dialog", "aria-label": title, tabindex: -1, hidden: true },
    element("header", element("h2", title), close),
    element("div.sheet-body", { tabindex: 0 }, ...content),
  );

  keepKeys(panel, signal, {
    Escape(event) {
      event.preventDefault();
      shut();
    },
    Tab: (event) => keepFocus(event, panel),
  });

  const show = (state: Readonly<State>) => {
    const wasOpen = !panel.hidden;
    const isOpen = state.sheet === sheet;
    panel.hidden = !isOpen;
    if (isOpen === wasOpen) return;
    if (isOpen) focusOn(close);
    else if (state.sheet === "none") {
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
  ].filter((stop) => !stop.matches(":disabled") && stop.offsetParent !== null);
  const [from, to] = event.shiftKey ? [0, -1] : [-1, 0];
  if (event.target !== stops.at(from)) return;
  event.preventDefault();
  stops.at(to)?.focus();
}
