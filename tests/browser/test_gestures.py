"""Zoom and pan as hands do them, on a report's page: wheel, drag, double click, pinch, keys, buttons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from nets import TwoConvs, image_tensor
from playwright.sync_api import Browser, Page, expect
from view import Place, View

from cnnvis import inspect


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("gestures")
    return inspect(TwoConvs(), image_tensor(48)).save_html(folder / "report.html")


@pytest.fixture
def view(page: Page, report: Path) -> View:
    page.emulate_media(reduced_motion="reduce")  # movements end at once
    page.goto(report.as_uri())
    view = View(page)
    view.wait("first")
    return view


def middle_of(view: View, channel: int) -> tuple[float, float, Place]:
    """A point well inside a tile, and what lies there."""
    sample = next(s for s in view.samples() if s.place.channel == channel)
    return sample.x, sample.y, sample.place


def moved(view: View, before: tuple[float, float, float]) -> tuple[float, float, float]:
    """The transform once it is another one."""
    text = view.canvas.get_attribute("data-transform") or ""
    if view.transform() == before:
        expect(view.canvas).not_to_have_attribute("data-transform", text)
    view.settle()
    return view.transform()


def zoom_in(view: View, x: float, y: float) -> tuple[float, float, float]:
    before = view.transform()
    view.point(x, y)
    view.page.keyboard.down("Control")
    view.page.mouse.wheel(0, -500)
    view.page.keyboard.up("Control")
    return moved(view, before)


def test_double_click_zooms_in_about_the_point_and_picks_nothing(view: View) -> None:
    x, y, place = middle_of(view, 2)
    before, box = view.transform(), view.box()
    view.page.mouse.dblclick(box["x"] + x, box["y"] + y)
    assert moved(view, before)[0] == pytest.approx(2 * before[0])
    assert view.place(x, y) == place
    expect(view.root).not_to_contain_text("Picked: channel")


def test_drag_pans_by_what_the_hand_moves_and_is_no_click(view: View) -> None:
    x, y, place = middle_of(view, 3)
    zoomed, box = zoom_in(view, x, y), view.box()
    view.page.mouse.move(box["x"] + x, box["y"] + y)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + x - 40, box["y"] + y - 25, steps=5)
    view.page.mouse.up()
    dragged = moved(view, zoomed)
    assert dragged == pytest.approx((zoomed[0], zoomed[1] - 40, zoomed[2] - 25))
    assert view.place(x - 40, y - 25) == place
    expect(view.root).not_to_contain_text("Picked: channel")


def test_a_drag_goes_on_outside_the_canvas_and_selects_no_text(view: View) -> None:
    x, y, place = middle_of(view, 3)
    zoomed, box = zoom_in(view, x, y), view.box()
    view.page.mouse.move(box["x"] + x, box["y"] + y)
    view.page.mouse.down()
    expect(view.canvas).to_have_css("cursor", "grabbing")
    view.page.mouse.move(box["x"] - 100, box["y"] + y, steps=5)
    view.page.mouse.move(box["x"] + x - 30, box["y"] + y, steps=5)
    view.page.mouse.up()
    dragged = moved(view, zoomed)
    assert dragged == pytest.approx((zoomed[0], zoomed[1] - 30, zoomed[2]))
    view.point(x, y)
    view.settle()
    assert view.transform() == dragged, "it let go"
    assert view.place(x - 30, y) == place
    assert view.page.evaluate("getSelection().toString()") == ""
    expect(view.root).not_to_contain_text("Picked: channel")
    view.page.mouse.click(box["x"] + x - 30, box["y"] + y)
    expect(view.root).to_contain_text("Picked: channel 3")


def test_other_buttons_of_the_mouse_move_nothing(view: View) -> None:
    zoomed, box = zoom_in(view, 300, 200), view.box()
    for button in ("middle", "right"):
        view.page.mouse.move(box["x"] + 300, box["y"] + 200)
        view.page.mouse.down(button=button)
        view.page.mouse.move(box["x"] + 200, box["y"] + 150)
        view.page.mouse.up(button=button)
    view.settle()
    assert view.transform() == zoomed


def test_the_picture_cannot_be_lost(view: View) -> None:
    zoomed, box = zoom_in(view, 300, 200), view.box()
    for _ in range(8):
        view.page.mouse.move(box["x"] + 30, box["y"] + 30)
        view.page.mouse.down()
        view.page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=3)
        view.page.mouse.up()
    k, left, top = moved(view, zoomed)
    assert k == zoomed[0]
    assert left < box["width"] - 20
    assert top < box["height"] - 20


def test_the_wheel_is_the_pages_until_the_canvas_has_the_focus(view: View) -> None:
    before = view.transform()
    view.point(200, 200)
    view.page.mouse.wheel(0, -300)
    view.settle()
    assert view.transform() == before
    view.canvas.focus()
    view.page.mouse.wheel(0, -300)
    assert moved(view, before)[0] > before[0]


def test_the_wheel_is_the_pages_again_where_no_scale_is_left(view: View) -> None:
    # a turn of the wheel in pixels (0), lines (1) or pages (2); true where the canvas took it
    turn = """([deltaY, deltaMode]) => {
      const at = { clientX: 400, clientY: 300, bubbles: true, cancelable: true };
      const event = new WheelEvent("wheel", { deltaY, deltaMode, ctrlKey: true, ...at });
      return !document.querySelector(".cnnvis-canvas").dispatchEvent(event);
    }"""
    fit = view.transform()
    assert not view.page.evaluate(turn, [100, 0])
    scales = []
    for delta in ((-100, 0), (-2, 1), (-1, 2)):
        before = view.transform()
        assert view.page.evaluate(turn, delta)
        scales.append(moved(view, before)[0] / before[0])
    assert scales == pytest.approx([2**0.2, 2**0.8, 2])
    for _ in range(2):
        assert view.page.evaluate(turn, [1, 2])
    view.page.evaluate(turn, [1, 2])
    view.settle()
    assert view.transform() == fit


def test_keys_zoom_fit_and_move_the_picked_tile(view: View) -> None:
    fit = view.transform()
    view.canvas.focus()
    view.page.keyboard.press("+")
    assert moved(view, fit)[0] > fit[0]
    view.page.keyboard.press("0")
    view.settle()
    assert view.transform() == fit
    for key, channel in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("End", 3)):
        view.page.keyboard.press(key)
        expect(view.root).to_contain_text(f"Picked: channel {channel}")
    view.page.keyboard.press("Escape")
    expect(view.root).not_to_contain_text("Picked: channel")


def test_buttons_zoom_and_show_all(view: View) -> None:
    fit = view.transform()
    view.root.get_by_role("button", name=re.compile("^Zoom in")).click()
    closer = moved(view, fit)
    assert closer[0] > fit[0]
    view.root.get_by_role("button", name=re.compile("^Fit")).click()
    assert moved(view, closer) == fit


@pytest.mark.parametrize(("across", "down"), [(1, 0), (0, 1)])
def test_two_fingers_zoom_about_the_point_between_them(
    browser: Browser, report: Path, across: int, down: int
) -> None:
    context = browser.new_context(
        viewport={"width": 900, "height": 700}, has_touch=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(report.as_uri())
    view = View(page)
    view.wait("first")
    x, y, place = middle_of(view, 1)
    before, box = view.transform(), view.box()
    touch = context.new_cdp_session(page)

    def fingers(kind: str, *spread: float) -> None:
        points = [
            {"x": box["x"] + x + d * across, "y": box["y"] + y + d * down, "id": i}
            for i, d in enumerate(spread)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", -20)
    fingers("touchStart", -20, 20)
    for spread in (30, 40, 50):
        fingers("touchMove", -spread, spread)
    fingers("touchEnd")
    pinched = moved(view, before)
    assert pinched[0] == pytest.approx(2.5 * before[0], rel=0.02)
    assert view.place(x, y) == place
    # the picture is larger now: one finger moves it
    fingers("touchStart", 0)
    fingers("touchMove", 25)
    fingers("touchMove", 50)
    fingers("touchEnd")
    panned = (pinched[0], pinched[1] + 50 * across, pinched[2] + 50 * down)
    assert moved(view, pinched) == pytest.approx(panned)
    context.close()


def test_it_fills_the_screen_and_comes_back_sharp(view: View) -> None:
    sharp = """canvas => canvas.width === Math.round(
      canvas.getBoundingClientRect().width * devicePixelRatio)"""
    before = view.box()
    view.canvas.focus()
    view.page.keyboard.press("f")
    view.page.wait_for_function("document.fullscreenElement?.matches('.cnnvis')")
    root = view.root.bounding_box()
    assert root is not None
    assert root["height"] == view.page.evaluate("innerHeight")
    view.settle()
    assert view.canvas.evaluate(sharp)
    view.page.keyboard.press("f")
    view.page.wait_for_function("document.fullscreenElement === null")
    view.settle()
    assert view.box() == before
    assert view.canvas.evaluate(sharp)


def test_a_page_that_may_not_fill_the_screen_says_so(page: Page, report: Path) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'fullscreenEnabled', { get: () => false })"
    )
    page.goto(report.as_uri())
    view = View(page)
    view.wait("first")
    expect(view.root.get_by_role("button", name="Full screen")).to_have_count(0)
    view.canvas.focus()
    page.keyboard.press("f")
    expect(view.root.locator(".cnnvis-toast")).to_have_text(
        "This page does not let the view fill the screen."
    )
