from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnvis.reach import (
    PERIOD_LIMIT,
    PIXELS,
    Reach,
    Reaches,
    Taps,
    Unknown,
    adaptive,
    at,
    fitted,
    hull,
    interleave,
    rising,
    row,
    shifted,
    spread,
    table,
    through,
    transposed,
    window,
)

spans = st.none() | st.tuples(st.integers(-9, 9), st.integers(0, 6)).map(
    lambda s: (s[0], s[0] + s[1])
)


@st.composite
def reach(draw: st.DrawFn) -> Reach:
    period = draw(st.integers(1, 5))
    return Reach(period, draw(st.integers(0, 9)), tuple(draw(spans) for _ in range(period)))


@st.composite
def taps(draw: st.DrawFn) -> Taps:
    period = draw(st.integers(1, 4))
    some = st.lists(st.integers(-9, 9), max_size=4) | st.builds(
        lambda a, n, s: range(a, a + n * s, s),
        st.integers(-9, 9),
        st.integers(0, 12),
        st.integers(1, 3),
    )
    return Taps(period, draw(st.integers(0, 6)), tuple(draw(some) for _ in range(period)))


reaches = st.lists(reach(), max_size=3).map(hull)
UNITS = range(-40, 41)


def around(found: list[tuple[int, int] | None]) -> tuple[int, int] | None:
    known = [span for span in found if span is not None]
    return (min(a for a, _ in known), max(b for _, b in known)) if known else None


@given(reaches, taps())
def test_an_operation_reads_what_the_inputs_that_it_reads_read(own: Reaches, op: Taps) -> None:
    made = through(own, op)
    for unit in UNITS:
        turn, phase = divmod(unit, op.period)
        read = [at(own, op.advance * turn + index) for index in op.reads[phase]]
        assert at(made, unit) == around(read)


@given(st.lists(reach(), max_size=4))
def test_a_hull_holds_what_any_of_its_parts_reads_and_no_more(parts: list[Reach]) -> None:
    made = hull(parts)
    for unit in UNITS:
        assert at(made, unit) == around([part.at(unit) for part in parts])
    assert len({Fraction(part.advance, part.period) for part in made}) == len(made)


@given(st.lists(reaches, min_size=1, max_size=4))
def test_interleaved_functions_take_turns(choices: list[Reaches]) -> None:
    made = interleave(choices)
    rates = {Fraction(r.advance, r.period) for own in choices for r in own}
    if made is None:
        assert len(rates) > 1
        return
    for unit in UNITS:
        assert at(made, unit) == at(choices[unit % len(choices)], unit // len(choices))


@given(reaches, st.integers(-5, 5), st.integers(1, 4), st.integers(1, 4))
def test_a_slice_and_a_repetition_read_what_they_name(
    own: Reaches, start: int, step: int, times: int
) -> None:
    cut, repeated = shifted(own, start, step), spread(own, times)
    for unit in UNITS:
        assert at(cut, unit) == at(own, start + step * unit)
        assert at(repeated, unit) == at(own, unit // times)


@given(reaches, reaches, st.integers(1, 6), st.integers(1, 6))
def test_functions_in_a_row_follow_one_another(a: Reaches, b: Reaches, m: int, n: int) -> None:
    made = row([(a, m), (b, n)])
    assert [at(made, i) for i in range(m + n)] == [at(a, i) for i in range(m)] + [
        at(b, i) for i in range(n)
    ]


@given(reaches, st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=8))
def test_a_table_reads_what_it_lists(own: Reaches, reads: list[list[int]]) -> None:
    made = table(own, reads, window(1))
    assert [at(made, i) for i in range(len(reads))] == [
        around([at(own, k) for k in some]) for some in reads
    ]


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3))
def test_a_transposed_convolution_reads_what_the_convolution_reaches(
    kernel: int, stride: int, padding: int, dilation: int
) -> None:
    forth = window(kernel, stride, padding, dilation)
    back = transposed(kernel, stride, padding, dilation)
    there = {(i * stride + k, i) for i in range(-60, 61) for k in forth.reads[0]}
    here = {(o, o // stride + k) for o in range(-20, 21) for k in back.reads[o % stride]}
    assert here == {(o, i) for o, i in there if -20 <= o <= 20}


@given(st.integers(1, 24), st.integers(1, 24))
def test_adaptive_pooling_reads_what_torch_reads(size: int, units: int) -> None:
    image = torch.eye(size)[:, None]
    lit = torch.nn.functional.adaptive_avg_pool1d(image, units)[:, 0] != 0
    made = through(PIXELS, adaptive(size, units))
    for unit in range(units):
        pixels = lit[:, unit].nonzero().flatten().tolist()
        assert at(made, unit) == (pixels[0], pixels[-1])


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=3), min_size=1, max_size=12))
def test_fitted_taps_hold_the_table_whatever_the_rate(reads: list[list[int]]) -> None:
    made = fitted(reads, [Fraction(1, 2), Fraction(3), Fraction(2, 7)])
    for unit, indices in enumerate(reads):
        turn, phase = divmod(unit, made.period)
        assert set(indices) <= {made.advance * turn + index for index in made.reads[phase]}


def test_fitted_taps_of_a_regular_table_are_no_wider_than_it() -> None:
    reads = [[i * 2 // 3, i * 2 // 3 + 1] for i in range(30)]
    assert fitted(reads, [Fraction(1), Fraction(2, 3)]) == Taps(3, 2, ([0, 1], [0, 1], [1, 2]))


def test_phases_that_say_the_same_become_one() -> None:
    up = through(PIXELS, Taps(2, 1, ((0,), (0,))))
    assert up == (Reach(2, 1, ((0, 0), (0, 0))),)
    assert through(up, Taps(1, 2, ((0,),))) == PIXELS


def test_a_rising_function_never_goes_back() -> None:
    assert rising(PIXELS)
    assert rising(through(PIXELS, window(3, 2)))
    assert not rising((Reach(2, 0, ((0, 0), (1, 1))),))
    assert not rising((Reach(2, 2, ((0, 0), None)),))


def test_too_many_phases_are_refused() -> None:
    up = through(PIXELS, Taps(4095, 4093, tuple((0,) for _ in range(4095))))
    with pytest.raises(Unknown, match=r"repeats only after \d+ units"):
        through(up, Taps(2, 1, ((0,), (1,))))
    assert PERIOD_LIMIT == 4096
