// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FEATURE_MAPS, FILTERS } from "../../js/frame.js";
import { hostTheme } from "../../js/theme.js";
import widget from "../../js/widget.js";
import { packFrame } from "./frames.js";
import { FakeModel, layerJson, traits } from "./model.js";

const HOSTILE = [
  "</script><img src=x onerror=window.hacked=1>",
  "<b>bold</b>",
  "__proto__",
  "a\u2028b",
  "x".repeat(10_000),
  "javascript:alert(1)",
  '"><svg onload=alert(1)>',
  "constructor.prototype",
];

const frame = (layer: string) => {
  const bytes = packFrame({
    layer,
    shape: [2, 1, 2, 3],
    codes: new Uint8Array(12).fill(9),
    bounds: [0, 1, 0, 2],
    stats: [0.5, 0.1, 0.25, 0, 1, 0.1, 0, 3],
  });
  return new DataView(bytes.buffer);
};

function open(values: Record<string, unknown>) {
  const model = new FakeModel(values);
  const el = document.createElement("div");
  document.body.append(el);
  const host = new AbortController();
  // biome-ignore lint/suspicious/noExplicitAny: host and experimental are not used
  const props = { model: model.asModel(), el, signal: host.signal } as any;
  const close = widget.render(props);
  const one = <E extends HTMLElement>(selector: string) => el.querySelector<E>(selector) as E;
  const rows = () => [...el.querySelectorAll<HTMLElement>(".cnnvis-row")];
  return { model, el, host, close, one, rows };
}

const press = (target: HTMLElement, key: string, more: object = {}) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));

beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  document.body.replaceChildren();
  document.body.removeAttribute("data-jp-theme-light");
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("the view", () => {
  it("starts and initializes at once", () => {
    // biome-ignore lint/suspicious/noExplicitAny: initialize takes nothing from its argument
    expect(widget.initialize({} as any)).toBeUndefined();
  });

  it("lists the layers with what is known of them", () => {
    const { rows } = open(traits(["stem.conv1", "b"]));
    expect(rows().map((row) => row.querySelector(".cnnvis-name")?.textContent)).toEqual(["stem.conv1", "b"]);
    expect(rows()[0].querySelector(".cnnvis-facts")?.textContent).toBe("Conv2d 7×7 /2 · 3→2 · 2×3");
    expect(rows()[0].querySelector(".cnnvis-costs")?.textContent).toBe("294 · 1 M mac");
    expect(rows()[0].getAttribute("aria-selected")).toBe("true");
  });

  it("marks layers by their notes, and counts what has no room", () => {
    const layers = [layerJson("a"), layerJson("b", { ran: false }), layerJson("c", { calls: 5 })];
    const note = (layer: string | null, kind: string) => ({ layer, kind, text: `${kind}.` });
    const notes = [
      note("b", "never ran"),
      ...["averaged", "a kind of tomorrow", "ran more than once", "dead"].map((kind) => note("c", kind)),
      note(null, "compiled"),
      note("c", "dead"),
    ];
    const { rows, el, model } = open(traits(["a"], { metadata: { protocol: 1, layers }, notes }));
    const badges = (within: Element) =>
      [...within.querySelectorAll<HTMLElement>(".cnnvis-note-badge")].map(({ textContent, title }) => [
        textContent,
        title,
      ]);
    expect(rows().map(badges)).toEqual([
      [],
      [["never ran", "never ran."]],
      [
        ["dead", "dead.\ndead."],
        ["5 calls", "ran more than once."],
        ["+2", "a kind of tomorrow.\naveraged."],
      ],
    ]);
    const inspector = () =>
      [...el.querySelectorAll(".cnnvis-inspector .cnnvis-notes:not([hidden]) li")].map(
        (li) => li.textContent,
      );
    expect(inspector()).toEqual(["compiled compiled."]);
    model.set("layer", "b");
    expect(inspector()).toEqual(["compiled compiled.", "never ran never ran."]);
    const headline = el.querySelector(".cnnvis-headline");
    expect(headline && badges(headline)).toEqual([["never ran", "never ran."]]);
  });

  it("finds layers by their badges too", () => {
    const layers = ["a", "b"].map((name) => layerJson(name));
    const notes = [{ layer: "b", kind: "non-finite", text: "3 values are not finite." }];
    const { rows, one } = open(traits(["a"], { metadata: { protocol: 1, layers }, notes }));
    const box = one<HTMLInputElement>(".cnnvis-filter");
    box.value = "not finite";
    box.dispatchEvent(new Event("input"));
    expect(rows().map((row) => row.querySelector(".cnnvis-name")?.textContent)).toEqual(["b"]);
  });

  it("picks calls and images, where there are more than one, and none of filters", () => {
    const metadata = {
      protocol: 1,
      layers: [
        layerJson("a", {
          calls: 2,
          output_shapes: [
            [3, 2, 8, 8],
            [3, 2, 4, 4],
          ],
        }),
        layerJson("b"),
      ],
      input: { shape: [3, 3, 9, 9], images: 3 },
    };
    const { model, el, one, rows } = open(traits(["a"], { metadata }));
    const steppers = () => [...el.querySelectorAll<HTMLElement>(".cnnvis-bar .cnnvis-stepper")];
    const [calls, images] = steppers();
    const press = (within: HTMLElement, which: number) =>
      within.querySelectorAll<HTMLButtonElement>(".cnnvis-step")[which].click();
    const menu = (within: HTMLElement) =>
      [...within.querySelectorAll("option")].map(({ textContent }) => textContent);
    expect(menu(calls)).toEqual(["call 1 of 2 · 8×8", "call 2 of 2 · 4×4"]);
    expect(menu(images)).toEqual(["item 1 of 3", "item 2 of 3", "item 3 of 3"]);
    expect(one(".cnnvis-summary").textContent).toContain("· 8×8 ·");
    press(calls, 1);
    expect(model.values.call).toBe(1);
    vi.advanceTimersByTime(200);
    expect(one(".cnnvis-summary").textContent).toContain("· 4×4 ·");
    expect(calls.querySelectorAll<HTMLButtonElement>(".cnnvis-step")[1].disabled).toBe(true);
    press(images, 1);
    press(images, 1);
    expect(model.values.batch_index).toBe(2);
    model.set("view", FILTERS);
    expect(steppers().map(({ hidden }) => hidden)).toEqual([true, true]);
    model.set("view", FEATURE_MAPS);
    expect(steppers().map(({ hidden }) => hidden)).toEqual([false, false]);
    rows()[1].click();
    expect(model.values).toMatchObject({ layer: "b", call: 0, batch_index: 2 });
    expect(steppers().map(({ hidden }) => hidden)).toEqual([true, false]);
  });

  it("fetches ahead the layer that the keys have come to", async () => {
    const { model, rows } = open(traits(["a", "b", "c"], { frame: frame("a") }));
    rows()[0].focus();
    press(rows()[0], "ArrowDown");
    await vi.advanceTimersByTimeAsync(100);
    expect(model.sent).toMatchObject([{ kind: "ahead", layer: "b" }]);
  });

  it("picks an image by its thumbnail, and dims what is said of another", () => {
    const metadata = {
      protocol: 1,
      layers: [layerJson("a")],
      input: { shape: [3, 3, 9, 9], images: 3 },
    };
    const { model, el, one } = open(traits(["a"], { metadata, thumbnails: Uint8Array.of(0xff, 0xd8) }));
    const thumbnails = [...el.querySelectorAll<HTMLElement>(".cnnvis-thumbnail")];
    expect(thumbnails.map((each) => each.getAttribute("aria-checked"))).toEqual(["true", "false", "false"]);
    thumbnails[1].click();
    expect(model.values.batch_index).toBe(1);
    expect(one(".cnnvis-input").classList.contains("cnnvis-stale")).toBe(true);
    model.set("seen", { image: 1, predictions: [] });
    expect(one(".cnnvis-input").classList.contains("cnnvis-stale")).toBe(false);
    press(thumbnails[1], "ArrowRight");
    expect(model.values.batch_index).toBe(2);
    expect(thumbnails.map((each) => each.tabIndex)).toEqual([-1, -1, 0]);
  });

  it("says what a value sees, or why nobody knows", () => {
    const field = { size: [43, 43], stride: [8, 8], start: [-17, -17], whole: false };
    const layers = [
      layerJson("a", { receptive_field: field }),
      layerJson("b", { receptive_field: { ...field, whole: true } }),
      layerJson("c", { field_reason: "attention mixes everything" }),
      layerJson("d", {
        calls: 2,
        receptive_field: field,
        receptive_fields: [field, { ...field, size: [51, 51] }],
      }),
    ];
    const { model, one } = open(traits(["a"], { metadata: { protocol: 1, layers } }));
    const facts = () => one(".cnnvis-fold-body .cnnvis-note").textContent;
    const set = (name: string, value: unknown) => {
      model.set(name, value);
      vi.advanceTimersByTime(200);
    };
    expect(one(".cnnvis-summary").textContent).toContain("sees 43×43 px, every 8");
    expect(facts()).toContain("sees 43×43 px, every 8 · float32 on cpu");
    set("layer", "b");
    expect(facts()).toContain("sees the whole input");
    set("layer", "c");
    expect(facts()).toContain("receptive field unknown: attention mixes everything");
    set("layer", "d");
    expect(facts()).toContain("sees 43×43 px");
    set("call", 1);
    expect(facts()).toContain("sees 51×51 px, every 8");
    expect(one(".cnnvis-summary").textContent).toContain("sees 51×51 px, every 8");
  });

  it("shows how much of a look is done, and nothing else", () => {
    const { model, one } = open(traits(["a"]));
    expect(one(".cnnvis-look").hidden).toBe(true);
    model.set("progress", 0.254);
    expect(one(".cnnvis-look").hidden).toBe(false);
    expect(one(".cnnvis-look").getAttribute("aria-valuenow")).toBe("25");
    expect(one(".cnnvis-done").style.width).toBe("25%");
    model.set("progress", -1);
    expect(one(".cnnvis-look").hidden).toBe(true);
  });

  it("shows hostile names as text, whole, and nothing else", () => {
    const values = traits(HOSTILE, { problem: HOSTILE[0] });
    values.notes = [{ layer: null, kind: "x", text: HOSTILE[0] }];
    values.notes = HOSTILE.map((kind) => ({
      layer: HOSTILE[0],
      kind,
      text: kind,
    }));
    values.seen = { image: 0, predictions: [{ index: 0, label: HOSTILE[6], probability: 1 }] };
    const { el, rows, one } = open(values);
    expect(rows().map((row) => row.querySelector(".cnnvis-name")?.textContent)).toEqual(HOSTILE);
    expect(one(".cnnvis-title").textContent).toBe(HOSTILE[0]);
    expect(one(".cnnvis-banner").textContent).toBe(HOSTILE[0]);
    expect(one(".cnnvis-label").textContent).toBe(HOSTILE[6]);
    expect(el.querySelectorAll("script, svg:not(.cnnvis-chart), b, img[onerror]")).toHaveLength(0);
  });

  it("picks a layer by click and by keys", () => {
    const { model, rows } = open(traits(["a", "b", "c"]));
    rows()[1].click();
    expect(model.values.layer).toBe("b");
    press(rows()[1], "ArrowDown");
    expect(model.values.layer).toBe("b");
    press(rows()[2], "Enter");
    expect(model.values.layer).toBe("c");
    press(rows()[2], "Home");
    press(rows()[0], " ");
    expect(model.values.layer).toBe("a");
    press(rows()[0], "End");
    expect(rows().map((row) => row.tabIndex)).toEqual([-1, -1, 0]);
    press(rows()[2], "b");
    expect(rows().map((row) => row.tabIndex)).toEqual([-1, 0, -1]);
  });

  it("keeps keys that it uses from the notebook, and no others", () => {
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    const { rows } = open(traits(["a", "b"]));
    press(rows()[0], "ArrowDown");
    expect(outside).not.toHaveBeenCalled();
    press(rows()[0], "b");
    expect(outside).not.toHaveBeenCalled();
    press(rows()[0], "?");
    expect(outside).toHaveBeenCalledTimes(1);
    document.body.removeEventListener("keydown", outside);
  });

  it("finds layers by words of name and type", () => {
    const { rows, one } = open(traits(["stem.conv", "block.0.conv", "block.0.down"]));
    const box = one<HTMLInputElement>(".cnnvis-filter");
    box.value = "block conv2d";
    box.dispatchEvent(new Event("input"));
    expect(rows().map((row) => row.querySelector(".cnnvis-name")?.textContent)).toEqual(["conv", "down"]);
    expect(one(".cnnvis-total").textContent).toBe("2 of 3");
  });

  it("writes what the controls choose, and follows what Python sets", () => {
    const { model, one, el } = open(traits(["a"], { frame: frame("a") }));
    const [maps, filters] = el.querySelectorAll<HTMLButtonElement>(".cnnvis-segment");
    filters.click();
    expect(model.values.view).toBe(FILTERS);
    model.set("view", FEATURE_MAPS);
    expect(maps.getAttribute("aria-pressed")).toBe("true");
    const select = el.querySelectorAll<HTMLSelectElement>(".cnnvis-select")[2];
    select.value = "mean";
    select.dispatchEvent(new Event("change"));
    expect(model.values.sort).toBe("mean");
    model.set("colormap", "magma");
    expect(el.querySelectorAll<HTMLSelectElement>(".cnnvis-select")[0].value).toBe("magma");
    expect(one(".cnnvis-amount").textContent).toBe("2 of 2");
  });

  it("shows the numbers of the picked channel", () => {
    const { model, one } = open(traits(["a"], { frame: frame("a") }));
    model.set("channels", [1]);
    expect(one(".cnnvis-inspector summary").textContent).toBe("Channel 1");
    const rows = [...one(".cnnvis-numbers").children].map(
      (row) => `${row.firstElementChild?.textContent} ${row.lastElementChild?.textContent}`,
    );
    expect(rows).toEqual(["min 0", "max 2", "mean 1", "deviation 0.1", "zeros 0 %", "not finite 3"]);
  });

  it("shows and hides the banner", () => {
    const { model, one } = open(traits(["a"]));
    expect(one(".cnnvis-banner").hidden).toBe(true);
    model.set("problem", "The model raised.");
    expect(one(".cnnvis-banner").hidden).toBe(false);
    expect(one(".cnnvis-banner").textContent).toBe("The model raised.");
  });

  it("keeps Notebook's shortcuts off the element that has the focus", () => {
    const { one } = open(traits(["a"]));
    const canvas = one<HTMLCanvasElement>("canvas");
    canvas.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    expect(canvas.getAttribute("data-lm-suppress-shortcuts")).toBe("true");
  });

  it("gives the canvas's state as attributes", async () => {
    const { one } = open(traits(["a"]));
    await new Promise((resolve) => requestAnimationFrame(() => resolve(null)));
    expect(one("canvas").dataset.state).toBe("loading");
  });

  it("is gone without a trace when it is closed, by the host or by the returned function", () => {
    for (const how of ["host", "function"] as const) {
      const { model, el, host, close } = open(traits(["a"], { frame: frame("a") }));
      expect(model.listenerCount).toBeGreaterThan(0);
      if (how === "host") host.abort();
      else close();
      expect(model.listenerCount).toBe(0);
      expect(el.querySelector("canvas")).toBeNull();
    }
  });

  it("may be open twice, each on its own", () => {
    const values = traits(["a", "b"]);
    const [first, second] = [open(values), open({ ...values })];
    first.close();
    second.rows()[1].click();
    expect(second.model.values.layer).toBe("b");
  });

  it("survives traits of any type", () => {
    const odd = {
      metadata: 3,
      picture: 5,
      frame: "x",
      layer: null,
      view: 7,
      channels: "1",
      call: "x",
      batch_index: {},
      seen: 7,
      thumbnails: null,
      progress: "all",
      height: "tall",
      problem: {},
    };
    expect(() => open(odd)).not.toThrow();
  });
});

describe("the theme", () => {
  it("is as asked for, else the host's", () => {
    document.body.setAttribute("data-jp-theme-light", "false");
    const { model, one } = open(traits(["a"]));
    expect(one(".cnnvis").dataset.theme).toBe("light");
    model.set("theme", "auto");
    expect(one(".cnnvis").dataset.theme).toBe("dark");
  });

  it.each([
    ["vscode-dark", "dark"],
    ["vscode-high-contrast", "dark"],
    ["vscode-high-contrast vscode-high-contrast-light", "light"],
    ["dark", "dark"],
    ["light", "light"],
    ["", null],
  ])("of a body of class '%s' is %s", (name, theme) => {
    document.body.className = name;
    expect(hostTheme()).toBe(theme);
    document.body.className = "";
  });
});
