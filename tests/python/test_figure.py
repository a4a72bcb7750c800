"""Static pictures: the colors of the values, at their places."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nets import TwoConvs, image_tensor
from torch import Tensor, nn

from cnnvis import Inspection, inspect
from cnnvis.colormaps import NONFINITE, table
from cnnvis.figure import Style, _elided, _font, colors_of, order
from cnnvis.frame import FEATURE_MAPS, FILTERS, Frame, FrameKey, pack, unpack
from cnnvis.ranges import layer_range, own_range
from cnnvis.view_state import COLORMAPS, SORTS

ROOT = Path(__file__).parents[2]
NAMED = [name for name in COLORMAPS if name != "auto"]


def framed(tiles: Tensor, view: str = FEATURE_MAPS, factor: int | None = None) -> Frame:
    return unpack(pack(tiles, FrameKey("a", view), factor=factor))


def look_at(model: nn.Module, size: int = 48) -> Inspection:
    torch.manual_seed(0)
    return inspect(model, image_tensor(size))


def test_the_tables_are_those_of_the_page() -> None:
    written = (ROOT / "js" / "colortables.ts").read_text()
    tables = json.loads((ROOT / "src" / "cnnvis" / "colortables.json").read_text())
    assert tables == dict(re.findall(r'(\w+):\s*"([^"]+)"', written))


@pytest.mark.parametrize(
    "name", ["viridis", "magma", "inferno", "plasma", "cividis", "gray", "gray_r"]
)
def test_maps_are_those_of_matplotlib(name: str) -> None:
    theirs = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3].astype(int)
    # d3's cividis is a polynomial, and between samples a map is drawn straight
    assert np.abs(table(name).astype(int) - theirs).max() <= (20 if name == "cividis" else 4)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=40),
    st.sampled_from(["viridis", "gray", "RdBu"]),
    st.sampled_from([None, (-5.0, 20.0), (0.25, 0.5)]),
)
def test_a_code_has_the_color_of_its_value(
    values: list[float], colormap: str, shared: tuple[float, float] | None
) -> None:
    frame = framed(torch.tensor(values).reshape(1, 1, 1, -1))
    colors = colors_of(frame, 0, colormap, shared, 0)
    lo, hi = frame.bounds[0].astype(float)
    ends = (lo, hi) if shared is None else shared
    assert tuple(colors[0]) == NONFINITE
    for code in frame.codes.ravel():
        value = lo + (hi - lo) * (int(code) - 1) / 254
        share = (value - ends[0]) / (ends[1] - ends[0]) if ends[1] > ends[0] else 0
        at = 255 * min(max(share, 0), 1)
        near = [table(colormap)[math.floor(at)], table(colormap)[math.ceil(at)]]
        if lo < hi or shared is not None:
            assert any((colors[code] == each).all() for each in near)


@given(st.lists(st.floats(-10, 10, width=32), min_size=50, max_size=200), st.floats(0.5, 20))
def test_clipping_leaves_out_at_most_what_it_says(values: list[float], clip: float) -> None:
    frame = framed(torch.tensor(values).reshape(1, 1, 1, -1))
    for lo, hi in (own_range(frame, 0, clip), layer_range(frame, False, clip)):
        span = float(np.ptp(frame.bounds))
        assert (np.array(values) < lo - span / 200).mean() <= clip / 100 + 1e-9
        assert (np.array(values) > hi + span / 200).mean() <= clip / 100 + 1e-9
        assert lo <= hi


@pytest.mark.parametrize("sort", SORTS)
def test_tiles_are_ordered_by_what_torch_computes(sort: str) -> None:
    torch.manual_seed(3)
    tiles = torch.randn(12, 1, 5, 5).relu() * torch.rand(12, 1, 1, 1)
    frame = framed(tiles)
    flat = tiles.flatten(1).double()
    keys = {
        "index": torch.zeros(12),
        "mean": flat.mean(1),
        "max": flat.amax(1),
        "std": flat.std(1, correction=0),
        "zeros": (flat == 0).double().mean(1),
        "norm": flat.norm(dim=1),
        "similarity": torch.corrcoef(flat)[4],
    }[sort]
    shown = order(frame, Style(sort=sort, reference=4))
    assert sorted(shown) == list(range(12))
    ranked = keys[shown]
    assert bool((ranked[:-1] >= ranked[1:] - 0.02).all())


def test_what_is_hidden_or_not_pinned_is_left_out() -> None:
    tiles = torch.arange(24.0).reshape(4, 1, 2, 3)
    tiles[1] = 0
    tiles[2] = 7
    frame = framed(tiles)
    assert order(frame, Style(hide="dead")) == [0, 2, 3]
    assert order(frame, Style(hide="constant")) == [0, 3]
    assert order(frame, Style(pinned=(3, 1, 9))) == [3, 1]


def test_each_value_is_a_square_of_its_color() -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 1))
    look = look_at(model, 6)
    values = look.activation("0")[0, 0]
    picture = np.asarray(look.figure(width=400)).astype(int)
    lo, hi = float(values.min()), float(values.max())
    cell = 38  # 6 cells as high as 0.62 of 372 pixels allow
    left, top = (400 - 6 * cell) // 2, 34 + 14
    viridis = matplotlib.colormaps["viridis"](np.arange(256), bytes=True)[:, :3].astype(int)
    for row in range(6):
        for column in range(6):
            at = picture[
                top + row * cell + 14 : top + (row + 1) * cell - 1,
                left + column * cell + 1 : left + (column + 1) * cell - 1,
            ]
            assert np.ptp(at.reshape(-1, 3), axis=0).max() == 0
            code = round(254 * (float(values[row, column]) - lo) / (hi - lo))
            assert np.abs(at[0, 0] - viridis[round(code / 254 * 255)]).max() <= 4


def test_first_filters_are_pictures_in_color() -> None:
    look = look_at(nn.Sequential(nn.Conv2d(3, 1, 2)), 6)
    weight = look.filters("0")[0]
    picture = np.asarray(look.figure("0", "filters", width=300)).astype(int)
    most = float(weight.abs().max())
    seen = set(map(tuple, picture.reshape(-1, 3).tolist()))
    for row in range(2):
        for column in range(2):
            want = 127.5 + weight[:, row, column].double().numpy() / most * 127.5
            assert min(np.abs(np.array(color) - want).max() for color in seen) <= 1.5


class Forms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.grouped = nn.Conv2d(8, 6, 3, groups=2)
        self.transposed = nn.ConvTranspose2d(6, 4, 2)
        self.point = nn.Conv2d(4, 300, 1)
        self.lines = nn.Conv1d(300, 5, 7)
        self.volume = nn.Conv3d(1, 2, (3, 3, 3))
        self.spare = nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.point(self.transposed(self.grouped(self.depthwise(self.stem(x)))))
        y: Tensor = self.lines(x.mean(2)).mean() + self.volume(x[:, None, :9]).mean()
        return y


@pytest.mark.parametrize("density", [1, 2])
@pytest.mark.parametrize("dark", [False, True])
def test_every_form_has_a_picture_of_the_width_that_was_asked_for(density: int, dark: bool) -> None:
    look = look_at(Forms(), 32)
    for run in look.layers:
        for view in (FEATURE_MAPS, FILTERS):
            if not run.ran and view == FEATURE_MAPS:
                with pytest.raises(ValueError, match="never ran"):
                    look.figure(run.name, view)
                continue
            picture = look.figure(run.name, view, width=600, density=density, dark=dark)
            assert picture.mode == "RGB"
            assert picture.width == 600 * density
            assert picture.height < 1000 * density
            colors = picture.getcolors(1 << 24)
            assert colors is not None
            assert len(colors) > 20, (run.name, view)


def test_what_is_not_finite_is_of_a_color_of_its_own() -> None:
    class Odd(TwoConvs):
        def forward(self, x: Tensor) -> Tensor:
            x = x.clone()
            x[..., 5:9, 5:9] = torch.nan
            return super().forward(x)

    picture = np.asarray(look_at(Odd()).figure())
    assert (picture == NONFINITE).all(-1).sum() > 100


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colormap": "jet"}, "colormap is one of auto, viridis"),
        ({"scale": "limits"}, "limits is the two values at the ends"),
        ({"scale": "limits", "limits": (2, 1)}, "the lower one first, got (2, 1)"),
        ({"clip": 50}, "clip is a percentage from 0 to below 50, got 50"),
        ({"width": 20}, "width is 240 to 8192 pixels, got 20"),
        ({"density": 1.5}, "density is 1, 2, 3 or 4, got 1.5"),
        ({"view": "gradients"}, "view 'gradients' is unknown"),
    ],
)
def test_what_cannot_be_drawn_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        look_at(TwoConvs()).figure(**options)


def test_a_name_may_hold_anything() -> None:
    model = nn.Sequential()
    model.add_module("\x00<b>\ud800 \u2028 \U0001f408" * 30, nn.Conv2d(3, 2, 3))
    assert look_at(model, 16).figure().width == 1200


@pytest.mark.parametrize("density", [1, 2])
@pytest.mark.parametrize("width", [240, 420, 1200])
@pytest.mark.parametrize("view", ["feature_maps", "filters"])
def test_no_words_run_into_the_colors_or_out_of_the_picture(
    width: int, density: int, view: str
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("a_block_with_quite_a_long_name" * 3, nn.Conv2d(3, 6, 3))
    with torch.no_grad():
        next(model.parameters())[0] = torch.nan
    look = inspect(model, image_tensor(48))
    name = look.first.name
    picture = np.asarray(look.figure(name, view, width=width, density=density, clip=2))
    surface = picture[0, 0]
    bar = min(200, width // 3) * density
    foot = picture[-40 * density :]
    beside = foot[:, -bar - 14 * density - 8 * density : -bar - 14 * density]
    assert (beside == surface).all(), "between the words and the colors there is room"
    assert (picture[: 34 * density, -8 * density :] == surface).all()
    assert (foot[:, : picture.shape[1] // 2] != surface).any(), "there are words"


def test_a_long_name_keeps_its_ends() -> None:
    font = _font(13)
    text = "stages.0.blocks.1.a_long_name_of_a_module.conv · feature maps"
    short = _elided(text, font, 200)
    assert font.getlength(short) <= 200
    start, end = short.split("…")
    assert text.startswith(start)
    assert text.endswith(end)
    assert len(end) > 5
    assert _elided(text, font, 2000) == text
