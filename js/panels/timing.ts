import { element, setText } from "../dom.js";
import { joined } from "../format.js";
import { stagesOf } from "../stages.js";
import type { State, ViewerStore } from "../state.js";
import type { Spent } from "../wire.js";

/** A line on the stage: what each stage took of what is shown, where that is asked for. */
export function timingPanel(store: ViewerStore, signal: AbortSignal): HTMLElement {
  const line = element("div.timing");
  const show = ({ timing, times }: Readonly<State>) => {
    line.hidden = !timing;
    setText(line, times ? timesText(stagesOf(times)) : "Pick a layer to see what it takes.");
  };
  store.later(["timing", "times"], show, signal);
  return line;
}

function timesText(stages: Spent["stages"]): string {
  const total = stages.reduce((sum, [, took]) => sum + took, 0);
  const ms = (took: number) => took.toFixed(took < 10 ? 1 : 0);
  return `${ms(total)} ms: ${joined(stages.map(([name, took]) => `${name} ${ms(took)}`))}`;
}
