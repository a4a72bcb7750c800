import { element, setText } from "../dom.js";
import { stagesOf } from "../stages.js";
import type { ViewerStore } from "../state.js";

/** A line on the stage: what each stage took of what is shown, where that is asked for. */
export function timingPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const line = element("div.timing");
  const show = () => {
    const { timing, times } = store.state;
    line.hidden = !timing;
    const stages = times === null ? [] : stagesOf(times);
    const total = stages.reduce((sum, [, took]) => sum + took, 0);
    const ms = (took: number) => took.toFixed(took < 10 ? 1 : 0);
    const parts = stages.map(([name, took]) => `${name} ${ms(took)}`);
    setText(
      line,
      times === null ? "Pick a layer to see what it takes." : `${ms(total)} ms: ${parts.join(" · ")}`,
    );
  };
  store.later(["timing", "times"], show, signal);
  return line;
}
