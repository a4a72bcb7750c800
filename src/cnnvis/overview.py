"""The overview: one small picture of each layer, its mean map, for the list of layers.

It is made of what a look kept and never runs the model again.
"""

from __future__ import annotations

import contextlib
import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cnnvis.frame import FEATURE_MAPS, FrameKey, encode, size_of
from cnnvis.inspection import Inspection
from cnnvis.look import Coded
from cnnvis.quantize import STEPS, dequantize, quantize

MAX_BYTES = 128 << 10
"""What the whole may weigh."""

_SIDE, _LEAST_SIDE = 24, 4


def overview(inspection: Inspection, image: int = 0, generation: int = 0) -> bytes:
    """The mean over channels (and depth) of each layer's first call, as a frame of square tiles.

    Tile i is of layer number channels[i]. A map keeps its shape: it fills the upper left of its tile,
    its longer side averaged down to the side of the tile, and codes 0 are beyond it. The side is 24,
    smaller where that makes more than `MAX_BYTES`; layers that do not fit with a side of 4 are left
    out, the last first, and so is what has one value or could not be read.

    Args:
        inspection: What is shown.
        image: Which image of the batch.
        generation: Counts the looks.

    Returns:
        The frame; empty where there is nothing to show.
    """
    # a list without pictures is better than no view, whatever went wrong
    with contextlib.suppress(Exception):
        return _packed(inspection, image, generation)
    return b""


def mean_map(tiles: Tensor) -> Tensor:
    """The mean of all tiles and planes, float32 (height, width); of the finite values only.

    Args:
        tiles: Real tensor (tiles, planes, height, width).

    Returns:
        The map on the CPU; NaN where no value is finite.
    """
    mean = tiles.mean((0, 1), dtype=torch.float32).cpu()
    if _is_finite(mean):
        return mean
    exact = tiles.cpu().to(torch.float64)  # also where only the sum is beyond float32
    return exact.where(exact.isfinite(), torch.nan).nanmean((0, 1)).to(torch.float32)


def mean_of_codes(coded: Coded) -> Tensor:
    """The mean of what codes stand for, float32 (height, width); of the finite values only."""
    codes, bounds = coded.quantized.codes, coded.quantized.bounds
    tiles, planes = coded.shape[:2]
    width = codes.shape[2]
    lo, hi = bounds.to(torch.float64).unbind(1)
    step = ((hi - lo) / STEPS).to(torch.float32)
    if not codes.numel() or not codes.amin() or not bool(step.isfinite().all()):
        return mean_map(dequantize(codes, bounds).reshape(tiles, planes, -1, width))
    # Linear in the codes: one product instead of a float for each step of reading them back.
    total = step @ codes.reshape(tiles, -1).to(torch.float32)
    rising = total.reshape(planes, -1, width).mean(0) / tiles
    return rising + (lo - step).mean().to(torch.float32)


def shrink(mean: Tensor, side: int) -> Tensor:
    """The map with its longer side averaged down to `side`; a map that is smaller is left as it is."""
    longest = max(mean.shape)
    if longest <= side:
        return mean
    rows, columns = (max(1, (2 * n * side + longest) // (2 * longest)) for n in mean.shape)
    size = (rows, columns)
    if _is_finite(mean):
        return adaptive_avg_pool2d(mean[None], size)[0]
    finite = mean.isfinite()
    total = adaptive_avg_pool2d(mean.where(finite, 0)[None], size)[0]
    share = adaptive_avg_pool2d(finite.to(mean.dtype)[None], size)[0]
    return total / share  # 0 / 0 where nothing is finite


def _is_finite(numbers: Tensor) -> bool:
    """Whether all are, told from their sum: that of large numbers may say no."""
    return math.isfinite(numbers.sum().item())


def _packed(inspection: Inspection, image: int, generation: int) -> bytes:
    ran = [index for index, run in enumerate(inspection.layers) if run.ran]
    most = max(1, (MAX_BYTES - size_of(0, 1, 1, 1)) // _tile_bytes(_LEAST_SIDE))
    ran = ran[:most]
    side = _SIDE
    while side > _LEAST_SIDE and size_of(len(ran), 1, side, side) > MAX_BYTES:
        side -= 1
    channels: list[int] = []
    pictures: list[Tensor] = []
    for index in ran:
        small = None
        with contextlib.suppress(Exception):  # of one layer: the others have their pictures
            small = _small(inspection, index, image, side)
        if small is not None:
            channels.append(index)
            pictures.append(small)
    if not pictures:
        return b""
    tiles = torch.full((len(pictures), 1, side, side), torch.nan)
    for tile, small in zip(tiles, pictures, strict=True):
        height, width = small.shape
        tile[0, :height, :width] = small
    key = FrameKey("", FEATURE_MAPS, 0, image, generation)
    shape = (max(len(inspection.layers), len(channels)), 1, side, side)
    return encode(quantize(tiles), key, channels, shape, 1)


def _small(inspection: Inspection, index: int, image: int, side: int) -> Tensor | None:
    tiles = inspection.kept_tiles(inspection.layers[index].name, image)
    if tiles is None or not tiles.shape[0]:
        return None
    mean = mean_of_codes(tiles) if isinstance(tiles, Coded) else mean_map(tiles)
    return shrink(mean, side) if mean.numel() > 1 else None


def _tile_bytes(side: int) -> int:
    return size_of(1, 1, side, side) - size_of(0, 1, side, side)
