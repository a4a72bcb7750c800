"""The states of the view that the README shows and that a test compares: the sample's report, in pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page
from view import View

from cnnvis import inspect, samples

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
    """

    name: str
    show: Callable[[View], None]
    width: int = 1200
    height: int = 720
    dark: bool = False
    scale: float = 1


def report(folder: Path) -> Path:
    """The page that all states are of."""
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    return look.save_html(folder / "gallery.html")


def shot(browser: Browser, page_file: Path, state: State) -> bytes:
    """The picture of a state, a PNG."""
    context = browser.new_context(
        viewport={"width": state.width, "height": state.height},
        device_scale_factor=state.scale,
        color_scheme="dark" if state.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(page_file.as_uri())
    view = View(page)
    view.wait("stem.conv")
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
)
