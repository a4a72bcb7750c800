"""Ways through a model: keys, history, the sheet of keys, folding, the height; on a report's page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from nets import TwoConvs, image_tensor
from playwright.sync_api import Browser, Page, expect
from view import View, check_maps

from cnnvis import inspect


@pytest.fixture(scope="module")
def activations() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        return TwoConvs().by_hand(image_tensor(48))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exploring")
    return inspect(TwoConvs(), image_tensor(48)).save_html(folder / "report.html")


@pytest.fixture
def view(page: Page, report: Path) -> View:
    page.emulate_media(reduced_motion="reduce")
    page.goto(report.as_uri())
    view = View(page)
    view.wait("first")
    return view


def test_enter_goes_into_the_cells_and_the_keys_read_every_value(
    view: View, activations: dict[str, torch.Tensor]
) -> None:
    maps = activations["first"][0]
    keyboard, spoken = view.page.keyboard, view.root.locator(".cnnvis-spoken")
    view.canvas.focus()
    keyboard.press("ArrowRight")
    expect(spoken).to_have_text("Picked: channel 0")
    keyboard.press("Enter")
    middle = maps.shape[1] // 2
    expect(spoken).to_contain_text(f"channel 0 · row {middle} · column {middle}: value")
    assert view.transform()[0] >= 12, "cells that can be told apart"
    for _ in range(3):
        keyboard.press("ArrowDown")
    keyboard.press("ArrowLeft")
    row, column = middle + 3, middle - 1
    expect(spoken).to_contain_text(f"row {row} · column {column}")
    said = re.search(r"value (-?[\d.]+)(?: ± ([\d.]+))?", spoken.inner_text())
    assert said
    exact = float(maps[0, row, column])
    assert abs(float(said[1]) - exact) <= float(said[2] or 0) * 1.05 + 1e-3
    # over the edge into the next tile, which is picked with it
    for _ in range(maps.shape[2]):
        keyboard.press("ArrowRight")
    expect(spoken).to_contain_text(f"channel 1 · row {row} · column")
    expect(view.readout).to_contain_text("channel 1")
    keyboard.press("Escape")
    expect(view.root).to_contain_text("Picked: channel 1")
    keyboard.press("Escape")
    expect(view.readout).to_contain_text("Point at a value")


def test_shift_picks_more_and_c_shows_them_alone(view: View) -> None:
    view.canvas.focus()
    for key in ("ArrowRight", "Shift+ArrowRight"):
        view.page.keyboard.press(key)
    expect(view.root.locator(".cnnvis-spoken")).to_have_text("Picked: channel 0, 1")


def test_back_and_forward_show_what_was_looked_at_where_it_was(
    view: View, activations: dict[str, torch.Tensor]
) -> None:
    back = view.root.get_by_role("button", name=re.compile("^Back"))
    forward = view.root.get_by_role("button", name=re.compile("^Forward"))
    expect(back).to_be_disabled()
    view.canvas.focus()
    view.page.keyboard.press("ArrowRight")
    view.page.keyboard.press("+")
    view.page.keyboard.press("+")
    expect(view.root).to_contain_text("Picked: channel 0")
    view.settle()
    zoomed = view.transform()
    view.page.keyboard.press("PageDown")
    view.wait("second")
    fit = view.transform()
    view.page.keyboard.press("v")
    view.wait("second", "filters")
    back.click()
    view.wait("second")
    assert view.transform() == pytest.approx(fit)
    view.canvas.focus()
    view.page.keyboard.press("Alt+ArrowLeft")
    view.wait("first")
    expect(view.canvas).to_have_attribute("data-transform", re.compile(rf"^{int(zoomed[0])}\."))
    assert view.transform() == pytest.approx(zoomed)
    expect(view.root).to_contain_text("Picked: channel 0")
    check_maps(view.samples(), activations["first"][0].numpy(), tiles=1)
    expect(back).to_be_disabled()
    forward.click()
    view.wait("second")
    view.pick_layer("first")  # on from here: what was forward is forgotten
    view.wait("first")
    expect(forward).to_be_disabled()


def test_the_sheet_of_keys_takes_the_focus_and_gives_it_back(view: View) -> None:
    view.canvas.focus()
    view.page.keyboard.press("?")
    sheet = view.root.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("into the cells of the picked tile")
    expect(sheet.get_by_role("button", name="Close")).to_be_focused()
    for _ in range(4):  # around in the sheet
        view.page.keyboard.press("Tab")
        assert sheet.evaluate("sheet => sheet.contains(document.activeElement)")
    view.page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(view.canvas).to_be_focused()


def test_panels_fold_and_leave_their_room_to_the_picture(view: View) -> None:
    width = view.box()["width"]
    view.canvas.focus()
    view.page.keyboard.press("l")
    expect(view.layers).to_be_hidden()
    view.page.keyboard.press("i")
    expect(view.root.locator(".cnnvis-inspector")).to_be_hidden()
    view.page.wait_for_function(
        "([canvas, width]) => canvas.getBoundingClientRect().width > width + 200",
        arg=[view.canvas.element_handle(), width],
    )
    view.page.keyboard.press("/")
    expect(view.root.get_by_role("searchbox")).to_be_focused()
    expect(view.layers).to_be_visible()


def test_a_page_that_runs_from_right_to_left_changes_nothing(view: View) -> None:
    before = view.box()
    view.page.evaluate("document.documentElement.dir = 'rtl'")
    view.settle()
    assert view.box() == before
    assert view.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_finger_that_rests_reads_values_and_one_that_moves_scrolls_the_page(
    browser: Browser, report: Path
) -> None:
    context = browser.new_context(
        viewport={"width": 900, "height": 700}, has_touch=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(report.as_uri())
    view = View(page)
    view.wait("first")
    assert view.canvas.evaluate("canvas => canvas.style.touchAction") == "pan-y"
    sample = next(s for s in view.samples() if s.place.channel == 2)
    fit, box = view.transform(), view.box()
    touch = context.new_cdp_session(page)

    def finger(kind: str, *at: float) -> None:
        points = [{"x": box["x"] + at[0], "y": box["y"] + at[1], "id": 1}] if at else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", sample.x, sample.y)
    expect(view.readout).to_contain_text(
        f"channel 2 · row {sample.place.row} · column {sample.place.column}"
    )
    finger("touchEnd")
    expect(view.readout).to_contain_text("channel 2")
    assert view.transform() == fit
    view.root.get_by_role("button", name=re.compile("^Zoom in")).click()
    expect(view.canvas).to_have_css("touch-action", "none")
    context.close()
