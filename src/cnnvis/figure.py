"""A layer as a static picture, without a browser: the tiles in the colors of the view, named and scaled.

    inspection.figure("features.0", "filters").save("filters.png")

Values get the same colors as on the canvas, through the same codes; the layout is its own, as a picture has
no one who zooms into it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnvis.colormaps import DIVERGING, NONFINITE, Colors, resolve, table
from cnnvis.frame import FEATURE_MAPS, FILTERS, Frame, unpack
from cnnvis.inspection import Inspection
from cnnvis.ranges import Range, is_empty, layer_range, own_range, shared_range
from cnnvis.view_state import COLORMAPS, HIDES, SCALES, SORTS

Picture = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]

_SURFACE, _STAGE, _INK, _SOFT = range(4)
_LIGHT = ("#ffffff", "#e3e6ea", "#1a1e24", "#5b6470")
_DARK = ("#16191d", "#0d0f12", "#e7eaee", "#a2abb6")

# pixels of a picture of density 1
_MARGIN, _ABOVE, _BELOW = 14, 34, 40
_HEADER = 20  # beside a matrix, for the numbers of its rows
_BAR = (200, 10)
_LINE = 15
_TALLEST = 0.62  # of the width, for the tiles; what needs more gets smaller cells
_LARGEST_CELL = 48
_MOST_PIXELS = 2**26


@dataclass(frozen=True)
class Style:
    """How a picture shows a frame; each as the widget's trait of that name.

    Attributes:
        colormap: One of `cnnvis.view_state.COLORMAPS`.
        scale: "channel", "layer", "symmetric" or "limits".
        limits: The ends of the colors where the scale is "limits".
        clip: Percent of the values that the colors leave out at each end.
        sort: "index", "mean", "max", "std", "zeros", "norm" or "similarity".
        reference: The channel that the others are compared with where sort is "similarity".
        hide: "none", "dead" or "constant".
        pinned: Only these channels, in this order; empty: all.
        slice: Of what has a depth, which slice.
        dark: Whether the ground is dark.

    Raises:
        ValueError: One of them is none of these.
    """

    colormap: str = "auto"
    scale: str = "channel"
    limits: tuple[float, float] | None = None
    clip: float = 0
    sort: str = "index"
    reference: int = -1
    hide: str = "none"
    pinned: tuple[int, ...] = ()
    slice: int = 0
    dark: bool = False

    def __post_init__(self) -> None:
        for name, known in (
            ("colormap", COLORMAPS), ("scale", SCALES), ("sort", SORTS), ("hide", HIDES)
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        if self.scale == "limits" and not (
            self.limits is not None and len(self.limits) == 2 and self.limits[0] < self.limits[1]
        ):
            raise ValueError(
                f"limits is the two values at the ends of the colors, the lower one first, got "
                f"{self.limits!r}; set it, or another scale"
            )
        if not 0 <= self.clip < 50:
            raise ValueError(f"clip is a percentage from 0 to below 50, got {self.clip!r}")


def figure(
    inspection: Inspection,
    name: str | None = None,
    view: str = FEATURE_MAPS,
    *,
    call: int = 0,
    image: int = 0,
    style: Style | None = None,
    width: int = 1200,
    density: int = 1,
) -> Image.Image:
    """One layer as an RGB picture, with its name, the channels' numbers and the bar of the colors.

    Args:
        inspection: What was looked at.
        name: Of the layer; None: the first.
        view: "feature_maps" or "filters".
        call: Which call of the layer, from 0.
        image: Which image of the batch, from 0.
        style: How values are colored and which tiles are shown; None: as the view opens.
        width: In pixels of density 1, at least 240; the height follows.
        density: Pixels in one of them, 1 to 4.

    Raises:
        KeyError: No layer has that name.
        ValueError: The layer has nothing to show in that view, or a value is out of its range.
    """
    if not 240 <= width <= 8192:
        raise ValueError(f"width is 240 to 8192 pixels, got {width!r}")
    if density not in (1, 2, 3, 4):
        raise ValueError(f"density is 1, 2, 3 or 4, got {density!r}")
    name = inspection.first.name if name is None else name
    layer = inspection.layer(name).layer
    frame = unpack(inspection.frame(name, view, call, image=image))
    shape = tuple(inspection.filters(name).shape) if view == FILTERS else ()
    first = next((run.name for run in inspection.layers if run.layer.kind == "conv"), None)
    in_color = name == first and layer.in_channels == 3 and shape[1:2] == (3,) and len(shape) >= 4
    planes = frame.shape[1]
    if view == FILTERS:
        depth = shape[2] if len(shape) == 5 and planes % max(shape[2], 1) == 0 else 1
    else:
        depth = planes
    what = "filters" if view == FILTERS else "feature maps"
    return draw(
        frame,
        style or Style(),
        title=f"{type(inspection.model).__name__} · {name} · {what}",
        in_color=in_color,
        depth=max(depth, 1),
        width=width,
        density=density,
    )


def draw(
    frame: Frame, style: Style, *, title: str, in_color: bool, depth: int, width: int, density: int
) -> Image.Image:
    """The picture of a frame.

    Args:
        frame: What is shown.
        style: How.
        title: What stands above it.
        in_color: Whether the three planes of a tile are red, green and blue of one picture.
        depth: How many planes of a tile are slices of one of them.
        width: In pixels of density 1; the height follows.
        density: Pixels in one of them, 1 to 4.
    """
    shown = order(frame, style)
    colormap = resolve(style.colormap, frame.key.view, style.scale)
    if in_color and style.scale in ("layer", "symmetric"):
        shared: Range | None = layer_range(frame, True, style.clip)
    else:
        shared = shared_range(frame, style.scale, style.limits, style.clip)
    tiles = [
        _tile(frame, tile, style, colormap, shared, in_color=in_color, depth=depth)
        for tile in shown
    ]
    theme = _DARK if style.dark else _LIGHT
    planes = frame.shape[1] // depth
    is_matrix = frame.key.view == FILTERS and planes > 1 and not in_color
    room = (width - 2 * (_MARGIN + (_HEADER if is_matrix else 0))) * density
    grid, places, cell = _grid(tiles, room, theme[_STAGE], is_matrix=is_matrix)
    if cell >= 1:
        size = (grid.shape[1] * int(cell), grid.shape[0] * int(cell))
        middle = Image.fromarray(grid).resize(size, Image.Resampling.NEAREST)
    else:
        size = (max(1, round(grid.shape[1] * cell)), max(1, round(grid.shape[0] * cell)))
        middle = Image.fromarray(grid).resize(size, Image.Resampling.BOX)
    bar_width, bar_height = min(_BAR[0], width // 3) * density, _BAR[1] * density
    small = _font(12 * density)
    words = _words(frame, style, shown, shared, in_color)
    lines = _lines(words, small, (width - 3 * _MARGIN) * density - bar_width)
    below = (_BELOW + _LINE * (len(lines) - 1)) * density
    picture = Image.new(
        "RGB",
        (width * density, middle.height + (_ABOVE + 2 * _MARGIN) * density + below),
        theme[_SURFACE],
    )
    pen = ImageDraw.Draw(picture)
    stage = (0, _ABOVE * density, picture.width, picture.height - below)
    pen.rectangle((stage[0], stage[1], stage[2] - 1, stage[3] - 1), fill=theme[_STAGE])
    left = (picture.width - middle.width) // 2
    top = (_ABOVE + _MARGIN) * density
    picture.paste(middle, (left, top))
    numbers = [str(frame.channels[tile]) for tile in shown]
    if is_matrix:
        _number_edges(pen, numbers, planes, places, (left, top, cell), density, theme)
    else:
        _number_tiles(pen, numbers, places, (left, top, cell), density, theme)

    x, y = _MARGIN * density, _ABOVE * density // 2
    title = _elided(title, _font(13 * density), picture.width - 2 * x)
    pen.text((x, y), title, fill=theme[_INK], font=_font(13 * density), anchor="lm")
    middle_of_line = picture.height - below + _BELOW * density // 2
    for line in lines:
        pen.text((x, middle_of_line), line, fill=theme[_SOFT], font=small, anchor="lm")
        middle_of_line += _LINE * density
    colors = table("gray" if in_color else colormap)
    row = colors[np.arange(bar_width) * 255 // max(bar_width - 1, 1)]
    bar = Image.fromarray(np.ascontiguousarray(np.tile(row, (bar_height, 1, 1))))
    picture.paste(bar, (picture.width - x - bar_width, picture.height - (below + bar_height) // 2))
    return picture


def order(frame: Frame, style: Style) -> list[int]:
    """The frame's tiles in the order in which they are shown; as `order` in `js/order.ts`."""
    channels = frame.channels.tolist()
    if style.pinned:
        return [channels.index(channel) for channel in style.pinned if channel in channels]
    keys = _keys(frame, style, channels)
    keys[np.isnan(keys)] = -np.inf
    tiles = [tile for tile in range(len(channels)) if not _is_hidden(frame, tile, style.hide)]
    return sorted(tiles, key=lambda tile: (-keys[tile], channels[tile], tile))


def colors_of(frame: Frame, tile: int, colormap: str, shared: Range | None, clip: float) -> Colors:
    """The color of each code of a tile, uint8 (256, 3); as `lookup` in `js/raster.ts`."""
    colors = table(colormap)
    lo, hi = map(float, frame.bounds[tile])
    low, high = shared if shared is not None else own_range(frame, tile, clip)
    found = np.empty((256, 3), np.uint8)
    if (shared is None and lo == hi) or not high > low:
        found[:] = colors[128 if colormap in DIVERGING else 0]
    else:
        values = (lo - low) / (high - low) * 255 + (hi - lo) / (high - low) * 255 / 254 * (
            np.arange(256) - 1
        )
        found[:] = colors[np.clip(np.floor(values + 0.5), 0, 255).astype(int)]
    found[0] = NONFINITE
    return found


def _keys(frame: Frame, style: Style, channels: list[int]) -> Any:
    mean, std, zeros = frame.stats[:, :3].astype(float).T
    if style.sort == "similarity":
        if style.reference in channels:
            return _similarities(frame, channels.index(style.reference))
        return np.zeros(len(channels))
    return {
        "index": np.zeros(len(channels)),
        "mean": mean,
        "max": frame.bounds[:, 1].astype(float),
        "std": std,
        "zeros": zeros,
        "norm": np.hypot(mean, std),
    }[style.sort].copy()


def _similarities(frame: Frame, reference: int) -> Any:
    """Pearson's correlation of each tile with one; what is not finite counts as the mean."""
    codes = frame.codes.reshape(len(frame.codes), -1).astype(float)
    known = codes > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (codes * known).sum(1, keepdims=True) / known.sum(1, keepdims=True)
        off = np.where(known, codes - mean, 0)
        norm = np.sqrt((off**2).sum(1))
        return off @ off[reference] / (norm * norm[reference])


def _is_hidden(frame: Frame, tile: int, hide: str) -> bool:
    if hide == "none":
        return False
    lo, hi = frame.bounds[tile]
    is_constant = lo == hi and not is_empty(frame, tile) and math.prod(frame.shape[1:]) > 1
    return bool(frame.stats[tile, 2] == 1 or (hide == "constant" and is_constant))


def _tile(
    frame: Frame,
    tile: int,
    style: Style,
    colormap: str,
    shared: Range | None,
    *,
    in_color: bool,
    depth: int,
) -> tuple[Picture, Any]:
    """A tile's colors, and where it has any: its kernels side by side have a gap of one between them."""
    planes = frame.shape[1]
    codes = frame.codes[tile].reshape(planes, -1, frame.codes.shape[2])
    codes = codes[min(style.slice, depth - 1) :: depth]
    if in_color:
        most = float(frame.bounds[tile, 1])
        brightest = most if shared is None else shared[1]
        gain = most / brightest if brightest > 0 else 0
        levels = np.floor(127.5 + (np.arange(256.0) - 128) / 127 * 127.5 * gain + 0.5)
        picture = np.clip(levels, 0, 255).astype(np.uint8)[np.moveaxis(codes, 0, -1)]
        picture[(codes == 0).any(0)] = NONFINITE
        return picture, np.ones(picture.shape[:2], bool)
    colors = colors_of(frame, tile, colormap, shared, style.clip)[codes]
    count, height, width = codes.shape
    if count == 1:
        return colors[0], np.ones((height, width), bool)
    # a row of a matrix; or as square as can be
    is_row = frame.key.view == FILTERS
    across = (
        count if is_row else max(1, min(count, round(math.sqrt(count * height / max(width, 1)))))
    )
    down = -(-count // across)
    gap_x, gap_y = (1 if width > 1 or not is_row else 0), (1 if height > 1 or not is_row else 0)
    sizes = (down * (height + gap_y) - gap_y, across * (width + gap_x) - gap_x)
    picture, known = np.zeros((*sizes, 3), np.uint8), np.zeros(sizes, bool)
    for plane in range(count):
        y, x = plane // across * (height + gap_y), plane % across * (width + gap_x)
        picture[y : y + height, x : x + width] = colors[plane]
        known[y : y + height, x : x + width] = True
    return picture, known


def _grid(
    tiles: list[tuple[Picture, Any]], room: int, ground: str, *, is_matrix: bool
) -> tuple[Picture, list[tuple[int, int, int, int]], float]:
    """All tiles in one array, where each lies in it (x, y, width, height), and pixels a cell."""
    if not tiles:
        return np.zeros((1, 1, 3), np.uint8), [], 1
    height, width = tiles[0][1].shape
    share = max(1, round(0.06 * math.sqrt(height * width))) if height * width > 1 else 0
    # rows of a matrix are as near to each other as its columns
    gap_x = max(4, round(width / 24)) if is_matrix else share
    gap_y = (1 if height > 1 else 0) if is_matrix else share

    def size(columns: int) -> tuple[int, int]:
        rows = -(-len(tiles) // columns)
        return rows * (height + gap_y) - gap_y, columns * (width + gap_x) - gap_x

    def fit(columns: int) -> float:
        tall, wide = size(columns)
        return min(room / wide, room * _TALLEST / tall)

    columns = max(range(1, len(tiles) + 1), key=lambda each: (fit(each), -each))
    if is_matrix and fit(columns) < 2 * fit(1):  # in one piece it reads better
        columns = 1
    tall, wide = size(columns)
    if tall * wide > _MOST_PIXELS:
        raise ValueError(
            f"the picture of {len(tiles)} tiles would have {tall * wide / 1e6:.0f} million pixels; "
            "name fewer channels"
        )
    cell = min(fit(columns), _LARGEST_CELL)
    base = tuple(int(ground[at : at + 2], 16) for at in (1, 3, 5))
    grid = np.full((tall, wide, 3), base, np.uint8)
    places = []
    for index, (picture, known) in enumerate(tiles):
        y, x = index // columns * (height + gap_y), index % columns * (width + gap_x)
        grid[y : y + height, x : x + width][known] = picture[known]
        places.append((x, y, width, height))
    return grid, places, float(math.floor(cell)) if cell >= 1 else cell


Place = tuple[int, int, int, int]


def _number_tiles(
    pen: ImageDraw.ImageDraw,
    numbers: list[str],
    places: list[Place],
    at: tuple[int, int, float],
    density: int,
    theme: tuple[str, ...],
) -> None:
    """The channels' numbers, on tiles that have room for one."""
    left, top, cell = at
    font = _font(9.5 * density)
    for text, (x, y, width, height) in zip(numbers, places, strict=True):
        if width * cell < 40 * density or height * cell < 26 * density:
            return
        corner = (left + round(x * cell), top + round(y * cell))
        box = (
            *corner,
            corner[0] + pen.textlength(text, font) + 6 * density,
            corner[1] + 12 * density,
        )
        pen.rectangle(box, fill=theme[_SURFACE])
        middle = (corner[0] + 3 * density, corner[1] + 6 * density)
        pen.text(middle, text, fill=theme[_INK], font=font, anchor="lm")


def _number_edges(
    pen: ImageDraw.ImageDraw,
    numbers: list[str],
    planes: int,
    places: list[Place],
    at: tuple[int, int, float],
    density: int,
    theme: tuple[str, ...],
) -> None:
    """Output channels at the left of a matrix of kernels, input channels above it, where there is room."""
    left, top, cell = at
    font = _font(9.5 * density)
    rows = [top + (y + height / 2) * cell for x, y, _, height in places if x == 0]
    if len(rows) == len(places):
        for row in range(0, len(rows), _step(len(rows), rows, 13 * density)):
            beside = (left - 5 * density, rows[row])
            pen.text(beside, numbers[row], fill=theme[_SOFT], font=font, anchor="rm")
        width = places[0][2] if places else 0
        pitch = (width + 1) / planes if width > planes else 1
        columns = [left + (plane * pitch + pitch / 2) * cell for plane in range(planes)]
        for plane in range(0, planes, _step(planes, columns, 26 * density)):
            above = (columns[plane], top - 3 * density)
            pen.text(above, str(plane), fill=theme[_SOFT], font=font, anchor="mb")


def _step(count: int, at: list[float], room: int) -> int:
    """Every how many-th of numbers evenly spaced is written so that each has room: 1, 2, 5, 10, 20, ..."""
    pitch = (at[-1] - at[0]) / (count - 1) if count > 1 else room
    steps = (base * 10**power for power in range(7) for base in (1, 2, 5))
    return next((step for step in steps if step * pitch >= room), count)


def _words(
    frame: Frame, style: Style, shown: list[int], shared: Range | None, in_color: bool
) -> list[str]:
    """What the colors stand for, how many tiles there are, and what a pixel is."""
    word = "filter" if frame.key.view == FILTERS else "channel"
    own = f"each {word} by its own range"
    words = [own if shared is None else f"{shared[0]:.4g} to {shared[1]:.4g}"]
    if in_color:
        words.append("zero is gray")
    if style.clip > 0:
        words.append(f"{100 - 2 * style.clip:g} % of the values")
    words.append(f"{len(shown)} of {frame.shape[0]} {word}s")
    if frame.factor > 1:
        words.append(f"each value the mean of {frame.factor} x {frame.factor}")
    odd = int(np.nansum(frame.stats[shown, 3])) if shown else 0
    if odd:
        words.append(f"{odd} values not finite")
    return words


def _lines(words: Sequence[str], font: Any, room: float) -> list[str]:
    """Words with dots between them, on as many lines as it takes to keep within the room."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines else word
        if lines and font.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_elided(line, font, room) for line in lines]


def _elided(text: str, font: Any, room: float) -> str:
    """The text, without so much of its middle that it keeps within the room."""
    if font.getlength(text) <= room:
        return text
    kept = len(text) - 1
    while kept > 2 and font.getlength(_without_middle(text, kept)) > room:
        kept -= 1
    return _without_middle(text, kept)


def _without_middle(text: str, kept: int) -> str:
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def _font(size: float) -> Any:
    return ImageFont.load_default(size)
