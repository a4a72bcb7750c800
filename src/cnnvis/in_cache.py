"""Codes and statistics of maps in float32, a few tiles at a time, while they lie in the caches of a core.

What costs is memory, not arithmetic: each block of tiles is fetched once, and all that is wanted of it is
made of it there, in memory that is used again for the next block. Where float32 cannot keep what
`quantize` promises, the tile is named, for it to be done in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

STEPS = 254

MOST_VALUES = 1 << 20
"""Of a tile: a larger one would not stay in a cache."""

MOST_FACTOR = 16
"""By which float32 averages as near as is promised."""

_BLOCK = 1 << 18  # values; with what is made of them they fill about half of a cache of 2 MiB
_ROW = 512  # values that are summed up in float32, before float64 takes over
_LINE = 16  # values in a line of the cache

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Truths = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class InCache:
    """What `in_cache` gives; codes, bounds and stats as `Quantized` has them.

    Attributes:
        codes: uint8 (tiles, planes * height, width).
        bounds: float32 (tiles, 2).
        stats: float32 (tiles, 4).
        odd: Whether nothing of a tile is right: not all its values are finite, or where they lie asks
            for more than float32.
        loose: Whether its statistics are not right: its mean is so far from zero that it swallows
            its deviation.
    """

    codes: Tensor
    bounds: Tensor
    stats: Tensor
    odd: Truths
    loose: Truths


def in_cache(maps: Tensor, factor: int, symmetric: bool) -> InCache:
    """Codes, bounds and statistics of maps (tiles, planes, height, width) on the CPU; see `quantize`.

    A code is x * gain + shift, cut off, with gain = 254 / (hi - lo) and shift = 1.5 - lo * gain. With
    r = max(-lo, hi) / (hi - lo) <= 64, rounding to float32 moves x * gain and shift by 254 r * 2**-24
    each, their sum by 2**-17, and gain by 2**-24 of itself: together less than 0.002, so lo and hi get
    codes 1 and 255. In values that is max(-lo, hi) * 2**-23 + (hi - lo) * 2**-23, at most
    max(-lo, hi) * 2**-21. A mean of factor * factor values rounds 2 * factor times before that.

    Squares are summed up 32 at a time in each of 16 lanes, so their sum is off by 2**-18 of itself at
    most, and the sum by less. A mean of up to 8 deviations makes 2**-12 of the deviation from it.
    """
    tiles, planes, height, width = maps.shape
    size = planes * height * width
    codes = torch.empty(
        (tiles, planes * -(-height // factor), -(-width // factor)), dtype=torch.uint8
    )
    coded = codes.numpy().reshape(tiles, -1)
    lo, hi = np.empty((2, tiles), np.float32)
    zeros = np.zeros(tiles)
    # A tile's values lie in rows, the last one filled up with zeros, which no sum sees. In memory of
    # torch each begins where a line of the cache does, or writing would take twice as long.
    rows = -(-size // _ROW)
    row = -(-size // rows // _LINE) * _LINE
    step = min(tiles, max(1, _BLOCK // (rows * row)))
    room = torch.empty(step, rows * row)
    room[:, size:] = 0
    is_zero = np.empty((step, size), np.bool_)
    sums, norms = torch.empty(2, tiles, rows)
    with np.errstate(all="ignore"):  # odd tiles give anything
        for start in range(0, tiles, step):
            here = slice(start, min(start + step, tiles))
            values, filled = room[:, :size], room
            if start + step > tiles:
                values, filled = values[: tiles - start], filled[: tiles - start]
            numbers = values.numpy()
            values.view(-1, planes, height, width).copy_(maps[here])
            lo[here], hi[here] = values.amin(1).numpy(), values.amax(1).numpy()
            filled = filled.view(-1, rows, row)
            torch.sum(filled, 2, out=sums[here])
            torch.linalg.vector_norm(filled, dim=2, out=norms[here])
            if np.equal(numbers, 0, out=is_zero[: len(numbers)]).any():
                zeros[here] = np.count_nonzero(is_zero[: len(numbers)], axis=1)
            low, high = _coded(lo[here, None].astype(float), hi[here, None].astype(float), symmetric)
            gain = np.where(high > low, STEPS / (high - low), 0).astype(np.float32)
            shift = (1.5 - low * gain).astype(np.float32)
            steps = values
            if factor > 1:
                steps = _average(values.view(-1, planes, height, width), factor).flatten(1)
            # torch does this in place twice as fast as NumPy, which turns one of the factors into as
            # many as there are values; NumPy makes the bytes in half the time of torch
            steps.mul_(torch.from_numpy(gain)).add_(torch.from_numpy(shift))
            np.copyto(coded[here], steps.numpy(), casting="unsafe")

        low, high = _coded(lo.astype(float), hi.astype(float), symmetric)
        span, magnitude = high - low, np.maximum(-low, high)
        mean = sums.numpy().sum(1, dtype=float) / size
        variance = np.square(norms.numpy(), dtype=float).sum(1) / size - mean**2
        # in between no square is lost: those of smaller numbers vanish, of larger ones overflow
        plain = (magnitude < 2.0**50) & (span > 2.0**-40) & (span * 64 > magnitude)
        constant = (lo == hi) & np.isfinite(lo)
        loose = ~(constant | (plain & (mean**2 < variance * 64)))
        deviation = np.sqrt(variance)
    mean[constant], deviation[constant] = lo[constant], 0
    return InCache(
        codes,
        torch.from_numpy(np.stack((low, high), 1).astype(np.float32)),
        torch.from_numpy(
            np.stack((mean, deviation, zeros / size, np.zeros(tiles)), 1).astype(np.float32)
        ),
        odd=~(constant | plain),
        loose=loose,
    )


def _average(maps: Tensor, factor: int) -> Tensor:
    """Means of factor x factor blocks, smaller at the border, in a tenth of the time of `avg_pool2d`."""
    *_, height, width = maps.shape
    down = maps[:, :, ::factor].clone(memory_format=torch.contiguous_format)
    for i in range(1, min(factor, height)):
        rows = maps[:, :, i::factor]
        down[:, :, : rows.shape[2]] += rows
    means = down[..., ::factor].clone(memory_format=torch.contiguous_format)
    for i in range(1, min(factor, width)):
        columns = down[..., i::factor]
        means[..., : columns.shape[3]] += columns
    high, wide = (torch.full((side,), float(factor)) for side in means.shape[2:])
    high[-1], wide[-1] = height - (len(high) - 1) * factor, width - (len(wide) - 1) * factor
    return means.div_(high[:, None] * wide)


def _coded(lo: Numbers, hi: Numbers, symmetric: bool) -> tuple[Numbers, Numbers]:
    """What codes 1 and 255 stand for."""
    if not symmetric:
        return lo, hi
    magnitude = np.maximum(-lo, hi)
    return -magnitude, magnitude
