import { setAttributes } from "../dom.js";
import { plain } from "../format.js";
import { BINS, binOf, type Histogram, middleHalf } from "../histogram.js";

const SVG = "http://www.w3.org/2000/svg";

/** A histogram with a line at zero and one at the value that is pointed at. */
export interface Chart {
  readonly element: SVGSVGElement;
  show(histogram: Histogram, what: string): void;
  /** Marks the bin of a value; null marks none. */
  mark(value: number | null): void;
}

export function createChart(): Chart {
  const svg = document.createElementNS(SVG, "svg");
  setAttributes(svg, {
    class: "cnnvis-chart",
    role: "img",
    viewBox: `0 0 ${BINS} 1`,
    preserveAspectRatio: "none",
  });
  const path = (name: string) => {
    const line = document.createElementNS(SVG, "path");
    setAttributes(line, { class: name });
    svg.append(line);
    return line;
  };
  const [zero, bars, here] = ["cnnvis-chart-zero", "cnnvis-chart-bars", "cnnvis-chart-here"].map(path);
  let shown: Histogram | null = null;

  return {
    element: svg,
    show(histogram, what) {
      shown = histogram;
      const { range, counts } = histogram;
      const most = Math.max(...counts, 1);
      // By their square roots: many zeros would flatten all the rest.
      const tops = counts.map((count) => 1 - Math.sqrt(count / most));
      setAttributes(bars, {
        d: tops.map((top, i) => (top < 1 ? `M${i} 1V${top.toFixed(3)}h1V1z` : "")).join(""),
      });
      const isInside = range.lo < 0 && range.hi > 0;
      setAttributes(zero, { d: isInside ? `M${(-range.lo / (range.hi - range.lo)) * BINS} 0V1` : "" });
      const half = middleHalf(histogram);
      setAttributes(svg, {
        "aria-label":
          `Histogram of ${what}: ${plain(range.lo)} to ${plain(range.hi)}, half of the values from ` +
          `${plain(half.lo)} to ${plain(half.hi)}. Heights are square roots of counts.`,
      });
    },
    mark(value) {
      const isKnown = value !== null && shown !== null && Number.isFinite(value);
      setAttributes(here, {
        d: isKnown ? `M${binOf(shown?.range ?? { lo: 0, hi: 0 }, value) + 0.5} 0V1` : "",
      });
    },
  };
}
