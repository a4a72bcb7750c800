import { ranked } from "../badges.js";
import { fieldOf } from "../describe.js";
import { element, setAttributes, setText } from "../dom.js";
import { seenBy } from "../field.js";
import { percent, times } from "../format.js";
import { FEATURE_MAPS } from "../frame.js";
import type { Source } from "../source.js";
import { currentLayer, readable, type State, type ViewerStore, WANTED } from "../state.js";
import { fold } from "./fold.js";
import { noteItem } from "./notes.js";
import { thumbnailsPanel } from "./thumbnails.js";

/** What the model saw and said; on the picture, what the value that is pointed at has seen of it. */
export function inputPanel(store: ViewerStore, source: Source, signal: AbortSignal): HTMLDetailsElement {
  const { element: panel, title, summary, body } = fold("Input");
  const image = element("img.picture", { alt: "What the model saw" });
  const box = element("i.seen", { hidden: true });
  const picture = element("div.image", image, box);
  const seen = element("p.note.where");
  const shape = element("span.shape");
  summary.append(shape);
  const preprocessing = element("p.note");
  const predictions = element("ol.predictions", { "aria-label": "Predictions" });
  const remarks = element("ul.notes");
  const answer = element("div.input", picture, seen, predictions);
  body.append(thumbnailsPanel(store, source, signal), answer, preprocessing, remarks);

  function show({ metadata, notes, picture: url, seen: said, batchIndex }: Readonly<State>): void {
    picture.hidden = seen.hidden = !url;
    if (image.getAttribute("src") !== url) setAttributes(image, { src: url || undefined });
    const { images, shape: sizes } = metadata.input;
    setText(title, images > 1 && url ? `Image ${batchIndex + 1} of ${images}` : "Input");
    setText(shape, times(sizes));
    // Until the kernel has answered, these are of the image before.
    answer.classList.toggle("cnnvis-stale", said.image !== batchIndex);
    setText(preprocessing, said.preprocessing);
    predictions.hidden = said.predictions.length === 0;
    predictions.replaceChildren(
      ...said.predictions.slice(0, 5).map(({ label, probability }) => {
        const bar = element("i");
        bar.style.width = `${Math.min(1, Math.max(0, probability)) * 100}%`;
        const text = element("span.label", { title: label }, label);
        return element("li", text, element("span.odds", percent(probability)), bar);
      }),
    );
    answer.hidden = picture.hidden && predictions.hidden;
    // The sentence on the preprocessing stands above them.
    const more = ranked(notes.get(null)).filter(({ text }) => text !== said.preprocessing);
    remarks.replaceChildren(...more.map((note) => noteItem(note, null)));
    remarks.hidden = more.length === 0;
    panel.hidden = !url && sizes.length === 0 && more.length === 0;
  }

  function showSeen(state: Readonly<State>): void {
    const { hover } = state;
    const [height, width] = state.metadata.input.shape.slice(-2);
    const layer = currentLayer(state);
    const field = layer && state.view === FEATURE_MAPS ? fieldOf(layer, state.call) : null;
    const part =
      readable(state) && hover && width > 0 ? seenBy(field, hover.row, hover.column, [height, width]) : null;
    box.hidden = !part;
    if (!part) {
      setText(seen, field ? "Point at a value to see what it has seen." : "");
      return;
    }
    const [[top, bottom], [left, right]] = [part.rows, part.columns];
    const share = (length: number, of: number) => `${(length / of) * 100}%`;
    Object.assign(box.style, {
      left: share(left, width),
      top: share(top, height),
      width: share(right + 1 - left, width),
      height: share(bottom + 1 - top, height),
    });
    const about = field?.regular || field?.whole ? "" : "at most ";
    setText(seen, `sees ${about}rows ${top}–${bottom}, columns ${left}–${right} of ${height}×${width}`);
  }

  store.show(["metadata", "notes", "picture", "seen", "batchIndex"], show, signal);
  store.later([...WANTED, "hover", "scene"], showSeen, signal);
  return panel;
}
