import { element } from "../dom.js";

/** A part of the inspector with a title that folds it. */
export interface Fold {
  readonly element: HTMLDetailsElement;
  readonly summary: HTMLElement;
  readonly title: HTMLElement;
  readonly body: HTMLElement;
}

export function fold(name: string): Fold {
  const title = element("span", name);
  const summary = element("summary", title);
  const body = element("div.fold-body");
  return {
    element: element("details.fold", { open: true }, summary, body),
    summary,
    title,
    body,
  };
}
