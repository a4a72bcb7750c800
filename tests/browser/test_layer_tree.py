"""The tree of layers in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect
from torch import nn
from view import View, close, viridis

from cnnvis import inspect

LAYERS = 1000


class Deep(nn.Module):
    """A thousand convolutions in stages of blocks, and one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(10))) for _ in range(100)]
        self.stages = nn.ModuleList(
            nn.Sequential(*blocks[start : start + 10]) for start in range(0, 100, 10)
        )
        self.spare = nn.Conv2d(1, 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            x = stage(x)
        return x


@pytest.fixture(scope="session")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("deep")
    return inspect(Deep(), torch.rand(1, 1, 6, 6)).save_html(folder / "deep.html")


def rows(view: View) -> int:
    return view.layers.get_by_role("treeitem").count()


def focused(view: View) -> str:
    title: str = view.page.evaluate("() => document.activeElement.title")
    return title.split("\n")[0]


def test_a_thousand_layers_are_few_elements(page: Page, deep: Path) -> None:
    page.goto(deep.as_uri())
    view = View(page)
    view.wait("stages.0.0.0")
    assert 0 < rows(view) < 60
    view.option("stages.0.0.0").click()
    page.keyboard.press("*")
    for key in ("ArrowLeft", "*", "ArrowLeft", "*"):
        page.keyboard.press(key)
    page.keyboard.press("End")
    assert focused(view) == "spare"
    expect(view.option("spare")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(view.option("spare")).to_have_attribute("aria-selected", "true")
    expect(view.root).to_contain_text("It never ran for this input.")
    assert rows(view) < 60
    page.keyboard.press("Home")
    page.keyboard.press("s")  # type-ahead: the next that begins with it
    assert focused(view) == "spare"
    # what has the focus keeps it when it is scrolled away
    view.layers.evaluate("list => { list.scrollTop = 0; }")
    view.settle()
    assert focused(view) == "spare"
    assert rows(view) < 60


def test_words_find_layers_and_escape_shows_all(page: Page, deep: Path) -> None:
    page.goto(deep.as_uri())
    view = View(page)
    find, total = view.root.get_by_role("searchbox"), view.root.locator(".cnnvis-total")
    find.fill("stages.3.7 1x1")
    expect(total).to_have_text(f"10 of {LAYERS + 1}")
    expect(view.layers.get_by_role("treeitem")).to_have_count(11)
    expect(view.layers.locator("mark").first).to_have_text("stages.3.")
    find.press("Enter")
    view.wait("stages.3.7.0")
    find.press("Escape")
    expect(total).to_have_text(f"{LAYERS + 1}")
    expect(view.option("stages.3.7.0")).to_be_in_viewport()
    expect(view.option("stages.3.7.0")).to_have_attribute("aria-selected", "true")


def test_chips_show_one_kind(page: Page, deep: Path) -> None:
    page.goto(deep.as_uri())
    view = View(page)
    chips = view.root.get_by_role("group", name="Which layers").get_by_role("button")
    # all are convolutions: that chip would show the same as "All"
    expect(chips).to_have_text(
        [re.compile(text) for text in (f"^All {LAYERS + 1}$", "^Never ran 1$", "^With notes")]
    )
    chips.nth(1).click()
    expect(view.layers.get_by_role("treeitem")).to_have_count(1)
    expect(chips.nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(chips.first).to_have_attribute("aria-pressed", "true")
    expect(chips.nth(1)).to_have_attribute("aria-pressed", "false")
    expect(chips.first).to_be_focused()
    assert rows(view) > 10


def test_modules_fold_by_keys_and_by_click(page: Page, deep: Path) -> None:
    page.goto(deep.as_uri())
    view = View(page)
    view.option("stages.0.0.0").click()
    page.keyboard.press("ArrowLeft")
    assert focused(view) == "stages.0.0"
    group = view.layers.get_by_title("stages.0.0\n")
    expect(group).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowLeft")
    expect(group).to_have_attribute("aria-expanded", "false")
    expect(view.option("stages.0.0.0")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused(view) == "stages.0.0.0"
    group.click()
    expect(group).to_have_attribute("aria-expanded", "false")


def test_previews_are_the_mean_maps(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(1)
    look = inspect(nn.Sequential(nn.Conv2d(3, 5, 3, padding=1)), torch.rand(1, 3, 8, 16))
    page.goto(look.save_html(tmp_path / "small.html").as_uri())
    mean = look.activation("0")[0].mean(0)
    picture = View(page).option("0").locator("img")
    expect(picture).to_have_count(1)
    width, height, pixels = picture.evaluate(
        """async picture => {
          await picture.decode();
          const { naturalWidth: width, naturalHeight: height } = picture;
          const context = new OffscreenCanvas(width, height).getContext("2d");
          context.drawImage(picture, 0, 0);
          return [width, height, [...context.getImageData(0, 0, width, height).data]];
        }"""
    )
    assert (width, height) == (16, 8)
    box = picture.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (28, 14)
    for at, value in enumerate(mean.flatten().tolist()):
        expected = viridis(value, float(mean.min()), float(mean.max()))
        red, green, blue = pixels[4 * at : 4 * at + 3]
        assert close((red, green, blue), expected, 5)
