"""The words and numbers that are drawn on the canvas are those of the values under them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nets import image_tensor
from playwright.sync_api import Page, expect
from torch import Tensor, nn
from view import View

from cnnvis import inspect
from cnnvis.report import save_html

# all that is written on a canvas since it was last cleared
WRITTEN = """
window.written = [];
const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...most) {
  window.written.push([text, x, y]);
  fillText.call(this, text, x, y, ...most);
};
CanvasRenderingContext2D.prototype.clearRect = function (x, y, width, height) {
  if (x === 0 && y === 0 && this.canvas.matches(".cnnvis-canvas")) window.written = [];
  clearRect.call(this, x, y, width, height);
};
"""


class Wide(nn.Module):
    """Forty by thirty kernels, one filter of zeros, and one that gives the same everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 30, 1)
        self.wide = nn.Conv2d(30, 40, 3)
        with torch.no_grad():
            for dead, bias in ((3, 0.0), (7, 0.5)):
                self.stem.weight[dead] = 0
                assert self.stem.bias is not None
                self.stem.bias[dead] = bias

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.wide(self.stem(x))
        return y


@pytest.fixture
def model() -> Wide:
    torch.manual_seed(0)
    return Wide()


def opened(page: Page, folder: Path, model: Wide, **state: object) -> View:
    page.emulate_media(reduced_motion="reduce")  # movements end at once
    page.add_init_script(WRITTEN)
    look = inspect(model, image_tensor(10))
    page.goto(save_html(look, folder / "report.html", state=state).as_uri())
    view = View(page)
    view.wait(str(state.get("layer", "stem")), str(state.get("view", "feature_maps")))
    return view


def written(view: View) -> list[tuple[str, float, float]]:
    view.settle()
    texts: list[tuple[str, float, float]] = view.page.evaluate("window.written")
    return texts


def test_a_cell_has_its_own_value_in_it(page: Page, tmp_path: Path, model: Wide) -> None:
    with torch.no_grad():
        maps = model.stem(image_tensor(10))[0]
    view = opened(page, tmp_path, model)
    view.canvas.focus()
    for key in ("Home", *["ArrowRight"] * 12, "Enter", *["+"] * 6):
        page.keyboard.press(key)
    numbers = [(text, x, y) for text, x, y in written(view) if "." in text]
    k, left, top = view.transform()
    assert k >= 44
    box = view.box()
    assert len(numbers) > 20
    found = 0
    for text, x, y in numbers:
        if not (5 < x < box["width"] - 5 and 5 < y < box["height"] - 5):
            continue
        # in the middle of its cell, across and down
        assert abs(((x - left) / k) % 1 - 0.5) < 0.02
        assert abs(((y - top) / k) % 1 - 0.5) < 0.02
        place = view.place(x, y)
        assert place is not None
        value = float(maps[place.channel, place.row, place.column])
        span = float(maps[place.channel].max() - maps[place.channel].min())
        # half a code, and half of the last digit that is written
        digit = 10.0 ** -len(text.partition(".")[2])
        assert abs(float(text) - value) <= span / 508 + digit / 2 + 1e-6, (text, place)
        found += 1
        if found == 8:
            break
    assert found == 8


def test_the_numbers_at_the_edges_of_a_matrix_are_those_of_what_lies_below(
    page: Page, tmp_path: Path, model: Wide
) -> None:
    view = opened(page, tmp_path, model, layer="wide", view="filters")
    view.canvas.focus()
    for key in ("+", "+", "+"):
        page.keyboard.press(key)
    view.point(300, 300)
    page.mouse.down()
    page.mouse.move(view.box()["x"] + 240, view.box()["y"] + 250)
    page.mouse.up()
    box = view.box()
    view.settle()
    across = [(text, x) for text, x, y in written(view) if y < 17 and text.isdigit()]
    down = [(text, y) for text, x, y in written(view) if x < 32 and text.isdigit()]
    assert len(across) >= 4
    assert len(down) >= 4
    k, left, top = view.transform()
    for text, x in across:
        if x > box["width"]:
            continue
        assert int((x - left) / k // 4) == int(text)  # kernels of three, and a gap of one
    for text, y in down:
        if y > box["height"]:
            continue
        assert int((y - top) / k // 4) == int(text)
    # as the view itself reads the place
    column = next((text, x) for text, x in across if x < box["width"] - 10)
    row = next((text, y) for text, y in down if 40 < y < box["height"] - 10)
    place = view.place(column[1], row[1])
    assert place is not None
    assert (place.channel, place.plane) == (int(row[0]), int(column[0]))


@pytest.mark.parametrize(
    ("hide", "gone"), [("none", set()), ("dead", {3}), ("constant", {3, 7})], ids=lambda x: str(x)
)
def test_what_is_hidden_is_not_drawn_and_counted(
    page: Page, tmp_path: Path, model: Wide, hide: str, gone: set[int]
) -> None:
    view = opened(page, tmp_path, model, hide=hide)
    labels = {int(text.split()[0]) for text, _, _ in written(view)}
    assert labels == set(range(30)) - gone
    expect(view.root).to_contain_text(f"{30 - len(gone)} of 30")
