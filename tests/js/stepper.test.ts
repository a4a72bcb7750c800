// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { badgesOf, fitting } from "../../js/badges.js";
import { createStepper } from "../../js/panels/stepper.js";

describe("a stepper", () => {
  const open = (at: number, canBe?: (index: number) => boolean) => {
    const choose = vi.fn();
    const stepper = createStepper("call", choose, new AbortController().signal);
    stepper.show(at, ["one", "two", "three", "four"], canBe);
    const [back, on] = stepper.element.querySelectorAll("button");
    const select = stepper.element.querySelector("select") as HTMLSelectElement;
    return { choose, stepper, back, on, select };
  };

  it("goes to the neighbors and no further than the ends", () => {
    const { choose, stepper, back, on } = open(1);
    back.click();
    on.click();
    expect(choose.mock.calls).toEqual([[0], [2]]);
    stepper.show(3, ["one", "two", "three", "four"]);
    expect([back.disabled, on.disabled]).toEqual([false, true]);
    stepper.show(0, ["one"]);
    expect([back.disabled, on.disabled]).toEqual([true, true]);
  });

  it("steps over what cannot be had, and says so in its menu", () => {
    const { choose, on, select } = open(0, (index) => index === 0 || index === 3);
    on.click();
    expect(choose).toHaveBeenCalledWith(3);
    expect([...select.options].map(({ text, disabled }) => [text, disabled])).toEqual([
      ["one", false],
      ["two – not in this report", true],
      ["three – not in this report", true],
      ["four", false],
    ]);
  });

  it("picks from its menu", () => {
    const { choose, select } = open(0);
    select.selectedIndex = 2;
    select.dispatchEvent(new Event("change"));
    expect(choose).toHaveBeenCalledWith(2);
  });
});

describe("badges", () => {
  const badge = (text: string) => ({ text, tone: "plain" as const, title: "" });

  it("are as many as have room, and at least one", () => {
    const badges = ["dead", "constant", "averaged"].map(badge);
    expect(fitting(badges, 100)).toEqual({ shown: badges, more: 0 });
    expect(fitting(badges, 16)).toEqual({ shown: badges.slice(0, 2), more: 1 });
    expect(fitting(badges, 0)).toEqual({ shown: badges.slice(0, 1), more: 2 });
    expect(fitting([], 9)).toEqual({ shown: [], more: 0 });
  });

  it("come in the order of what matters, with kinds that nobody knows before what is faint", () => {
    const kinds = ["averaged", "toString", "never ran", "stopped", ""];
    const badges = badgesOf(
      kinds.map((kind) => ({ layer: null, kind, text: kind })),
      null,
    );
    expect(badges.map(({ text, tone }) => [text, tone])).toEqual([
      ["stopped", "error"],
      ["never ran", "faint"],
      ["toString", "plain"],
      ["note", "plain"],
      ["averaged", "faint"],
    ]);
  });
});
