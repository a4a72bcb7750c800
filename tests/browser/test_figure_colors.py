"""A static picture has the colors of the canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nets import TwoConvs, image_tensor
from playwright.sync_api import Page
from view import View

from cnnvis import inspect
from cnnvis.colormaps import resolve
from cnnvis.figure import colors_of
from cnnvis.frame import unpack
from cnnvis.ranges import shared_range
from cnnvis.report import save_html


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"colormap": "magma", "scale": "layer"},
        {"colormap": "gray_r", "clip": 4.0},
        {"scale": "symmetric", "clip": 2.0},
        {"colormap": "cividis", "scale": "limits", "limits": [-0.1, 0.2]},
        {"layer": "second", "view": "filters"},
        {"layer": "second", "view": "filters", "colormap": "PuOr", "scale": "layer", "clip": 1.0},
    ],
    ids=str,
)
def test_a_cell_has_the_same_color(page: Page, tmp_path: Path, state: dict[str, Any]) -> None:
    torch.manual_seed(0)
    look = inspect(TwoConvs(), image_tensor(48))
    layer, view_name = state.get("layer", "first"), state.get("view", "feature_maps")
    page.emulate_media(reduced_motion="reduce")
    page.goto(save_html(look, tmp_path / "report.html", state=state).as_uri())
    view = View(page)
    view.wait(layer, view_name)
    if view.transform()[0] < 8:
        view.canvas.focus()
        for _ in range(4):
            page.keyboard.press("+")
        view.settle()
    frame = unpack(look.frame(layer, view_name))
    scale, clip = state.get("scale", "channel"), state.get("clip", 0)
    shared = shared_range(frame, scale, state.get("limits"), clip)
    colormap = resolve(state.get("colormap", "auto"), view_name, scale)
    samples = view.samples()
    assert len(samples) >= 6
    for sample in samples:
        place = sample.place
        planes = frame.codes[place.channel].reshape(frame.shape[1], frame.shape[2], -1)
        # a kernel is named by the input channel that it reads; groups read others
        plane = (place.plane or 0) % len(planes)
        code = int(planes[plane, place.row, place.column])
        color = colors_of(frame, place.channel, colormap, shared, clip)[code]
        assert np.abs(color.astype(int) - sample.color).max() <= 1, (sample, color)
