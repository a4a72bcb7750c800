import { button, element, group } from "../dom.js";
import { keepKeys, listen } from "../listen.js";

/** One of several things that are counted: steps to the next and back, and a menu of all. */
export interface Stepper {
  readonly element: HTMLElement;
  /**
   * Nothing is to be seen where there are not several.
   *
   * @param at which one is chosen, from 0.
   * @param labels of all, as the menu shows them.
   * @param canBe whether one can be chosen.
   */
  show(at: number, labels: readonly string[], canBe?: (index: number) => boolean): void;
}

/** @param noun what is counted, in one word. */
export function createStepper(noun: string, choose: (index: number) => void, signal: AbortSignal): Stepper {
  const select = element("select.choice", { "aria-label": `Which ${noun}` });
  const step = (label: string, title: string, by: number) =>
    button("step", label, () => choose(neighbor(by)), signal, title);
  const back = step("‹", `Previous ${noun}`, -1);
  const on = step("›", `Next ${noun}`, 1);
  const stepper = group("div.stepper", noun, { hidden: true }, back, select, on);
  let listed = "";

  /** The next one in a direction that can be chosen; the chosen one where there is none. */
  function neighbor(by: number): number {
    const { options, selectedIndex } = select;
    let at = selectedIndex + by;
    while (options[at]?.disabled) at += by;
    return options[at] ? at : selectedIndex;
  }

  listen(select, "change", () => choose(select.selectedIndex), signal);
  // Letters and arrows are the menu's, not the notebook's.
  keepKeys(select, signal);

  return {
    element: stepper,
    show(at, labels, canBe = () => true) {
      const texts = labels.map((label, index) => (canBe(index) ? label : `${label} – not in this report`));
      const list = texts.join("\n");
      if (list !== listed) {
        listed = list;
        select.replaceChildren(
          ...texts.map((text, index) => element("option", { disabled: !canBe(index) }, text)),
        );
      }
      select.selectedIndex = at;
      back.disabled = neighbor(-1) === at;
      on.disabled = neighbor(1) === at;
      stepper.hidden = labels.length < 2;
    },
  };
}
