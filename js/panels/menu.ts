import { element } from "../dom.js";
import { keepKeys, listen } from "../listen.js";

/** A menu with its label. */
export interface Menu {
  readonly field: HTMLElement;
  readonly select: HTMLSelectElement;
}

/** @param names what values are called that are not called as they are. */
export function menu<Value extends string>(
  label: string,
  values: readonly Value[],
  names: Partial<Record<Value, string>>,
  choose: (value: Value) => void,
  signal: AbortSignal,
): Menu {
  const select = element("select.select");
  select.append(...options(values, names));
  listen(select, "change", () => choose(select.value as Value), signal);
  // Letters jump within a menu; they are not the notebook's shortcuts.
  keepKeys(select, signal);
  const field = element("label.field.how", element("span", label), select);
  return { field, select };
}

export const options = <Value extends string>(
  values: readonly Value[],
  names: Partial<Record<Value, string>>,
): HTMLOptionElement[] => values.map((value) => element("option", { value }, names[value] ?? value));
