"""Maps of numbers to one-byte codes with bounds, and back.

A tile is one picture: a feature map, or a filter. Its values become codes 1 to 255, linear between
the lowest and the highest finite value of the tile; code 0 says "not finite". So the page gets one
byte for a value, and knows by how much it can be off: half a step, (hi - lo) / 508.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from cnnvis.in_cache import MOST_FACTOR, MOST_VALUES, STEPS, in_cache, picked

__all__ = ["STATISTICS", "STEPS", "Quantized", "dequantize", "quantize"]

STATISTICS = ("mean", "std", "zeros", "nonfinite")
"""The columns of `Quantized.stats`, in order."""

# Values handled at once. On a CPU a block as float64 stays in the caches near a core, and is so large that
# calling torch's functions for it takes less than what they do. A GPU wants few, large kernels instead.
_CPU_BLOCK = 1 << 17
_GPU_BLOCK = 1 << 24


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
        (hi - lo) / 508 + max(-lo, hi) * 2**-21: half a step, and float32's rounding; where that would
        be much of a step, the tile is coded in float64. Averages are off by max(-lo, hi) * 2**-18 in
        place of the last term. Reading x as float32 before that rounds by at most
        |x| * 2**-24 + 2**-150, or not at all where float32 holds it. Codes never fall where values
        rise, and those of a tile depend neither on the other tiles nor on how the numbers lie in
        memory. The mean is off by at most 2**-18 of the root mean square of the values, the
        deviation by 2**-11 of itself; the counts are exact up to 2**24.

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
    with _one_thread():
        fits = math.prod(maps.shape[1:]) <= MOST_VALUES and factor <= MOST_FACTOR
        if maps.is_cpu and maps.numel() and fits:
            return _in_cache(maps, factor, symmetric)
        return _in_float64(maps, factor, symmetric)


@functools.cache
def _has_openmp() -> bool:
    return "parallel backend: OpenMP" in torch.__config__.parallel_info()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps torch's pool of threads asleep, for what this thread does.

    To wake it for a few milliseconds gains little, and where other work keeps the cores busy, as a
    browser does that waits for the frame, costs ten times what the work itself takes. With OpenMP the
    number of threads is each thread's own; elsewhere it could not be set back.
    """
    if not _has_openmp():
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _in_cache(maps: Tensor, factor: int, symmetric: bool) -> Quantized:
    done = in_cache(maps, factor, symmetric)
    if done.odd.any():
        odd = torch.from_numpy(done.odd)
        again = _in_float64(picked(maps, odd), factor, symmetric)
        done.codes[odd], done.bounds[odd], done.stats[odd] = again.codes, again.bounds, again.stats
    return Quantized(done.codes, done.bounds, done.stats)


def _in_float64(maps: Tensor, factor: int, symmetric: bool) -> Quantized:
    tiles, planes, height, width = maps.shape
    codes = torch.empty(
        (tiles, planes, -(-height // factor), -(-width // factor)),
        dtype=torch.uint8,
        device=maps.device,
    )
    if not maps.numel():
        nothing = torch.zeros(tiles, 2 + len(STATISTICS))
        return Quantized(codes.flatten(1, 2).cpu(), nothing[:, :2], nothing[:, 2:])
    cut = _Cut.of(maps, factor)
    blocks = cut.blocks(maps)
    lo, hi, nonfinite = _bounds(maps, cut)
    high = torch.maximum(lo.abs(), hi.abs()) if symmetric else hi
    low = -high if symmetric else lo  # what code 1 stands for
    scale = torch.where(high > low, STEPS / (high - low), 0)

    total, norm, zeros = (cut.part_sums(maps) for _ in range(3))
    is_masked = bool(nonfinite.any())
    # written over in each block: fresh memory costs more than what is done with it
    room = max(block.numel() for block in blocks)
    doubles = torch.empty(room, dtype=torch.float64, device=maps.device)
    floats = torch.empty(room, device=maps.device)
    integers = floats.view(torch.int32)
    for block, coded, least, shift, gain, total_here, norm_here, zeros_here in zip(
        blocks,
        cut.blocks(codes, factor),
        cut.by_tile(lo),
        cut.by_tile(lo - low),
        cut.by_tile(scale),
        cut.by_part(total),
        cut.by_part(norm),
        cut.by_part(zeros),
        strict=True,
    ):
        values = _values(block)
        exact = _like(values, doubles).copy_(values).sub_(least)
        finite = exact.isfinite() if is_masked else None
        above = exact if finite is None else exact.where(finite, 0)
        torch.sum(above, 1, out=total_here)
        torch.linalg.vector_norm(above, dim=1, out=norm_here)
        # as numbers, as torch is slow to add up truths
        torch.eq(values, 0, out=_like(values, floats))
        zeros_here.copy_(_like(values, floats).sum(1))
        if symmetric:
            exact.add_(shift)
        # adding 1.5 and cutting off rounds to the nearest code, which is in range as all values are
        steps = exact.mul_(gain).view(block.shape)
        means = _average(steps, factor).add_(1.5)
        if finite is not None:
            means.masked_fill_(~means.isfinite(), 0)
        # by way of int32: torch does these two steps many numbers at a time, but not their sum
        coded.copy_(_like(means, integers).copy_(means))

    size = planes * height * width
    count = (size - nonfinite).clamp(min=1)
    # Of what lies above lo, not of the values: squares of numbers far from zero would swallow their
    # spread. Here the variance is at least the square of the span by twice the number of values.
    mean = total.sum(0) / count
    spread = (norm.square().sum(0) / count - mean.square()).clamp_(min=0).sqrt()
    stats = torch.stack((lo + mean, spread, zeros.sum(0) / max(size, 1), nonfinite), 1)
    return Quantized(
        codes.flatten(1, 2).cpu(),
        torch.stack((low, high), 1).to(torch.float32).cpu(),
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


@functools.cache
def _check_readable(dtype: torch.dtype) -> None:
    try:
        torch.empty(1, dtype=dtype).to(torch.float32)
    except (NotImplementedError, RuntimeError):
        raise TypeError(
            f"quantize takes maps with one number in each element, got {dtype}, which torch cannot "
            "read as float32; unpack it first"
        ) from None


@dataclass(frozen=True)
class _Cut:
    """How maps are cut into blocks: tiles, planes and rows in one; the parts of a tile follow each other.

    Attributes:
        tiles: Whole ones; several only where each is whole in its block.
        planes: Likewise.
        rows: A multiple of factor, or all.
        parts: How many blocks have some of a tile.
    """

    tiles: int
    planes: int
    rows: int
    parts: int

    @classmethod
    def of(cls, maps: Tensor, factor: int) -> _Cut:
        tiles, planes, height, width = maps.shape
        limit = _GPU_BLOCK if maps.is_cuda else _CPU_BLOCK
        rows = min(height, max(factor, limit // width // factor * factor))
        depth = min(planes, max(1, limit // (rows * width)))
        step = min(tiles, max(1, limit // (depth * rows * width)))
        return cls(step, depth, rows, -(-planes // depth) * -(-height // rows))

    def blocks(self, maps: Tensor, factor: int = 1) -> list[Tensor]:
        """Views of the maps, or of what was averaged down from them by a factor."""
        return [
            block
            for tiles in torch.split(maps, self.tiles)
            for planes in torch.split(tiles, self.planes, 1)
            for block in torch.split(planes, -(-self.rows // factor), 2)
        ]

    def part_sums(self, maps: Tensor) -> Tensor:
        """Zeros (parts, tiles), for what is summed up in each block; see `by_part`."""
        return torch.zeros((self.parts, len(maps)), dtype=torch.float64, device=maps.device)

    def by_part(self, sums: Tensor) -> list[Tensor]:
        """Views of the numbers (parts, tiles), for each block those of its tiles."""
        return [row for tiles in torch.split(sums, self.tiles, 1) for row in tiles.unbind()]

    def by_tile(self, numbers: Tensor) -> list[Tensor]:
        """Views (tiles, 1) of the numbers (tiles,), for each block those of its tiles."""
        return [
            some for some in torch.split(numbers[:, None], self.tiles) for _ in range(self.parts)
        ]


def _values(block: Tensor) -> Tensor:
    """The values (tiles, values) of a block, as float32 holds them; what is so already is no copy."""
    return block.to(torch.float32).flatten(1)


def _like(tensor: Tensor, scratch: Tensor) -> Tensor:
    """The start of a flat tensor, in the shape of another one."""
    return scratch[: tensor.numel()].view(tensor.shape)


def _bounds(maps: Tensor, cut: _Cut) -> tuple[Tensor, Tensor, Tensor]:
    """Of each tile: the lowest and highest finite value, and how many are not finite; float64."""
    least, most, nonfinite = (cut.part_sums(maps) for _ in range(3))
    each = [cut.blocks(maps), *map(cut.by_part, (least, most, nonfinite))]
    for block, least_here, most_here, _ in zip(*each, strict=True):
        values = _values(block)
        least_here.copy_(values.amin(1))
        most_here.copy_(values.amax(1))
    if not bool((least.isfinite() & most.isfinite()).all()):  # rare, so only it pays for masks
        for block, least_here, most_here, nonfinite_here in zip(*each, strict=True):
            values = _values(block)
            finite = values.isfinite()
            least_here.copy_(values.where(finite, torch.inf).amin(1))
            most_here.copy_(values.where(finite, -torch.inf).amax(1))
            nonfinite_here.copy_((~finite).sum(1))
    lo, hi = least.amin(0), most.amax(0)
    nothing = lo > hi
    return lo.masked_fill(nothing, 0), hi.masked_fill(nothing, 0), nonfinite.sum(0)


def _average(exact: Tensor, factor: int) -> Tensor:
    """Means of factor x factor blocks, smaller at the border; a non-finite value stays non-finite."""
    if factor == 1:
        return exact
    sides = [min(factor, side) for side in exact.shape[2:]]  # padding a row to a block would waste
    return avg_pool2d(exact, sides, ceil_mode=True, count_include_pad=False)
