"""Maps of numbers to one-byte codes with bounds, and back.

A tile is one picture: a feature map, or a filter. Its values become codes 1 to 255, linear between
the lowest and the highest finite value of the tile; code 0 says "not finite". So the page gets one
byte for a value, and knows by how much it can be off: half a step, (hi - lo) / 508.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STEPS = 254
"""Steps between code 1 (lo) and code 255 (hi)."""

STATISTICS = ("mean", "std", "zeros", "nonfinite")
"""The columns of `Quantized.stats`, in order."""

# Values handled at once. On a CPU a block as float64 stays in a core's cache, and is too small for
# torch to wake its thread pool, which costs more than it gives while other work keeps the cores
# busy. A GPU wants few, large kernels instead.
_CPU_BLOCK = 1 << 15
_GPU_BLOCK = 1 << 24

_TILE = (1, 2, 3)  # the dimensions of one tile


@dataclass(frozen=True)
class Quantized:
    """What `quantize` gives; all on the CPU.

    Attributes:
        codes: uint8 (tiles, planes * height, width), the planes of a tile one below the other.
            0: not finite; 1 to 255: linear from lo to hi.
        bounds: float32 (tiles, 2), lo and hi of each tile's finite values. lo == hi: constant, its
            finite values all have code 1. (0, 0) where no value is finite.
        stats: float32 (tiles, 4): mean and standard deviation (population) of the finite values,
            share of exact zeros among all values, number of values that are not finite.
    """

    codes: Tensor
    bounds: Tensor
    stats: Tensor


def quantize(maps: Tensor, *, factor: int = 1, symmetric: bool = False) -> Quantized:
    """Codes, bounds and statistics of maps.

    Args:
        maps: Real tensor (tiles, height, width) or (tiles, planes, height, width), any device,
            layout and dtype that holds one number in each element, quantized ones and the float8
            family too. All are read as float32: a float64 value beyond its range counts as not
            finite, integers above 2**24 are rounded.
        factor: Averages blocks of factor x factor values of a plane before coding (a block at the
            border may be smaller; a block with a value that is not finite is not finite). Bounds and
            statistics stay those of the full maps, so colours do not change with the resolution.
        symmetric: Bounds (-m, m) with m the largest magnitude, so that zero is exactly code 128.

    Returns:
        For every finite value x, as float32 holds it, `dequantize` is off by at most
        (hi - lo) / 508 * (1 + 2**-40) + max(-lo, hi) * 2**-52: half a step, and float64's rounding.
        Reading x as float32 before that rounds by at most |x| * 2**-24 + 2**-150, or not at all
        where float32 holds it. Codes never fall where values rise, and those of a tile depend
        neither on the other tiles nor on how the numbers lie in memory. Statistics are float64
        sums, whose order may differ, rounded to float32; the count is exact up to 2**24.

    Raises:
        TypeError: maps is complex, so take `.abs()` first; or its dtype packs several numbers into
            an element.
        ValueError: maps has neither three nor four dimensions, or is on the meta device; or factor
            is no whole number from 1.
    """
    if maps.is_complex():
        raise TypeError(
            "quantize takes real maps, got complex ones; pass maps.abs() for magnitudes"
        )
    if maps.ndim not in (3, 4):
        raise ValueError(
            f"quantize takes maps (tiles, [planes,] height, width), got shape {tuple(maps.shape)}"
        )
    if factor != int(factor) or factor < 1:
        raise ValueError(f"quantize takes a whole factor >= 1, got {factor}")
    factor = int(factor)
    if maps.is_meta:
        raise ValueError("quantize takes maps that hold numbers, got them on the meta device")
    maps = (maps.dequantize() if maps.is_quantized else maps).detach()
    if maps.layout != torch.strided:
        maps = maps.to_dense()
    _check_readable(maps.dtype)
    if maps.device.type == "mps":  # Metal has no float64
        maps = maps.cpu()
    if maps.ndim == 3:
        maps = maps[:, None]
    tiles, planes, height, width = maps.shape
    sums = torch.zeros((4, tiles), dtype=torch.float64, device=maps.device)
    total, squares, zeros, nonfinite = sums
    lo, hi = torch.full_like(total, torch.inf), torch.full_like(total, -torch.inf)
    blocks = _blocks(maps, factor)
    for block in blocks:
        exact, part = _exact(maps[block]), block[0]
        least, most = exact.amin(_TILE), exact.amax(_TILE)
        if not bool((least.isfinite() & most.isfinite()).all()):  # rare, so only it pays for masks
            finite = exact.isfinite()
            nonfinite[part] += (~finite).sum(_TILE)
            least = exact.where(finite, torch.inf).amin(_TILE)
            most = exact.where(finite, -torch.inf).amax(_TILE)
            exact = exact.where(finite, torch.nan)
        lo[part] = torch.minimum(lo[part], least)
        hi[part] = torch.maximum(hi[part], most)
        total[part] += exact.nansum(_TILE)
        zeros[part] += (exact == 0).sum(_TILE)
    nothing = lo > hi
    lo, hi = lo.masked_fill(nothing, 0), hi.masked_fill(nothing, 0)
    if symmetric:
        hi = torch.maximum(lo.abs(), hi.abs())
        lo = -hi

    values = planes * height * width
    count = (values - nonfinite).clamp(min=1)
    mean = total / count
    codes = torch.empty(
        (tiles, planes, -(-height // factor), -(-width // factor)),
        dtype=torch.uint8,
        device=maps.device,
    )
    for block in blocks:
        part, plane, rows = block
        exact = _exact(maps[block])
        coded = slice(rows.start // factor, -(-rows.stop // factor))
        masked = bool(nonfinite[part].any())
        codes[part, plane, coded] = _encode(_average(exact, factor), lo[part], hi[part], masked)
        if masked:
            exact = exact.where(exact.isfinite(), torch.nan)
        squares[part] += exact.sub_(mean[part, None, None, None]).square_().nansum(_TILE)

    stats = torch.stack((mean, (squares / count).sqrt(), zeros / max(values, 1), nonfinite), 1)
    return Quantized(
        codes.flatten(1, 2).cpu(),
        torch.stack((lo, hi), 1).to(torch.float32).cpu(),
        stats.to(torch.float32).cpu(),
    )


def dequantize(codes: Tensor, bounds: Tensor) -> Tensor:
    """The values that codes stand for.

    Args:
        codes: uint8 (tiles, height, width).
        bounds: float32 (tiles, 2).

    Returns:
        float64 (tiles, height, width); NaN where the code is 0.
    """
    lo, hi = bounds.to(torch.float64).unbind(1)
    share = (codes.to(torch.float64) - 1) / STEPS
    values = lo[:, None, None] + (hi - lo)[:, None, None] * share
    return values.masked_fill(codes == 0, torch.nan)


def _check_readable(dtype: torch.dtype) -> None:
    try:
        torch.empty(1, dtype=dtype).to(torch.float32)
    except (NotImplementedError, RuntimeError):
        raise TypeError(
            f"quantize takes maps with one number in each element, got {dtype}, which torch cannot "
            "read as float32; unpack it first"
        ) from None


def _blocks(maps: Tensor, factor: int) -> list[tuple[slice, slice, slice]]:
    """Slices of tiles, planes and rows that cover maps; rows start at a multiple of factor."""
    if not maps.numel():
        return []
    tiles, planes, height, width = maps.shape
    limit = _GPU_BLOCK if maps.is_cuda else _CPU_BLOCK
    rows = min(height, max(factor, limit // width // factor * factor))
    depth = min(planes, max(1, limit // (rows * width)))
    step = min(tiles, max(1, limit // (depth * rows * width)))
    return [
        (
            slice(tile, min(tile + step, tiles)),
            slice(plane, min(plane + depth, planes)),
            slice(row, min(row + rows, height)),
        )
        for tile in range(0, tiles, step)
        for plane in range(0, planes, depth)
        for row in range(0, height, rows)
    ]


def _exact(block: Tensor) -> Tensor:
    """A float64 copy of values as float32 holds them."""
    return block.to(torch.float32).to(torch.float64)


def _average(exact: Tensor, factor: int) -> Tensor:
    """Means of factor x factor blocks, smaller at the border; a non-finite value stays non-finite."""
    if factor == 1:
        return exact
    tiles, planes, height, width = exact.shape
    tall, wide = min(factor, height), min(factor, width)  # padding a row to a block would waste
    rows, columns = -(-height // tall), -(-width // wide)
    padded = torch.nn.functional.pad(exact, (0, columns * wide - width, 0, rows * tall - height))
    down = (height - tall * torch.arange(rows, device=exact.device)).clamp(max=tall)
    across = (width - wide * torch.arange(columns, device=exact.device)).clamp(max=wide)
    sums = padded.view(tiles, planes, rows, tall, columns, wide).sum((3, 5))
    return sums / (down[:, None] * across)


def _encode(exact: Tensor, lo: Tensor, hi: Tensor, masked: bool) -> Tensor:
    span = hi - lo
    scale = torch.where(span > 0, STEPS / span, 0)
    # adding 1.5 and cutting off rounds to the nearest code
    codes = exact.sub(lo[:, None, None, None]).mul_(scale[:, None, None, None])
    codes.add_(1.5).clamp_(1, 255)
    if masked:
        codes.masked_fill_(~exact.isfinite(), 0)
    return codes.to(torch.uint8)
