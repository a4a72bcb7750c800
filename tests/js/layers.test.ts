// @vitest-environment happy-dom
/** The list of layers when what it shows changes, against a window of 200 CSS pixels. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../../js/widget.js";
import { FakeModel, layerJson, traits } from "./model.js";

const NAMES = Array.from({ length: 50 }, (_, i) => `stage${i % 5}.conv${i}`);

function open(names: readonly string[]) {
  const model = new FakeModel(traits([...names]));
  const el = document.createElement("div");
  document.body.append(el);
  const host = new AbortController();
  // biome-ignore lint/suspicious/noExplicitAny: host and experimental are not used
  widget.render({ model: model.asModel(), el, signal: host.signal } as any);
  const list = el.querySelector<HTMLElement>(".cnnvis-list") as HTMLElement;
  const row = (name: string) =>
    [...el.querySelectorAll<HTMLElement>("[role=treeitem]")].find(
      ({ title }) => title.split("\n")[0] === name,
    );
  /** Another look at a model that has these layers. */
  const look = (next: readonly string[]) => {
    const old = model.values.metadata as Record<string, unknown>;
    model.set("metadata", { ...old, layers: next.map((name) => layerJson(name)) });
  };
  return { model, list, row, look, host };
}

const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(200);
});

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

describe("the list after a new look", () => {
  it("stays folded and scrolled where names are the same", () => {
    const { list, row, look } = open(NAMES);
    row("stage0")?.click();
    expect(row("stage0")?.getAttribute("aria-expanded")).toBe("false");
    list.scrollTop = 3 * 44 + 30; // 28 of stage0, 28 of stage1, then 44 of each layer
    list.dispatchEvent(new Event("scroll"));
    const before = list.scrollTop;
    look(["first", ...NAMES]);
    expect(list.scrollTop).toBe(before + 44);
    list.scrollTop = 0;
    list.dispatchEvent(new Event("scroll"));
    expect(row("stage0")?.getAttribute("aria-expanded")).toBe("false");
    expect(row("stage1")?.getAttribute("aria-expanded")).toBe("true");
  });

  it("leaves the focus on the layer of that name", () => {
    const { row, look } = open(NAMES);
    row("stage0.conv5")?.focus();
    row("stage0.conv5")?.click();
    expect(document.activeElement).toBe(row("stage0.conv5"));
    look(["first", ...NAMES]);
    expect(document.activeElement).toBe(row("stage0.conv5"));
  });
});

describe("the list when Python picks a layer", () => {
  it("opens its branch and scrolls to it, and nothing but itself", async () => {
    const { model, list, row } = open(NAMES);
    const into = vi.spyOn(HTMLElement.prototype, "scrollIntoView");
    row("stage4")?.click();
    model.set("layer", "stage4.conv49");
    await frames();
    expect(row("stage4")?.getAttribute("aria-expanded")).toBe("true");
    const picked = row("stage4.conv49");
    expect(picked?.getAttribute("aria-selected")).toBe("true");
    const top = Number.parseFloat(picked?.style.top ?? "");
    expect(top).toBeGreaterThanOrEqual(list.scrollTop);
    expect(top + 44).toBeLessThanOrEqual(list.scrollTop + 200);
    expect(into).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(document.body);
  });
});

describe("typing in the list", () => {
  it("goes to what begins with it; a pause begins anew; no key goes on to the page", () => {
    vi.useFakeTimers();
    const { row, host } = open(["alpha", "beta", "bravo", "conv"]);
    const heard = vi.fn();
    document.body.addEventListener("keydown", heard);
    const type = (key: string) =>
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    row("alpha")?.focus();
    type("b");
    expect(document.activeElement).toBe(row("beta"));
    type("r");
    expect(document.activeElement).toBe(row("bravo"));
    vi.advanceTimersByTime(701);
    type("c");
    expect(document.activeElement).toBe(row("conv"));
    type("b"); // "cb" begins nothing
    expect(document.activeElement).toBe(row("conv"));
    expect(heard).not.toHaveBeenCalled();
    type("b");
    host.abort();
    expect(vi.getTimerCount()).toBe(0);
    document.body.removeEventListener("keydown", heard);
    vi.useRealTimers();
  });
});
