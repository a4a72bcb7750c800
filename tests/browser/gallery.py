"""The states of the view that the README shows and that a test compares: the sample's report, in pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page
from torch import Tensor, nn
from view import View

from cnnvis import inspect, samples
from cnnvis.report import save_html

FOLDER = Path(__file__).parents[2] / "docs" / "gallery"


@dataclass(frozen=True)
class State:
    """One picture: the page, and what is done in it.

    Attributes:
        name: Of its file.
        show: Brings the view there.
        width: Of the page, in CSS pixels.
        height: Of the page.
        dark: Whether the system prefers dark colors.
        scale: Device pixels in one CSS pixel.
        of: Which of the reports it is a state of.
    """

    name: str
    show: Callable[[View], None]
    width: int = 1200
    height: int = 720
    dark: bool = False
    scale: float = 1
    of: str = "sample"


class Forms(nn.Module):
    """A convolution of each form that has a picture of its own, and one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 5, stride=2)
        self.depthwise = nn.Conv2d(24, 24, 7, groups=24)
        self.grouped = nn.Conv2d(24, 32, 5, groups=4)
        self.transposed = nn.ConvTranspose2d(32, 16, 6, stride=2)
        self.lines = nn.Conv1d(16, 32, 15)
        self.volume = nn.Conv3d(1, 12, (3, 9, 9), stride=(1, 4, 4))
        self.spare = nn.Conv2d(16, 16, 3)
        for parameter in self.parameters():
            nn.init.normal_(parameter)
            if parameter.ndim > 3:  # neighbors alike, as in what was learned
                flat = parameter.detach().flatten(0, 1)
                smooth = nn.functional.avg_pool2d(flat[None].flatten(1, -3), 3, 1, 1)
                parameter.data = smooth.reshape(parameter.shape) / parameter[0].numel() ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(self.stem(x).relu()).relu()
        x = self.transposed(self.grouped(x).relu()).relu()
        y: Tensor = self.lines(x.mean(2)).mean() + self.volume(x[:, None]).mean()
        return y


def reports(folder: Path) -> dict[str, Path]:
    """The pages that the states are of."""
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    torch.manual_seed(0)
    forms = inspect(Forms(), samples.image())
    return {
        "sample": look.save_html(folder / "sample.html"),
        "forms": forms.save_html(folder / "forms.html"),
        "unknown": save_html(look, folder / "unknown.html", state={"layer": "stem.cnv"}),
    }


def shot(browser: Browser, pages: dict[str, Path], state: State) -> bytes:
    """The picture of a state, a PNG."""
    context = browser.new_context(
        viewport={"width": state.width, "height": state.height},
        device_scale_factor=state.scale,
        color_scheme="dark" if state.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(pages[state.of].as_uri())
    view = View(page)
    view.page.locator('.cnnvis-canvas:not([data-state="loading"])').first.wait_for()
    state.show(view)
    view.settle()
    picture = page.screenshot()
    context.close()
    return picture


def _keys(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def _pick(view: View, *channels: int) -> None:
    view.canvas.focus()
    _keys(view.page, "Home", *["ArrowRight"] * channels[0])
    for _ in channels[1:]:
        view.page.keyboard.press("Shift+ArrowRight")


def _layer(view: View, name: str, filters: bool = False) -> None:
    view.pick_layer(name)
    view.wait(name)
    if filters:
        view.choose("Filters")
        view.wait(name, "filters")


def _filters(view: View) -> None:
    view.choose("Filters")
    view.wait("stem.conv", "filters")


def _mosaic(view: View) -> None:
    _layer(view, "stage2.0.conv1", filters=True)


def _mosaic_near(view: View) -> None:
    _mosaic(view)
    view.canvas.focus()
    _keys(view.page, "+", "+", "+", "+")
    view.point(300, 200)


def _matrix(view: View) -> None:
    _layer(view, "stage2.0.downsample.0", filters=True)


def _numbers(view: View) -> None:
    _layer(view, "stage3.1.conv2")
    _pick(view, 5)
    _keys(view.page, "Enter", "+", "+", "+", "+", "+")


def _compare(view: View) -> None:
    _pick(view, 8, 9, 10)
    _keys(view.page, "c")
    view.point(200, 200)


def _overlay(view: View) -> None:
    _layer(view, "stage2.1.conv1")
    view.root.get_by_role("button", name="Display").click()
    view.root.get_by_role("slider", name="Image below").fill("45")
    _keys(view.page, "Escape")


def _seen(view: View) -> None:
    _layer(view, "stage2.1.conv1")
    view.point(289, 178)


def _table(view: View) -> None:
    _layer(view, "stage3.1.conv2")
    _pick(view, 5)
    _keys(view.page, "t")


def _help(view: View) -> None:
    view.canvas.focus()
    _keys(view.page, "?")


def _found(view: View) -> None:
    view.root.get_by_role("searchbox").fill("conv 3x3 80")


def _form(name: str) -> Callable[[View], None]:
    return lambda view: _layer(view, name, filters=True)


def _one_filter(view: View) -> None:
    _layer(view, "depthwise", filters=True)
    _pick(view, 5)
    _keys(view.page, "Enter", "+", "+", "+", "+")


STATES = (
    State("maps", lambda view: _pick(view, 1)),
    State("dark", lambda view: _layer(view, "stage2.1.conv1"), dark=True),
    State("narrow", lambda view: None, 360, 900, scale=2),
    State("narrow-dark", _mosaic, 320, 900, dark=True),
    State("filters", _filters),
    State("mosaic", _mosaic),
    State("mosaic-near", _mosaic_near),
    State("matrix", _matrix),
    State("numbers", _numbers),
    State("compare", _compare),
    State("overlay", _overlay),
    State("seen", _seen),
    State("table", _table),
    State("keys", _help, dark=True),
    State("found", _found),
    State("depthwise", _form("depthwise"), of="forms"),
    State("one-filter", _one_filter, of="forms", dark=True),
    State("grouped", _form("grouped"), of="forms"),
    State("transposed", _form("transposed"), of="forms", dark=True),
    State("lines", _form("lines"), of="forms"),
    State("volume", _form("volume"), of="forms"),
    State("never-ran", lambda view: view.pick_layer("spare"), of="forms", dark=True),
    State("unknown-layer", lambda view: None, of="unknown"),
)
