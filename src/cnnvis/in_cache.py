"""Codes and statistics of maps in float32, a few tiles at a time, while they lie in the caches of a core.

What costs is memory, not arithmetic: each block of tiles is fetched once, and all that is wanted of it is
made of it there, in memory that is used again for the next block. Where float32 cannot keep what
`quantize` promises, the tile is named, for it to be done in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

STEPS = 254
"""Steps between code 1 (lo) and code 255 (hi)."""

MOST_VALUES = 1 << 20
"""Of a tile: a larger one would not stay in a cache."""

MOST_FACTOR = 16
"""By which float32 averages as near as is promised."""

_BLOCK = 1 << 18  # values; with what is made of them they fill about half of a cache of 2 MiB
_ROW = 512  # values that are summed up in float32, before float64 takes over

Numbers = np.ndarray[Any, np.dtype[np.floating[Any]]]
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
    """

    codes: Tensor
    bounds: Tensor
    stats: Tensor
    odd: Truths


def in_cache(maps: Tensor, factor: int, symmetric: bool) -> InCache:
    """Codes, bounds and statistics of maps (tiles, planes, height, width) on the CPU; see `quantize`.

    A code is x * gain + shift, cut off, with gain = 254 / (hi - lo) and shift = 1.5 - lo * gain. With
    r = max(-lo, hi) / (hi - lo) <= 64, rounding to float32 moves x * gain and shift by 254 r * 2**-24
    each, their sum by 2**-17, and gain by 2**-24 of itself: together less than 0.002, so lo and hi get
    codes 1 and 255. In values that is max(-lo, hi) * 2**-23 + (hi - lo) * 2**-23, at most
    max(-lo, hi) * 2**-21. A mean of factor * factor values rounds 2 * factor times before that.

    No more than 512 squares are summed up in float32, in four lanes at least: the sum is off by at most
    2**-17 of itself, and that of the values by 2**-18 of their root mean square. Where the mean is no
    more than 8 deviations, that makes 2**-11 of the deviation; else it swallows the deviation, which is
    worked out once more.
    """
    tiles, planes, height, width = maps.shape
    size = planes * height * width
    codes = torch.empty(
        (tiles, planes * -(-height // factor), -(-width // factor)), dtype=torch.uint8
    )
    coded = codes.numpy().reshape(tiles, -1)
    rows = _rows(size)
    row = -(-size // rows)  # the last one is filled up with zeros, which no sum sees
    step = min(tiles, max(1, _BLOCK // (rows * row)))
    # memory of torch begins where a line of the cache does; else to write would take twice as long
    room = torch.empty(step, rows * row)
    if rows * row > size:
        room[:, size:] = 0
    is_direct = maps.dtype == torch.float32 and maps.is_contiguous() and rows * row == size
    is_zero = np.empty((step, size), np.bool_)
    lo, hi = np.empty((2, tiles), np.float32)
    sums, norms = np.empty((2, tiles, rows), np.float32)
    zeros = np.zeros(tiles)
    with np.errstate(all="ignore"):  # odd tiles give anything
        for start in range(0, tiles, step):
            end = min(start + step, tiles)
            here = slice(start, end)
            filled = room if end - start == step else room[: end - start]
            values = filled[:, :size]
            steps, some = values, maps[here]
            if is_direct:
                filled = values = some.view(-1, size)
            else:
                values.view(-1, planes, height, width).copy_(some)
            numbers, is_zero_here = values.numpy(), is_zero[: end - start]
            lo[here], hi[here] = values.amin(1).numpy(), values.amax(1).numpy()
            filled = filled.view(-1, rows, row)
            sums[here] = filled.sum(2).numpy()
            norms[here] = torch.linalg.vector_norm(filled, dim=2).numpy()
            if np.equal(numbers, 0, out=is_zero_here).any():
                zeros[here] = np.count_nonzero(is_zero_here, axis=1)
            low, high = _coded(lo[here, None], hi[here, None], symmetric)
            gain = (STEPS / np.subtract(high, low, dtype=float)).astype(np.float32)
            shift = (1.5 - np.multiply(low, gain, dtype=float)).astype(np.float32)
            if factor > 1:
                values = steps = _average(values.view(-1, planes, height, width), factor).flatten(1)
            # torch does this in place twice as fast as NumPy, which turns one of the factors into as
            # many as there are values; NumPy makes the bytes in half the time of torch
            torch.mul(values, torch.from_numpy(gain), out=steps).add_(torch.from_numpy(shift))
            np.copyto(coded[here], steps.numpy(), casting="unsafe")

        low, high = _coded(lo.astype(float), hi.astype(float), symmetric)
        mean = sums.sum(1, dtype=float) / size
        deviation = np.sqrt(np.square(norms, dtype=float).sum(1) / size - mean * mean)
        span, magnitude = high - low, np.maximum(-low, high)
        # in between no square is lost: those of smaller numbers vanish, of larger ones overflow
        plain = (magnitude < 2.0**50) & (span > 2.0**-40) & (span * 64 > magnitude)
        flat = (low == high) & np.isfinite(low)
        swallowed = plain & ~flat & ~(np.abs(mean) < deviation * 8)
    if swallowed.any():
        deviation[swallowed] = _deviations(maps, swallowed)
    if flat.any():
        coded[flat], mean[flat], deviation[flat] = 1, low[flat], 0
    bounds, stats = np.empty((tiles, 2), np.float32), np.zeros((tiles, 4), np.float32)
    bounds[:, 0], bounds[:, 1] = low, high
    stats[:, 0], stats[:, 1], stats[:, 2] = mean, deviation, zeros / size
    return InCache(codes, torch.from_numpy(bounds), torch.from_numpy(stats), ~(plain | flat))


def _deviations(maps: Tensor, which: Truths) -> Numbers:
    """Of some tiles, in float64 and from their means."""
    step = max(1, _BLOCK // math.prod(maps.shape[1:]))
    indices = torch.from_numpy(np.flatnonzero(which))
    blocks = (picked(maps, indices[i : i + step]) for i in range(0, len(indices), step))
    return np.concatenate(
        [block.to(torch.float32).flatten(1).numpy().std(1, dtype=float) for block in blocks]
    )


def picked(maps: Tensor, which: Tensor) -> Tensor:
    """Some of the tiles, by their indices or by a mask; older versions of torch cannot index float8."""
    if maps.dtype.itemsize == 1:
        return maps.view(torch.uint8)[which].view(maps.dtype)
    return maps[which]


def _rows(size: int) -> int:
    """How many rows a tile's values make that are short enough, of one length if that can be."""
    least = -(-size // _ROW)
    return next((rows for rows in range(least, 2 * least) if size % rows == 0), least)


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
