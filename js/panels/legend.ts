import { colorStops } from "../colormaps.js";
import { clipText, mapOf, tileWord } from "../describe.js";
import { element, setText } from "../dom.js";
import { count, plain } from "../format.js";
import { FILTERS, type Frame } from "../frame.js";
import { channelAt } from "../order.js";
import { nonfiniteCount, ownRange, type Range } from "../ranges.js";
import { pickedPositions, type Scene } from "../scene.js";
import { bestOf, readable, type State, type ViewerStore, WANTED } from "../state.js";

/** What the colors mean: a bar with the values at its ends, and at zero where that is between them. */
export function legendPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const tick = element("i.tick");
  const bar = element("div.colors", tick);
  const lo = element("span");
  const hi = element("span");
  const zero = element("span.zero", "0");
  const caption = element("span.caption");
  const clipped = element("span.clipped");
  const odd = element("span");
  const nonfinite = element(
    "span.nonfinite",
    { hidden: true, title: "Values that are NaN or infinite" },
    element("i.swatch"),
    odd,
  );
  const legend = element(
    "div.legend",
    element("div.over", caption, clipped, nonfinite),
    bar,
    element("div.ends", lo, zero, hi),
  );
  let gradient = "";
  let counted: Frame | null = null;

  function show(state: Readonly<State>): void {
    const scene = readable(state);
    legend.hidden = !scene;
    if (!scene) return;
    const { look, frame } = scene;
    const colormap = mapOf(look);
    if (colormap !== gradient) {
      gradient = colormap;
      bar.style.background = `linear-gradient(to right, ${colorStops(colormap).join(", ")})`;
    }
    const position = state.hover?.position ?? pickedPositions(scene, state.channels).at(-1);
    const range = look.range ?? (position === undefined ? null : rangeOf(state, scene, position));
    setText(caption, captionOf(scene, position));
    setText(clipped, clipText(state));
    setText(lo, range ? plain(range.lo) : "least");
    setText(hi, range ? plain(range.hi) : "greatest");
    const share = range ? -range.lo / (range.hi - range.lo) : zeroShare(scene);
    // Where the numbers at the ends leave room for it.
    const inside = share > roomOf(lo) && share < 1 - roomOf(hi);
    const flat = range !== null && range.lo === range.hi;
    bar.classList.toggle("cnnvis-flat", flat);
    if (flat) setText(hi, "constant");
    zero.hidden = tick.hidden = !inside;
    if (inside) zero.style.left = tick.style.left = `${share * 100}%`;
    if (counted !== frame) {
      counted = frame;
      const values = nonfiniteCount(frame);
      nonfinite.hidden = values === 0;
      setText(odd, `${count(values)} not finite`);
    }
  }

  store.later([...WANTED, "scene", "hover", "channels", "colormap", "scale", "details"], show, signal);
  return legend;
}

/** About what share of the bar's length a text takes below it, with a gap. */
const roomOf = ({ textContent }: HTMLElement): number => 0.06 + 0.026 * (textContent ?? "").length;

function rangeOf(state: Readonly<State>, { frame, order }: Scene, position: number): Range {
  const best = bestOf(state, frame, order[position]);
  return ownRange(best.frame, best.tile, state.clip);
}

/** Where zero is when each tile has its own range: known only for filters, whose ranges are symmetric. */
const zeroShare = ({ frame }: Scene): number => (frame.view === FILTERS ? 0.5 : Number.NaN);

function captionOf(scene: Scene, position: number | undefined): string {
  const word = tileWord(scene.frame.view);
  const inColor = scene.arrangement === "color";
  const whose = scene.look.range
    ? "one range for the layer"
    : position === undefined
      ? `each ${inColor ? "" : `${word} `}has its own range`
      : `range of ${word} ${channelAt(scene, position)}`;
  return inColor ? `RGB, gray is 0 · ${whose}` : whose;
}
