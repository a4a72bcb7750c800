"""Which values the ends of the colors stand for; `js/ranges.ts` has the same rules."""

from __future__ import annotations

import math

import numpy as np

from cnnvis.frame import FILTERS, Frame

Range = tuple[float, float]

_BINS = 4096  # of the common histogram of a layer's tiles


def shared_range(
    frame: Frame, scale: str, limits: tuple[float, float] | None, clip: float
) -> Range | None:
    """One range for all tiles of a layer; None where each tile has its own.

    Tiles of a single value, which would all look alike in a range of their own, share one.
    """
    if scale == "limits" and limits is not None:
        return limits
    if scale == "channel" and math.prod(frame.shape[1:]) > 1:
        return None
    return layer_range(frame, scale == "symmetric", clip)


def layer_range(frame: Frame, symmetric: bool, clip: float = 0) -> Range:
    """The least and greatest value of the layer, or of what clip leaves; about zero when symmetric."""
    symmetric = symmetric or frame.key.view == FILTERS
    filled = [tile for tile in range(len(frame.channels)) if not is_empty(frame, tile)]
    if not filled:
        return 0.0, 0.0
    lo, hi = float(frame.bounds[filled, 0].min()), float(frame.bounds[filled, 1].max())
    if clip > 0 and hi > lo:
        counts = np.zeros(_BINS)
        for tile in filled:
            share = (_values(frame, tile) - lo) / (hi - lo)
            bins = np.floor(share * (_BINS - 1) + 0.5).astype(int)
            np.add.at(counts, bins, _counts(frame, tile)[1:])
        return _percentiles(counts, (lo, hi), symmetric, clip)
    most = max(abs(lo), abs(hi))
    return (-most, most) if symmetric else (lo, hi)


def own_range(frame: Frame, tile: int, clip: float) -> Range:
    """The range of one tile: its bounds, or what clip leaves of them."""
    lo, hi = map(float, frame.bounds[tile])
    if not (clip > 0 and hi > lo):
        return lo, hi
    counts = _counts(frame, tile).astype(float)
    counts[0] = 0
    return _percentiles(counts, (lo - (hi - lo) / 254, hi), frame.key.view == FILTERS, clip)


def is_empty(frame: Frame, tile: int) -> bool:
    """Whether no value of the tile is finite, so that its bounds mean nothing."""
    return bool(frame.stats[tile, 3] >= math.prod(frame.shape[1:]))


def _values(frame: Frame, tile: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What the codes 1 to 255 of a tile stand for."""
    lo, hi = frame.bounds[tile].astype(float)
    return np.asarray(lo + (hi - lo) * np.arange(255) / 254)


def _counts(frame: Frame, tile: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(frame.codes[tile].ravel(), minlength=256)


def _percentiles(
    counts: np.ndarray[tuple[int], np.dtype[np.float64]], ends: Range, symmetric: bool, clip: float
) -> Range:
    """Where clip percent of what was counted lie below, and as many above.

    About zero: where twice as many have a larger magnitude. The counts are of values evenly spaced
    between the ends.
    """
    lo, hi = ends
    most = counts.sum() * clip / 100
    low, high = 0, len(counts) - 1

    def value(index: int) -> float:
        return lo + (hi - lo) * index / (len(counts) - 1)

    if symmetric:
        # from the outside in, always the end that is farther from zero
        beyond = 0.0
        while low < high:
            is_low = abs(value(low)) > abs(value(high))
            beyond += counts[low if is_low else high]
            if beyond > 2 * most:
                break
            low, high = (low + 1, high) if is_low else (low, high - 1)
        end = max(abs(value(low)), abs(value(high)))
        return -end, end
    below = counts[low]
    while below <= most and low < high:
        low += 1
        below += counts[low]
    above = counts[high]
    while above <= most and high > low:
        high -= 1
        above += counts[high]
    return value(low), value(high)
