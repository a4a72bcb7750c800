"""Which input pixels a unit reads, along one image axis: exact functions from a unit to an interval.

A stack of convolutions reads, at unit i, the pixels from lo + s·i to hi + s·i: one interval that moves
by the stride. Up-sampling and transposed convolutions add phases: units that take turns read intervals
of their own, and only after a whole turn is everything moved. A `Reach` is such a function. Where two
branches with different strides meet, a unit reads what either branch reads: `Reaches` is a tuple of
functions whose hull counts, and the empty tuple reads nothing.

Padding is an extension of the lattice here: a unit at the border reads pixels before the first one, so
that a field has its theoretical size on any image. What a unit truly reads is what of it is inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

Span = tuple[int, int]
"""First and last pixel of an interval."""

PERIOD_LIMIT = 4096
"""Phases that a function may have; more than any real stack of up-samplings makes."""


class Unknown(Exception):
    """Says, as a part of a sentence, why a field cannot be known."""


@dataclass(frozen=True, slots=True)
class Taps:
    """Which of its input's indices an operation reads for each output index.

    Attributes:
        period: Output indices after which the pattern repeats.
        advance: Input indices by which it has moved on then.
        reads: For each of the first `period` output indices the input indices that it reads.
    """

    period: int
    advance: int
    reads: tuple[Sequence[int], ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """The interval of pixels at every unit i: `spans[i % period]`, moved by `advance` a period.

    Attributes:
        period: Number of phases.
        advance: Pixels from a unit to the one a period later, never negative. 0 after a global
            operation.
        spans: One interval a phase; None where a phase reads nothing (the gaps of a transposed
            convolution).
    """

    period: int
    advance: int
    spans: tuple[Span | None, ...]

    @property
    def constant(self) -> bool:
        """Whether all units read the same."""
        return self.advance == 0 and self.period == 1

    def at(self, unit: int) -> Span | None:
        """The interval of one unit; None where it reads nothing."""
        turn, phase = divmod(unit, self.period)
        span = self.spans[phase]
        move = self.advance * turn
        return None if span is None else (span[0] + move, span[1] + move)


Reaches = tuple[Reach, ...]
"""Functions of one unit whose hull counts; none of them: the unit reads nothing."""

PIXELS: Reaches = (Reach(1, 1, ((0, 0),)),)
"""What the input itself reads: unit i is pixel i."""


def at(reaches: Reaches, unit: int) -> Span | None:
    """The interval of one unit; None where it reads nothing."""
    return _around([reach.at(unit) for reach in reaches])


def through(reaches: Reaches, taps: Taps) -> Reaches:
    """What the output of an operation reads, from what its input reads.

    Raises:
        Unknown: The result has more than `PERIOD_LIMIT` phases.
    """
    if len(reaches) == 1:
        [reach] = reaches
        if reach.period == 1 and taps.period == 1 and reach.spans[0] is not None:
            # by far the most frequent: a convolution or pooling without phases
            reads = taps.reads[0]
            lo, hi = reach.spans[0]
            move = reach.advance
            if isinstance(reads, range) and reads.step > 0 and reads:
                span = (lo + move * reads[0], hi + move * reads[-1])
                return (Reach(1, move * taps.advance, (span,)),)
            if len(reads) == 1:
                span = (lo + move * reads[0], hi + move * reads[0])
                return (Reach(1, move * taps.advance, (span,)),)
    return hull([_through(reach, taps) for reach in reaches])


def shifted(reaches: Reaches, start: int, step: int = 1) -> Reaches:
    """What is read at index `start + step * i`, as a function of i."""
    if start == 0 and step == 1:
        return reaches
    return through(reaches, Taps(1, step, (range(start, start + 1),)))


def spread(reaches: Reaches, times: int) -> Reaches:
    """What is read at index `i // times`, as a function of i."""
    return through(reaches, Taps(times, 1, (range(1),) * times))


def hull(reaches: Iterable[Reach]) -> Reaches:
    """What is read by any of the functions; those that move at the same rate become one."""
    found = tuple(reaches)
    if len(found) == 2 and found[0] == found[1]:
        found = found[:1]
    if len(found) > 1:
        merged: dict[tuple[int, int], Reach] = {}
        for reach in found:
            common = gcd(reach.advance, reach.period)
            rate = (reach.advance // common, reach.period // common)
            other = merged.get(rate)
            merged[rate] = reach if other is None or other == reach else _hull(other, reach)
        found = tuple(merged[rate] for rate in sorted(merged))
    return tuple(reach for reach in found if any(span is not None for span in reach.spans))


def interleave(choices: Sequence[Reaches]) -> Reaches | None:
    """What is read at index `i * len(choices) + k` when choice k is read at i.

    Returns:
        None where the choices do not move at one rate, or have too many phases together.
    """
    if any(len(reaches) > 1 for reaches in choices):
        return None
    found = [reaches[0] for reaches in choices if reaches]
    if len({Fraction(reach.advance, reach.period) for reach in found}) > 1:
        return None
    if not found:
        return ()
    turns = lcm(*(reach.period for reach in found))
    if turns * len(choices) > PERIOD_LIMIT:
        return None
    advance = found[0].advance * turns // found[0].period
    spans = tuple(at(reaches, turn) for turn in range(turns) for reaches in choices)
    return hull([_least(turns * len(choices), advance, spans)])


def table(reaches: Reaches, reads: Sequence[Sequence[int]], like: Taps) -> Reaches:
    """What is read by outputs that read these indices, for as many outputs as there are.

    Args:
        reaches: What is read at each index.
        reads: The indices that each output reads.
        like: An operation that moves as fast; only what comes after the last output depends on it.
    """
    spans = tuple(
        _around([reach.at(index) for reach in reaches for index in indices]) for indices in reads
    )
    rate = max((Fraction(reach.advance, reach.period) for reach in reaches), default=Fraction(0))
    advance = round(rate * len(reads) * like.advance / like.period)
    return hull([_least(len(reads), advance, spans)] if spans else ())


def row(parts: Sequence[tuple[Reaches, int]]) -> Reaches:
    """What is read by so many units of each function, one after the other."""
    units = [at(reaches, unit) for reaches, count in parts for unit in range(count)]
    found = [reach for reaches, _ in parts for reach in reaches]
    rate = max((Fraction(reach.advance, reach.period) for reach in found), default=Fraction(0))
    return hull([_least(len(units), round(rate * len(units)), tuple(units))] if units else ())


def covers(reach: Reach, length: int) -> bool:
    """Whether a function is the whole image for any unit."""
    span = reach.spans[0]
    return reach.constant and span is not None and span[0] <= 0 and span[1] >= length - 1


def rising(reaches: Reaches) -> bool:
    """Whether no later unit reads from or to an earlier pixel."""
    if len(reaches) != 1:
        return not reaches
    [reach] = reaches
    spans = [reach.at(unit) for unit in range(reach.period + 1)]
    if any(span is None for span in spans):
        return False
    known = [span for span in spans if span is not None]
    return all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(known))


def window(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Taps:
    """What a convolution or pooling reads."""
    first = -padding
    return Taps(1, stride, (range(first, first + dilation * (kernel - 1) + 1, dilation),))


def transposed(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Taps:
    """What a transposed convolution reads: input i reaches output i * stride - padding + dilation * k."""
    reads = []
    for phase in range(stride):
        hit = [phase + padding - dilation * k for k in range(kernel)]
        reads.append(sorted(place // stride for place in hit if place % stride == 0))
    return Taps(stride, 1, tuple(reads))


def adaptive(size: int, units: int) -> Taps:
    """What adaptive pooling of `size` values to `units` reads."""
    if units == 1:
        return Taps(1, 0, (range(size),))
    turns = gcd(size, units)
    period = units // turns
    reads = tuple(range(i * size // units, -(-(i + 1) * size // units)) for i in range(period))
    return Taps(period, size // turns, reads)


def fitted(reads: Sequence[Sequence[int]], rates: Iterable[Fraction]) -> Taps:
    """Taps that hold a table of what each output index reads.

    Args:
        reads: The input indices of every output index.
        rates: Input indices per output index that are worth trying. Any of them gives taps that hold
            the table; the one is taken that adds least to it away from the borders, where an
            operation reads the last input instead of one beyond.
    """
    border = {
        min(map(min, filter(None, reads)), default=0),
        max(map(max, filter(None, reads)), default=0),
    }
    best: tuple[tuple[int, int], Taps] | None = None
    for rate in rates:
        period, advance = min(rate.denominator, len(reads)), rate.numerator
        phases: list[set[int]] = [set() for _ in range(period)]
        for unit, indices in enumerate(reads):
            turn, phase = divmod(unit, period)
            phases[phase].update(index - advance * turn for index in indices)
        added = sum(
            len(phases[unit % period]) - len(indices)
            for unit, indices in enumerate(reads)
            if not border.intersection(indices)
        )
        if best is None or (added, period) < best[0]:
            taps = Taps(period, advance, tuple(sorted(phase) for phase in phases))
            best = ((added, period), taps)
    assert best is not None, "a rate is needed"
    return best[1]


def _through(reach: Reach, taps: Taps) -> Reach:
    turns = reach.period // gcd(reach.period, taps.advance)
    period = taps.period * turns
    if period > PERIOD_LIMIT:
        raise Unknown(f"the field repeats only after {period} units")
    advance = reach.advance * (taps.advance * turns) // reach.period
    spans = []
    for turn in range(turns):
        move = taps.advance * turn
        for reads in taps.reads:
            spans.append(_around([reach.at(move + index) for index in _decisive(reads, reach)]))
    return _least(period, advance, tuple(spans))


def _decisive(reads: Sequence[int], reach: Reach) -> Iterable[int]:
    """Those of the indices that can set a border: the first and last of each phase."""
    if not isinstance(reads, range) and len(reads) > 2:
        # sums of several digits mostly follow one another evenly, too
        step = reads[1] - reads[0]
        even = range(reads[0], reads[-1] + (1 if step > 0 else -1), step or 1)
        reads = even if step and len(even) == len(reads) and list(even) == list(reads) else reads
    if isinstance(reads, range) and len(reads) > 2:
        if reads.step < 0:
            reads = reads[::-1]
        phases = reach.period // gcd(reach.period, reads.step)
        if len(reads) > 2 * phases:
            return (*reads[:phases], *reads[-phases:])
    return reads


def _around(spans: Iterable[Span | None]) -> Span | None:
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return min(lo for lo, _ in known), max(hi for _, hi in known)


def _hull(a: Reach, b: Reach) -> Reach:
    if a.period == b.period == 1:
        return Reach(1, a.advance, (_around((a.spans[0], b.spans[0])),))
    period = lcm(a.period, b.period)
    if period > PERIOD_LIMIT:
        raise Unknown(f"the field repeats only after {period} units")
    spans = tuple(_around((a.at(unit), b.at(unit))) for unit in range(period))
    return _least(period, a.advance * (period // a.period), spans)


def _least(period: int, advance: int, spans: tuple[Span | None, ...]) -> Reach:
    """The same function with as few phases as it has."""
    rest, factor = period, 2
    while rest > 1:
        if rest % factor:
            factor = factor + 1 if factor * factor <= rest else rest
            continue
        rest //= factor
        shorter = period // factor
        if advance % factor == 0:
            trial = Reach(shorter, advance // factor, spans[:shorter])
            if all(trial.at(unit) == spans[unit] for unit in range(period)):
                period, advance, spans = trial.period, trial.advance, trial.spans
    return Reach(period, advance, spans)
