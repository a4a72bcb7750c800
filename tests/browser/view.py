"""The widget as a person uses it, in a page of any host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

Color = tuple[int, int, int]
VIRIDIS = (np.asarray(colormaps["viridis"](np.arange(256)))[:, :3] * 255).round().astype(int)

_PLACE = re.compile(
    r"(?:channel|filter) (?P<channel>\d+)(?: · input channel (?P<plane>\d+))?"
    r"(?: · depth (?P<depth>\d+) of \d+)? · row (?P<row>\d+) · column (?P<column>\d+)"
)


@dataclass(frozen=True)
class Place:
    """Which value is under the pointer, as the view says.

    Attributes:
        channel: The tile.
        plane: A filter's input channel; None where the view names none.
        row: From the top of the map or kernel.
        column: From its left.
        depth: Which slice, from 1 as the view counts; None where there is no depth.
    """

    channel: int
    plane: int | None
    row: int
    column: int
    depth: int | None = None


@dataclass(frozen=True)
class Sample:
    """One point of the canvas, in CSS pixels from its corner: what it is said to be, and its color."""

    x: float
    y: float
    place: Place
    color: Color


class View:
    """One view of a widget or report."""

    def __init__(self, page: Page, root: Locator | None = None) -> None:
        self.page = page
        self.root = page.locator(".cnnvis").first if root is None else root
        self.canvas = self.root.locator(".cnnvis-canvas").first
        self.readout = self.root.locator(".cnnvis-readout")
        self.layers = self.root.get_by_role("tree")

    def wait(self, layer: str, view: str = "feature_maps", **which: int) -> None:
        """Until the layer is painted: of that generation, call, image or slice, where one is given."""
        for name, value in which.items():
            expect(self.canvas).to_have_attribute(f"data-{name}", str(value))
        expect(self.canvas).to_have_attribute("data-layer", layer)
        expect(self.canvas).to_have_attribute("data-view", view)
        expect(self.canvas).to_have_attribute("data-state", "ready")

    def pick_layer(self, name: str) -> None:
        """Clicks a layer in the list, by its whole name."""
        if self.option(name).count():
            self.option(name).click()
            return
        find = self.root.get_by_role("searchbox")  # it is folded away, or far
        find.fill(name)
        self.option(name).click()
        find.fill("")

    def option(self, name: str) -> Locator:
        """A layer in the list; its title starts with its whole name."""
        named = re.compile(rf"^{re.escape(name)}($|\n)")
        return self.layers.locator(".cnnvis-row").and_(self.page.get_by_title(named))

    def choose(self, view: str) -> None:
        """Clicks "Feature maps" or "Filters"."""
        self.root.get_by_text(view, exact=True).first.click()

    def transform(self) -> tuple[float, float, float]:
        """CSS pixels for each cell, and the offset."""
        text = self.canvas.get_attribute("data-transform")
        assert text
        k, x, y = map(float, text.split(","))
        return k, x, y

    def box(self) -> dict[str, float]:
        """Where the canvas lies in the page."""
        box = self.canvas.bounding_box()
        assert box is not None
        return {name: box[name] for name in ("x", "y", "width", "height")}

    def point(self, x: float, y: float) -> None:
        """Moves the pointer to a point of the canvas."""
        box = self.box()
        self.page.mouse.move(box["x"] + x, box["y"] + y)

    def place(self, x: float, y: float) -> Place | None:
        """What the view says lies at a point; None for a gap."""
        self.point(x, y)
        # after the frame in which the pointer's move is answered
        text = self.readout.evaluate(
            "readout => new Promise(done => requestAnimationFrame(() => done(readout.innerText)))"
        )
        return _place(text)

    def leave(self) -> None:
        """Moves the pointer off the canvas."""
        box = self.root.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] + 5, box["y"] + box["height"] + 5)
        self.settle()

    def color(self, x: float, y: float) -> Color:
        """The color drawn at a point of the canvas."""
        return self.colors([(x, y)])[0]

    def colors(self, points: Sequence[tuple[float, float]]) -> list[Color]:
        """The colors drawn at points of the canvas."""
        found = self.canvas.evaluate(
            """(canvas, points) => {
              const ratio = canvas.width / canvas.getBoundingClientRect().width;
              const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return points.map(([x, y]) => {
                const at = 4 * (Math.floor(y * ratio) * width + Math.floor(x * ratio));
                return [...data.subarray(at, at + 3)];
              });
            }""",
            [list(point) for point in points],
        )
        return [(red, green, blue) for red, green, blue in found]

    def samples(self, across: int = 9, down: int = 7) -> list[Sample]:
        """Points spread over the canvas that lie well inside a cell."""
        k, left, top = self.transform()
        assert k >= 3, "cells are too small to tell one from the next"
        box = self.box()
        found: list[tuple[float, float, Place]] = []
        for column in range(across):
            for row in range(down):
                # into the cell that lies there, below the middle, where its number may stand
                x = left + (np.floor((box["width"] * (column + 0.5) / across - left) / k) + 0.5) * k
                y = top + (np.floor((box["height"] * (row + 0.5) / down - top) / k) + 0.82) * k
                if 0 < x < box["width"] and 0 < y < box["height"]:
                    place = self.place(float(x), float(y))
                    if place is not None and not _is_under_number(place, k, float(x), float(y)):
                        found.append((float(x), float(y), place))
        self.leave()
        colors = self.colors([(x, y) for x, y, _ in found])
        return [
            Sample(x, y, place, color) for (x, y, place), color in zip(found, colors, strict=True)
        ]

    def settle(self) -> None:
        """Until what the last event caused is painted: two animation frames, more for large layers."""
        self.canvas.evaluate(
            """canvas => new Promise(done => {
              const next = () => canvas.dataset.coloring === "true" ? requestAnimationFrame(next) : done();
              requestAnimationFrame(() => requestAnimationFrame(next));
            })"""
        )


def _place(readout: str) -> Place | None:
    found = _PLACE.search(readout)
    if found is None:
        return None
    plane, depth = found["plane"], found["depth"]
    return Place(
        int(found["channel"]),
        None if plane is None else int(plane),
        int(found["row"]),
        int(found["column"]),
        None if depth is None else int(depth),
    )


def _is_under_number(place: Place, k: float, x: float, y: float) -> bool:
    """Whether the number of a map, in its upper left corner that is on the screen, may lie there."""
    if place.plane is not None:
        return False
    left, top = x - (place.column + 0.5) * k, y - (place.row + 0.82) * k
    return x - max(left, 0) < 24 and y - max(top, 0) < 14


def viridis(value: float, lo: float, hi: float) -> Color:
    """The color of a value by matplotlib's table, through the code that a frame has for it."""
    code = round(254 * (value - lo) / (hi - lo))
    red, green, blue = VIRIDIS[min(255, int(code / 254 * 256))].tolist()
    return red, green, blue


def close(a: Color, b: Color, tolerance: int = 3) -> bool:
    """Whether two colors are the same to the eye; a code may round either way."""
    return all(abs(x - y) <= tolerance for x, y in zip(a, b, strict=True))


def check_maps(samples: list[Sample], maps: NDArray[Any], *, tiles: int = 3) -> None:
    """Every sample has the color that its exact activation gives.

    Args:
        samples: From `View.samples`, with the colormap viridis and each channel by its own bounds.
        maps: The exact activation (channels, height, width), or (channels, depth, height, width)
            of which one slice is shown.
        tiles: How many different tiles have to be among them.
    """
    assert len({sample.place.channel for sample in samples}) >= tiles
    assert len(samples) >= 5 * tiles
    for sample in samples:
        here = maps[sample.place.channel]
        shown = here if sample.place.depth is None else here[sample.place.depth - 1]
        value = shown[sample.place.row, sample.place.column]
        expected = viridis(float(value), float(here.min()), float(here.max()))
        assert close(sample.color, expected), (sample, expected)


def option_names(layers: Locator) -> list[str]:
    """The texts of the listed layers."""
    return [" ".join(text.split()) for text in layers.locator(".cnnvis-row").all_inner_texts()]
