"""A good guest: in any page, several at once, in a shadow tree, unseen at first, and gone without a trace."""

from __future__ import annotations

import re

import pytest
import torch
from host import URL, Host, HostedWidget
from nets import TwoConvs, image_tensor
from playwright.sync_api import Browser, Page, expect
from view import View, check_maps

# all that could stay behind: added and not removed, observed and not let go, asked for and not run
WATCH = """
const left = window.left = { listeners: new Set(), observers: new Set(), waiting: new Map() };
const add = EventTarget.prototype.addEventListener, remove = EventTarget.prototype.removeEventListener;
const entries = new WeakMap();
const key = (type, listener, options) => type + (typeof options === "boolean" ? options : !!options?.capture);
EventTarget.prototype.addEventListener = function (type, listener, options) {
  add.call(this, type, listener, options);
  if (this instanceof AbortSignal || !listener || options?.signal?.aborted) return;
  const entry = { type, target: this };
  left.listeners.add(entry);
  if (!entries.has(listener)) entries.set(listener, []);
  entries.get(listener).push({ entry, target: this, key: key(type, listener, options) });
  if (options?.signal) add.call(options.signal, "abort", () => left.listeners.delete(entry), { once: true });
  if (options?.once) add.call(this, type, () => left.listeners.delete(entry), { once: true });
};
EventTarget.prototype.removeEventListener = function (type, listener, options) {
  remove.call(this, type, listener, options);
  for (const each of entries.get(listener) ?? []) {
    if (each.target === this && each.key === key(type, listener, options)) left.listeners.delete(each.entry);
  }
};
for (const name of ["ResizeObserver", "MutationObserver", "IntersectionObserver"]) {
  const Original = window[name];
  window[name] = class extends Original {
    observe(...args) {
      // the browser's driver watches too
      if (!new Error().stack.includes("InjectedScript")) left.observers.add(this);
      super.observe(...args);
    }
    disconnect() { left.observers.delete(this); super.disconnect(); }
  };
}
const pairs = [
  ["setTimeout", "clearTimeout"],
  ["setInterval", "clearInterval"],
  ["requestAnimationFrame", "cancelAnimationFrame"],
];
for (const [start, stop] of pairs) {
  const [begin, end] = [window[start], window[stop]];
  window[start] = (run, ...args) => {
    const id = begin((...values) => {
      if (start !== "setInterval") left.waiting.delete(start + id);
      run(...values);
    }, ...args);
    left.waiting.set(start + id, String(run));
    return id;
  };
  window[stop] = (id) => { left.waiting.delete(start + id); end(id); };
}
"""
LEFT = """() => ({
  listeners: [...window.left.listeners].map(({ type, target }) => `${type} on ${target.constructor.name}`),
  observers: [...window.left.observers].map((each) => Object.getPrototypeOf(each.constructor).name),
  waiting: [...window.left.waiting.values()],
  models: window.host.views.map(({ model }) => model.listenerCount),
})"""


@pytest.fixture
def model() -> TwoConvs:
    torch.manual_seed(0)
    return TwoConvs()


def use(view: View, page: Page) -> None:
    """Touches all that listens."""
    view.wait("first")
    for x, y in ((90, 90), (200, 160)):
        view.point(x, y)
    page.mouse.click(view.box()["x"] + 90, view.box()["y"] + 90)
    view.canvas.focus()
    for key in (
        "+",
        "ArrowRight",
        "Shift+ArrowRight",
        "c",
        "c",
        "Enter",
        "ArrowDown",
        "Escape",
        "0",
    ):
        page.keyboard.press(key)
    view.root.get_by_role("button", name="Display").click()
    page.keyboard.press("Escape")
    view.root.get_by_role("button", name="Save", exact=True).click()
    page.keyboard.press("Escape")
    view.root.get_by_role("searchbox").fill("sec")
    view.root.get_by_role("searchbox").fill("")
    view.canvas.focus()
    for key in ("?", "Escape", "t", "Escape", "v"):
        page.keyboard.press(key)
    view.wait("first", "filters")
    page.keyboard.press("PageDown")
    view.wait("second", "filters")


def test_a_view_that_was_used_and_taken_away_leaves_nothing(page: Page, model: TwoConvs) -> None:
    page.add_init_script(WATCH)
    host = Host(page)
    before = page.evaluate(LEFT)
    widget = HostedWidget(model, image_tensor(48), theme="auto")
    number = host.show(widget)
    use(View(page), page)
    during = page.evaluate(LEFT)
    assert len(during["listeners"]) > 30, "the test sees them"
    assert len(during["observers"]) >= 2
    host.close(number)
    after = page.evaluate(LEFT)
    assert after["listeners"] == before["listeners"]
    assert (after["observers"], after["waiting"], after["models"]) == ([], [], [0])
    assert [url for url in host.asked if not url.startswith((URL, "data:"))] == []
    widget.close()


def test_in_a_shadow_tree_it_looks_and_works_as_ever(page: Page, model: TwoConvs) -> None:
    host = Host(page)
    widget = HostedWidget(model, image_tensor(48), theme="dark")
    host.show(widget, shadow=True)
    view = View(page)
    use(view, page)
    assert widget.layer == "second"
    brightness = view.root.evaluate(
        "root => getComputedStyle(root).backgroundColor.match(/\\d+/g).map(Number)[0]"
    )
    assert brightness < 60, "its own colors"
    fit = view.transform()
    view.canvas.focus()
    view.point(200, 200)
    page.mouse.wheel(0, -300)  # with the focus the wheel is the canvas's, in a shadow tree too
    expect(view.canvas).not_to_have_attribute("data-transform", re.compile(rf"^{fit[0]:.4}"))
    widget.close()


def test_what_is_hidden_at_first_is_right_when_it_is_shown(page: Page, model: TwoConvs) -> None:
    with torch.no_grad():
        expected = model.by_hand(image_tensor(48))["first"][0].numpy()
    host = Host(page)
    widget = HostedWidget(model, image_tensor(48), theme="light")
    number = host.show(widget, hidden=True)
    page.evaluate("view => { window.host.views[view].cell.style.display = ''; }", number)
    view = View(page)
    view.wait("first")
    assert view.box()["height"] > 200
    expect(view.layers.get_by_role("treeitem")).to_have_count(2)
    check_maps(view.samples(), expected)
    # hidden again, made another size, shown again: as another tab of a notebook
    style = f"window.host.views[{number}].cell.style"
    page.evaluate(f"{style}.display = 'none'")
    page.evaluate(f"{style}.width = '420px'")
    page.evaluate(f"{style}.display = ''")
    view.settle()
    assert view.canvas.evaluate("canvas => canvas.width === Math.round(canvas.clientWidth)")
    check_maps(view.samples(), expected)
    widget.close()


def test_sixteen_widgets_and_two_views_of_each_stay_apart_and_usable(
    page: Page, model: TwoConvs
) -> None:
    host = Host(page)
    widgets = [HostedWidget(model, image_tensor(48), theme="light") for _ in range(16)]
    for widget in widgets:
        host.show(widget)
    again = host.show(widgets[3])
    expect(page.locator('.cnnvis-canvas[data-state="ready"]')).to_have_count(17)
    roots = page.locator(".cnnvis")
    roots.nth(3).get_by_role("button", name="Filters").click()
    expect(roots.nth(again).locator(".cnnvis-canvas")).to_have_attribute("data-view", "filters")
    expect(roots.nth(2).locator(".cnnvis-canvas")).to_have_attribute("data-view", "feature_maps")
    assert [widget.view for widget in widgets].count("filters") == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(({ id }) => id)")
    assert len(ids) == len(set(ids)), "no two things of one name"
    # a frame is drawn soon even so
    spent = page.evaluate(
        """() => new Promise((done) => {
          const start = performance.now();
          requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
        })"""
    )
    assert spent < 1000
    for widget in widgets:
        widget.close()


def test_another_density_of_the_screen_is_followed(browser: Browser, model: TwoConvs) -> None:
    context = browser.new_context(viewport={"width": 900, "height": 800})
    page = context.new_page()
    host = Host(page)
    widget = HostedWidget(model, image_tensor(48))
    host.show(widget)
    view = View(page)
    view.wait("first")
    session = context.new_cdp_session(page)
    session.send(
        "Emulation.setDeviceMetricsOverride",
        {"width": 860, "height": 800, "deviceScaleFactor": 2.5, "mobile": False},
    )
    page.wait_for_function(
        "canvas => Math.abs(canvas.width / canvas.getBoundingClientRect().width - 2.5) < 0.02",
        arg=view.canvas.element_handle(),
    )
    widget.close()
    context.close()


def test_nothing_moves_while_values_are_pointed_at_and_picked(page: Page, model: TwoConvs) -> None:
    host = Host(page)
    widget = HostedWidget(model, image_tensor(48))
    host.show(widget)
    view = View(page)
    view.wait("first")
    boxes = """root => [...root.querySelectorAll(".cnnvis-stage, .cnnvis-bar, .cnnvis-foot, .cnnvis-layers")]
      .map((part) => Object.values(part.getBoundingClientRect().toJSON()).join())"""
    before = view.root.evaluate(boxes)
    for x, y in ((60, 60), (150, 90), (220, 200), (1, 1)):
        view.point(x, y)
        view.settle()
        assert view.root.evaluate(boxes) == before
    view.canvas.focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter", "ArrowDown"):
        page.keyboard.press(key)
        view.settle()
        assert view.root.evaluate(boxes) == before, key
    widget.close()


def test_the_lower_edge_is_dragged_and_moved_by_keys_and_python_hears_where(
    page: Page, model: TwoConvs
) -> None:
    host = Host(page)
    widget = HostedWidget(model, image_tensor(48), height=500)
    host.show(widget)
    view = View(page)
    view.wait("first")
    edge = view.root.get_by_role("separator", name="Height of the view")
    app = view.root.locator(".cnnvis-app")
    assert app.evaluate("app => app.offsetHeight") == 500
    box = edge.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 84, steps=4)
    expect(app).to_have_css("height", "580px")
    page.mouse.up()
    edge.focus()
    page.keyboard.press("ArrowUp")
    expect(app).to_have_css("height", "560px")
    page.wait_for_function("window.host.views[0].model.get('height') === 560")
    assert widget.height == 560
    widget.close()
