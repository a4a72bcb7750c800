"""The colors of the view, for pictures that are drawn without a browser; `js/colormaps.ts` has the same.

Both read splines through d3-scale-chromatic's maps that `tools/colortables.mjs` writes.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path

import numpy as np

from cnnvis.frame import FILTERS

Colors = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

NONFINITE = (255, 0, 204)
"""What is drawn where a value is NaN or infinite: a color that none of the maps has."""

DIVERGING = ("RdBu", "PuOr", "BrBG", "PRGn")

_TABLES = Path(__file__).with_name("colortables.json")


def resolve(colormap: str, view: str, scale: str) -> str:
    """What "auto" means: a diverging map where zero is in the middle, viridis where it need not be."""
    if colormap != "auto":
        return colormap
    return "RdBu" if view == FILTERS or scale == "symmetric" else "viridis"


@cache
def table(colormap: str) -> Colors:
    """256 colors, evenly spaced from the lower to the upper end: uint8 (256, 3).

    Raises:
        KeyError: There is no such map; "auto" is none.
    """
    if colormap in ("gray", "gray_r"):
        levels = np.arange(256, dtype=np.uint8)
        gray: Colors = np.repeat((levels if colormap == "gray" else levels[::-1])[:, None], 3, 1)
        return gray
    points = np.frombuffer(base64.b64decode(_splines()[colormap]), np.uint8).reshape(-1, 3)
    # beyond an end lies the mirror image of the point before it
    points = np.pad(points.astype(float), ((1, 1), (0, 0)), "reflect", reflect_type="odd")
    at = np.arange(256) / 255 * (len(points) - 3)
    low = np.minimum(np.floor(at).astype(int), len(points) - 4)
    f = (at - low)[:, None]
    before, left, right, after = (points[low + by] for by in range(4))
    exact = (
        (1 - f) ** 3 * before
        + (4 - 6 * f**2 + 3 * f**3) * left
        + (1 + 3 * (f + f**2 - f**3)) * right
        + f**3 * after
    ) / 6
    rounded: Colors = np.floor(exact + 0.5).astype(np.uint8)
    return rounded


@cache
def _splines() -> dict[str, str]:
    tables: dict[str, str] = json.loads(_TABLES.read_text("ascii"))
    return tables
