import { element, setText } from "../dom.js";
import { createTimer } from "../listen.js";
import { hiddenCount, type State, type ViewerStore } from "../state.js";

/** What Python reports, across the top of the view. */
export function bannerPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const banner = element("div.banner", { role: "alert", hidden: true });
  const show = ({ problem }: Readonly<State>) => {
    setText(banner, problem);
    banner.hidden = !problem;
  };
  store.show(["problem"], show, signal);
  return banner;
}

/** What is to be said in the place of a picture: that it loads, that there is none, or what went wrong. */
export function messagePanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const text = element("p");
  const message = element("div.message", { role: "status" }, text);
  const show = (state: Readonly<State>) => {
    const { status, connection, frame, hide } = state;
    const waiting = {
      ok: "",
      slow: "The kernel has not answered for four seconds. If it is busy, what was picked last comes when it is free; if it has ended, run the cell again.",
      lost: "Asking whether the kernel is still there.",
      gone: "The kernel has ended or was restarted. Run the cell again; layers seen before can still be shown.",
    }[connection];
    const hidden =
      frame?.tiles && hiddenCount(frame, state) === frame.tiles
        ? `All ${frame.tiles} are hidden: each is of ${hide === "dead" ? "zeros" : "one value"} only. Display shows them again.`
        : "";
    setText(text, "text" in status ? status.text : status.kind === "loading" ? waiting : hidden);
    message.dataset.kind = status.kind;
  };
  store.later(["status", "connection", "scene", "hide"], show, signal);
  return message;
}

/** What becomes of the kernel while there is something to see. */
export function connectionPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const badge = element("div.badge.quiet", { role: "status" });
  const show = ({ connection, status, frame }: Readonly<State>) => {
    const rough = frame && frame.factor > 1 ? ": showing averaged values" : "";
    const words = {
      ok: "",
      slow: `the kernel is busy or has ended${rough}`,
      lost: "",
      gone: "the kernel has ended or was restarted: run the cell again for what is not here",
    };
    setText(badge, status.kind === "ready" ? words[connection] : "");
  };
  store.later(["connection", "status", "frame"], show, signal);
  return badge;
}

/** How long a word on what was done stays, in milliseconds. */
const LONG = 4000;

/** What became of a copy or a file: seen for a moment, and said to who listens. */
export function toastPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const toast = element("div.badge.toast", { role: "status" });
  const wait = createTimer(signal);
  const show = ({ toast: text }: Readonly<State>) => {
    setText(toast, text);
    wait(text ? () => store.set({ toast: "" }) : undefined, LONG);
  };
  store.on(["toast"], show, signal);
  return toast;
}
