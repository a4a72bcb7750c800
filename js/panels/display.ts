import { element, group, setText } from "../dom.js";
import { plain } from "../format.js";
import { listen } from "../listen.js";
import { layerRange, typedRange } from "../ranges.js";
import type { Source } from "../source.js";
import type { State, ViewerStore } from "../state.js";
import { canOverlay } from "../underlay.js";
import { HIDES, type Hide } from "../wire.js";
import { menu } from "./menu.js";
import { createPopover } from "./popover.js";

const CLIPS = ["0", "0.1", "1", "2", "5"] as const;
const CLIP_NAMES = Object.fromEntries(CLIPS.map((clip) => [clip, clip === "0" ? "nothing" : `${clip} %`]));
const HIDE_NAMES: Partial<Record<Hide, string>> = { dead: "all zeros", constant: "one value" };

/** A button that opens what is asked for less often: typed limits, clipping, what is hidden, the image below. */
export function displayPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLElement {
  const limit = (label: string) =>
    element("input.number", { type: "text", inputmode: "decimal", "aria-label": label, size: 6 });
  const [low, high] = [limit("Lowest value of the colors"), limit("Highest value of the colors")];
  const rule = element("p.rule", { role: "status" });
  const clip = menu(
    "Clip at each end",
    CLIPS,
    CLIP_NAMES,
    (clip) => source.choose({ clip: Number(clip) }),
    signal,
  );
  const hide = menu("Hide maps of", HIDES, HIDE_NAMES, (hide) => source.choose({ hide }), signal);
  const overlay = element("input.slider", { type: "range", min: 0, max: 100 });
  const image = element("label.field", element("span", "Image below"), overlay);
  const {
    element: holder,
    button,
    panel,
  } = createPopover(
    "Display",
    "Limits, clipping, hidden maps, the image below",
    signal,
    group("div.field", "Limits", element("span", "Limits"), low, element("span", "to"), high),
    rule,
    clip.field,
    hide.field,
    image,
  );

  /** What was typed: limits that can be are taken at once, and the scale with them. */
  function type(): void {
    const [lo, hi] = [low, high].map(({ value }) => (value.trim() ? Number(value) : Number.NaN));
    const isRange = lo < hi && Number.isFinite(hi - lo);
    setText(rule, isRange ? "" : "Two numbers, the lower one first.");
    if (isRange) source.choose({ limits: [lo, hi], scale: "limits" });
  }

  function show(state: Readonly<State>): void {
    const { scene } = state;
    clip.select.value = String(state.clip);
    hide.select.value = state.hide;
    overlay.value = String(Math.round(state.overlay * 100));
    image.hidden = !scene || !canOverlay(state, scene);
    // What is being typed is not taken away.
    if (panel.matches(":focus-within")) return;
    const typed = typedRange(state);
    const shown = typed ?? (scene && layerRange(scene.frame, false));
    low.value = shown ? plain(shown.lo) : "";
    high.value = shown ? plain(shown.hi) : "";
    const isUsed = state.clip > 0 || state.hide !== "none" || state.overlay > 0 || typed !== null;
    button.classList.toggle("cnnvis-active", isUsed);
  }

  for (const field of [low, high]) listen(field, "input", type, signal);
  listen(overlay, "input", () => source.choose({ overlay: Number(overlay.value) / 100 }), signal);
  store.show(["clip", "hide", "overlay", "scene", "limits", "scale", "picture"], show, signal);
  return holder;
}
