"""What the colors are under typed limits, clipping and an image below, against numpy and matplotlib."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nets import TwoConvs, image_tensor
from playwright.sync_api import Page, expect
from view import View, close, viridis

from cnnvis import inspect
from cnnvis.report import save_html


@pytest.fixture(scope="module")
def maps() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    torch.manual_seed(0)
    with torch.no_grad():
        found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (
            TwoConvs().by_hand(image_tensor(48))["first"][0].numpy()
        )
    return found


def opened(page: Page, folder: Path, **state: object) -> View:
    """A report of the first layer that opens in a state."""
    torch.manual_seed(0)
    look = inspect(TwoConvs(), image_tensor(48))
    page.goto(save_html(look, folder / "report.html", state=state).as_uri())
    view = View(page)
    view.wait("first")
    return view


def color(value: float, lo: float, hi: float) -> tuple[int, int, int]:
    """Viridis between two ends, and the ends' colors beyond them."""
    return viridis(min(max(value, lo), hi), lo, hi)


def test_typed_limits_are_the_ends_of_the_colors(
    page: Page, tmp_path: Path, maps: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    view = opened(page, tmp_path)
    view.root.get_by_role("button", name="Display").click()
    low = view.root.get_by_label("Lowest value of the colors")
    high = view.root.get_by_label("Highest value of the colors")
    low.fill("0.4")
    high.fill("0.1")
    expect(view.root.locator(".cnnvis-rule")).to_have_text("Two numbers, the lower one first.")
    low.fill("-0.2")
    expect(view.root.locator(".cnnvis-rule")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(view.root.locator(".cnnvis-ends")).to_contain_text("-0.2")
    for sample in view.samples():
        value = float(maps[sample.place.channel, sample.place.row, sample.place.column])
        near = [
            color(value + d, -0.2, 0.1) for d in (-0.004, 0, 0.004)
        ]  # a code stands for so much
        assert any(close(sample.color, each, 6) for each in near), (sample, value)


def test_clipping_leaves_out_as_many_as_it_says(
    page: Page, tmp_path: Path, maps: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    view = opened(page, tmp_path, clip=5)
    expect(view.root.locator(".cnnvis-legend")).to_contain_text("90 % of the values")
    for sample in view.samples():
        here = maps[sample.place.channel]
        lo, hi = np.quantile(here, [0.05, 0.95])
        step = float(np.ptp(here)) / 200
        value = float(here[sample.place.row, sample.place.column])
        near = [color(value + d * step, float(lo), float(hi)) for d in (-2, -1, 0, 1, 2)]
        assert any(close(sample.color, each, 8) for each in near), (sample, value)


def test_the_image_below_is_mixed_with_the_map_over_it(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    picture = np.asarray(inspect(TwoConvs(), image_tensor(48)).pictures[0]).astype(int)
    view = opened(page, tmp_path)
    samples = view.samples(6, 5)
    over = opened(page, tmp_path, overlay=1)
    below = [over.color(sample.x, sample.y) for sample in samples]
    for sample, color_ in zip(samples, below, strict=True):
        # a cell lies over the middle of the pixels that it sees
        y, x = 2 * sample.place.row, 2 * sample.place.column
        part = picture[max(y - 1, 0) : y + 3, max(x - 1, 0) : x + 3].reshape(-1, 3)
        assert (part.min(0) - 12 <= color_).all(), (sample, color_)
        assert (part.max(0) + 12 >= color_).all(), (sample, color_)
    mixed = opened(page, tmp_path, overlay=0.5)
    for sample, color_ in zip(samples, below, strict=True):
        half = tuple((np.array(sample.color) + np.array(color_)) // 2)
        assert close(mixed.color(sample.x, sample.y), half, 4)
