import { placeText, tileWord, valueText } from "../describe.js";
import { element, setText } from "../dom.js";
import { currentLayer, type State, type ViewerStore } from "../state.js";

/** Says to who listens what the keys and clicks came to: the layer, the picked channels, the cell and its value. */
export function spokenPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const region = element("div.spoken", { "aria-live": "polite" });

  store.on(["frame"], (state) => setText(region, layerSpoken(state)), signal);
  store.on(["channels", "view"], (state) => setText(region, pickedSpoken(state)), signal);
  // A pointer's hover is not spoken: it would never end.
  store.on(
    ["hover", "inCells", "exact"],
    (state) => state.inCells && setText(region, cellSpoken(state)),
    signal,
  );
  return region;
}

const layerSpoken = ({ frame, layer }: Readonly<State>): string =>
  frame ? `${layer}: ${frame.tiles} ${tileWord(frame.view)}s` : "";

function pickedSpoken({ channels, view, pinned }: Readonly<State>): string {
  if (channels.length === 0) return "";
  const only = pinned.length > 0 ? ", shown alone" : "";
  return `Picked: ${tileWord(view)} ${channels.join(", ")}${only}`;
}

function cellSpoken(state: Readonly<State>): string {
  const { scene, hover } = state;
  if (!scene || !hover) return "";
  return `${placeText(scene, currentLayer(state), hover)}: ${valueText(state, scene, hover)}`;
}
