import { setAttributes } from "../dom.js";
import { plain } from "../format.js";
import { BINS, binOf, type Histogram, middleHalf } from "../histogram.js";

const SVG = "http://www.w3.org/2000/svg";

/** A histogram with a line at zero and one at the value that is pointed at. */
export interface Chart {
  readonly element: SVGSVGElement;
  show(histogram: Histogram, what: string): void;
  /** Marks the bin of a value; one that is not finite marks none. */
  mark(value: number): void;
}

export function createChart(): Chart {
  const svg = document.createElementNS(SVG, "svg");
  setAttributes(svg, {
    class: "cnnvis-chart",
    role: "img",
    viewBox: `0 0 ${BINS} 1`,
    preserveAspectRatio: "none",
    "aria-label": "Histogram",
  });
  const [zero, bars, here] = ["zero", "bars", "here"].map((name) => {
    const line = document.createElementNS(SVG, "path");
    setAttributes(line, { class: `cnnvis-chart-${name}` });
    svg.append(line);
    return line;
  });
  let shown: Histogram | null = null;

  return {
    element: svg,
    show(histogram, what) {
      shown = histogram;
      const { range, counts } = histogram;
      const { lo, hi } = range;
      const most = Math.max(...counts, 1);
      // By their square roots: many zeros would flatten all the rest.
      const tops = counts.map((count) => 1 - Math.sqrt(count / most));
      setAttributes(bars, {
        d: tops.map((top, i) => (top < 1 ? `M${i} 1V${top.toFixed(3)}h1V1z` : "")).join(""),
      });
      setAttributes(zero, { d: lo < 0 && hi > 0 ? `M${(-lo / (hi - lo)) * BINS} 0V1` : "" });
      const half = middleHalf(histogram);
      setAttributes(svg, {
        "aria-label":
          `Histogram of ${what}: ${plain(lo)} to ${plain(hi)}, half of the values from ` +
          `${plain(half.lo)} to ${plain(half.hi)}. Heights are square roots of counts.`,
      });
    },
    mark(value) {
      const d = shown && Number.isFinite(value) ? `M${binOf(shown.range, value) + 0.5} 0V1` : "";
      setAttributes(here, { d });
    },
  };
}
