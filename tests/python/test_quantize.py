"""Laws of the codes, over any numbers: what hypothesis finds, and 10,000 tiles of every dtype."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnnvis.quantize import STEPS, Quantized, dequantize, quantize

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


@st.composite
def maps(draw: st.DrawFn) -> torch.Tensor:
    """Any float32 numbers, or well-spread ones at any scale and offset."""
    shape = draw(SHAPES)
    if draw(st.booleans()):
        return torch.from_numpy(draw(hnp.arrays(np.float32, shape, elements=st.floats(width=32))))
    seed, scale = draw(st.integers(0, 2**31)), draw(st.integers(-44, 37))
    offset = draw(st.sampled_from([0.0, 1.0, 1e8, -1e30]))
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (noise * 10.0**scale + offset).clamp(-3e38, 3e38).to(torch.float32)


def reference(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


Numbers = np.ndarray[Any, Any]


def check(values: torch.Tensor, result: Quantized) -> None:
    """Every law of `quantize`, against numbers of float64 that NumPy handles; factor 1."""
    truth: Numbers = values.double().numpy().reshape(len(values), -1)
    with np.errstate(all="ignore"):
        read = truth.astype(np.float32).astype(np.float64)
    codes = result.codes.numpy().reshape(truth.shape)
    back: Numbers = dequantize(result.codes, result.bounds).numpy().reshape(truth.shape)
    lo, hi = result.bounds.double().numpy().T[:, :, None]
    finite = np.isfinite(read)

    assert ((codes == 0) == ~finite).all(), "code 0 says not finite, and only that"
    assert np.array_equal(result.stats[:, 3].numpy(), (~finite).sum(1)), "the count is exact"
    assert np.isfinite(lo).all()
    assert (lo <= hi).all()
    lowest, highest = (
        np.where(finite.any(1), f(np.where(finite, read, none), 1, initial=none), 0)
        for f, none in ((np.min, np.inf), (np.max, -np.inf))
    )
    assert np.array_equal(lo[:, 0], lowest)
    assert np.array_equal(hi[:, 0], highest)
    assert (codes[(lo == hi)[:, 0]] <= 1).all(), "a constant tile has one code"

    magnitude = np.maximum(np.abs(lo), np.abs(hi))
    bound = (hi - lo) / (2 * STEPS) + magnitude * 2**-21
    here = np.broadcast_to(bound, truth.shape)[finite]
    assert (np.abs(back[finite] - read[finite]) <= here).all(), "within half a step"
    here = here + np.abs(truth[finite]) * 2**-24 + 2.0**-150
    error = np.abs(back[finite] - truth[finite])
    assert (error <= here).all(), "and as near to what float32 read"

    order = np.argsort(np.where(finite, truth, np.inf), axis=1, kind="stable")
    rising = np.take_along_axis(codes.astype(int), order, 1)
    both = np.take_along_axis(finite, order, 1)[:, 1:]
    assert (np.diff(rising, axis=1)[both] >= 0).all(), "codes keep the order"


@settings(max_examples=400)
@given(maps())
def test_every_finite_value_comes_back_within_half_a_step(values: torch.Tensor) -> None:
    check(values, quantize(values))


@settings(max_examples=100)
@given(maps(), st.sampled_from(DTYPES))
def test_the_law_holds_for_every_float_dtype(values: torch.Tensor, dtype: torch.dtype) -> None:
    check(values.to(dtype), quantize(values.to(dtype)))


@settings(max_examples=100)
@given(maps())
def test_symmetric_bounds_put_zero_on_the_middle_code(values: torch.Tensor) -> None:
    values[..., 0] = 0.0
    result = quantize(values, symmetric=True)
    lo, hi = result.bounds.unbind(1)
    assert torch.equal(lo, -hi)
    middle = result.codes[:, :, 0]
    assert torch.equal(middle, torch.where((hi > 0)[:, None], 128, 1).expand_as(middle))


@settings(max_examples=100)
@given(maps())
def test_tiles_do_not_see_each_other_and_layout_does_not_matter(values: torch.Tensor) -> None:
    whole = quantize(values)
    transposed = quantize(values.transpose(1, 2).contiguous().transpose(1, 2))
    assert torch.equal(whole.codes, transposed.codes)
    for tile in range(len(values)):
        alone = quantize(values[tile : tile + 1])
        assert torch.equal(alone.codes[0], whole.codes[tile])
        torch.testing.assert_close(alone.stats[0], whole.stats[tile], equal_nan=True)


@settings(max_examples=60)
@given(maps(), st.integers(1, 5))
def test_averaging_is_the_mean_of_each_block(values: torch.Tensor, factor: int) -> None:
    result = quantize(values, factor=factor)
    assert torch.equal(result.bounds, quantize(values).bounds), (
        "colours stay when resolution changes"
    )
    exact = values.to(torch.float64).numpy()
    tiles, height, width = exact.shape
    back = dequantize(result.codes, result.bounds).numpy()
    assert back.shape == (tiles, -(-height // factor), -(-width // factor))
    for tile, row, column in np.ndindex(*back.shape):
        rows, columns = (slice(i * factor, (i + 1) * factor) for i in (row, column))
        block = exact[tile, rows, columns]
        if not np.isfinite(block).all():
            assert np.isnan(back[tile, row, column]), "a block that hides a NaN shows it"
            continue
        lo, hi = result.bounds[tile].to(torch.float64).tolist()
        slack = (hi - lo) / (2 * STEPS) + 2**-18 * max(abs(lo), abs(hi))
        assert abs(back[tile, row, column] - block.mean()) <= slack


# ---------------------------------------------------------------- 10,000 tiles of every dtype

EVERY = [*DTYPES, torch.int8, torch.uint8, torch.int32, torch.int64, torch.bool]
KINDS = 12
SIZES = [
    (1, 1), (1, 2), (2, 1), (3, 3), (7, 5), (1, 64), (64, 1), (2, 2, 3), (3, 1, 1), (14, 14),
    (5, 4, 4), (1, 1, 9), (4, 9), (9, 4), (16, 16), (2, 31), (13, 1), (6, 6), (1, 3), (10, 10),
]  # fmt: skip
EACH = 10_000 // len(SIZES)


def spread(dice: np.random.Generator, kind: int, shape: tuple[int, ...], wide: bool) -> Numbers:
    """Numbers of one kind: what layers give, and what no layer should."""
    noise: Numbers = dice.standard_normal(shape)
    scale = 10.0 ** dice.integers(-320 if wide else -44, 308 if wide else 38, (len(noise), 1))
    offset = dice.choice([0.0, 1.0, -1e8, 1e30, 2.0**24], (len(noise), 1))
    special = dice.choice([np.nan, np.inf, -np.inf], shape)
    made: list[Callable[[], Numbers]] = [
        lambda: noise,
        lambda: noise * scale,
        lambda: noise * 10.0 ** dice.integers(-3, 3, (len(noise), 1)) + offset,
        lambda: np.maximum(noise, 0),
        lambda: np.broadcast_to(noise[:, :1] * scale, shape),  # constant
        lambda: offset * (1 + dice.integers(0, 2, shape) * 2.0**-23),  # two neighbors
        lambda: dice.integers(-300, 300, shape) * 2.0**-149,  # denormal
        lambda: dice.choice([-1, 1], shape) * dice.uniform(2.9e38, 3.4e38, shape),
        lambda: np.exp(noise * 30).clip(0, 3e38),
        lambda: dice.integers(0, STEPS * 2 + 1, shape) / 2.0,  # in the middle of two codes
        lambda: np.where(dice.random(shape) < 0.1, special, noise * scale),
        lambda: np.where(dice.random(shape) < 0.9, special, noise),
    ]
    return made[kind]()


def cases(dtype: torch.dtype, seed: int) -> Iterator[torch.Tensor]:
    """10,000 tiles, half of them any bits at all."""
    dice = np.random.default_rng(seed)
    for size in SIZES:
        count = int(np.prod(size))
        if dtype.is_floating_point:
            half = EACH // 2
            with np.errstate(all="ignore"):
                tiles = [
                    spread(dice, kind, (half // KINDS + 1, count), dtype is torch.float64)
                    for kind in range(KINDS)
                ]
            drawn = torch.from_numpy(np.concatenate(tiles)[:half]).to(dtype)
        else:
            half, drawn = 0, torch.empty(0, count, dtype=dtype)
        width = torch.empty((), dtype=dtype).element_size()
        bits = dice.integers(0, 256, (EACH - half, count * width), dtype=np.uint8)
        if dtype is torch.bool:
            bits %= dice.integers(1, 3, (len(bits), 1), dtype=np.uint8)  # also: all of them false
        elif not dtype.is_floating_point:
            bits[::7] = bits[::7, :1]  # one number
        anything = torch.from_numpy(bits).view(dtype)
        yield torch.cat([drawn, anything]).reshape(EACH, *size)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_generated_tiles_hold_the_hard_cases(dtype: torch.dtype) -> None:
    tiles = [tile.flatten() for size in cases(dtype, 7) for tile in size.float()]
    finite = [tile[tile.isfinite()].double() for tile in tiles]
    largest = torch.finfo(torch.float32).max
    smallest = torch.finfo(torch.float32).tiny
    counts = {
        "nothing finite": sum(len(f) == 0 for f in finite),
        "some finite": sum(0 < len(f) < len(t) for f, t in zip(finite, tiles, strict=True)),
        "constant": sum(len(f) > 1 and bool((f == f[0]).all()) for f in finite),
        "denormal": sum(bool(((f != 0) & (f.abs() < smallest)).any()) for f in finite),
        "range beyond float32": sum(
            len(f) > 0 and bool(f.max() - f.min() > largest) for f in finite
        ),
    }
    if dtype is torch.float16:  # as float32 it has neither
        counts["denormal"] = counts["range beyond float32"] = 99
    assert min(counts.values()) > 50, counts


@pytest.mark.parametrize("dtype", EVERY, ids=str)
def test_ten_thousand_tiles_of_a_dtype_obey_every_law(dtype: torch.dtype) -> None:
    tested = 0
    for tiles in cases(dtype, 7):
        check(tiles, quantize(tiles))
        tested += len(tiles)
    assert tested == 10_000


@pytest.mark.parametrize("dtype", EVERY, ids=str)
def test_a_tile_is_the_same_alone_in_any_order_and_in_any_layout(dtype: torch.dtype) -> None:
    for tiles in cases(dtype, 8):
        tiles = tiles if tiles.ndim == 4 else tiles[:, None]
        whole = quantize(tiles)
        some = slice(None, None, 37)
        wide = torch.zeros((*tiles.shape[:-1], tiles.shape[-1] * 2), dtype=dtype)
        wide[..., ::2] = tiles
        forms = [
            (wide[..., ::2], slice(None)),
            (tiles.mT.contiguous().mT, slice(None)),
            (tiles.to(memory_format=torch.channels_last), slice(None)),
            (tiles.transpose(0, 1).contiguous().transpose(0, 1), slice(None)),
            (tiles[some], some),
        ]
        for form, part in forms:
            got = quantize(form)
            assert torch.equal(got.codes, whole.codes[part])
            assert torch.equal(got.bounds, whole.bounds[part])
            assert torch.equal(got.stats[:, 2:], whole.stats[part][:, 2:])
        for i in range(0, len(tiles), 100):
            alone = quantize(tiles[i : i + 1])
            assert torch.equal(alone.codes[0], whole.codes[i])
            assert torch.equal(alone.bounds[0], whole.bounds[i])
        expanded = quantize(tiles[:1].expand(5, -1, -1, -1))
        assert torch.equal(expanded.codes, whole.codes[:1].expand(5, -1, -1))


def block_means(values: Numbers, factor: int) -> Numbers:
    """Of (tiles, planes, height, width), the last block of a side being smaller."""
    rows, columns = (np.arange(0, side, factor) for side in values.shape[2:])
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=2), columns, axis=3)
    ones = np.ones(values.shape[2:])
    counts = np.add.reduceat(np.add.reduceat(ones, rows, axis=0), columns, axis=1)
    means: Numbers = sums / counts
    return means


@pytest.mark.parametrize("dtype", EVERY, ids=str)
@pytest.mark.parametrize("factor", [2, 3, 5])
def test_averages_of_ten_thousand_tiles_are_their_blocks_means(
    dtype: torch.dtype, factor: int
) -> None:
    for tiles in cases(dtype, 9):
        tiles = tiles if tiles.ndim == 4 else tiles[:, None]
        result, full = quantize(tiles, factor=factor), quantize(tiles)
        assert torch.equal(result.bounds, full.bounds), "colors stay when the resolution changes"
        assert torch.equal(result.stats, full.stats)
        read = tiles.float().double().numpy()
        with np.errstate(invalid="ignore"):
            means = block_means(read, factor)
        back = dequantize(result.codes, result.bounds).numpy().reshape(means.shape)
        finite = np.isfinite(means)
        assert np.array_equal(np.isfinite(back), finite), "a block that hides a NaN shows it"
        lo, hi = (b[:, None, None, None] for b in result.bounds.double().numpy().T)
        slack = (hi - lo) / 508 + np.maximum(np.abs(lo), np.abs(hi)) * 2**-18
        assert (np.abs(back - means)[finite] <= np.broadcast_to(slack, means.shape)[finite]).all()
        assert (back >= lo)[finite].all()


# ---------------------------------------------------------------- the laws can fail


def test_a_code_that_is_off_by_one_is_noticed() -> None:
    values = torch.rand(1, 10, 10, generator=torch.Generator().manual_seed(0)) * 7 - 3
    result = quantize(values)
    check(values, result)
    changed = 0
    for at in range(100):
        for step in (-1, 1):
            codes = result.codes.clone()
            codes.view(-1)[at] += step  # a byte: after 255 comes 0, which is noticed too
            with pytest.raises(AssertionError):
                check(values, replace(result, codes=codes))
            changed += 1
    assert changed == 200


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda x, q: replace(q, codes=(q.codes - 1).clamp(1)), "half a step"),
        (lambda x, q: replace(q, codes=truncated(x, q.bounds)), "half a step"),
        (lambda x, q: replace(q, codes=q.codes.flip(1)), "half a step"),
        (lambda x, q: replace(q, bounds=q.bounds * 1.001), None),
        (lambda x, q: replace(q, bounds=q.bounds.flip(1)), None),
        (lambda x, q: replace(q, codes=q.codes * 0), "not finite"),
        (lambda x, q: replace(q, stats=q.stats + 1), "count"),
        (lambda x, q: quantize(x.half()), None),
        (lambda x, q: quantize(x.bfloat16()), None),
        (lambda x, q: quantize(x.flip(2)), "half a step"),
    ],
)
def test_a_quantizer_with_a_mistake_is_noticed(
    wrong: Callable[[torch.Tensor, Quantized], Quantized], says: str | None
) -> None:
    values = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(0))
    with pytest.raises(AssertionError, match=says):
        check(values, wrong(values, quantize(values)))


def truncated(values: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    """Codes cut off instead of rounded, the usual mistake."""
    lo, hi = bounds[:, :1, None], bounds[:, 1:, None]
    return ((values - lo) / (hi - lo) * STEPS + 1).to(torch.uint8)


# ---------------------------------------------------------------- sizes, dtypes, refusals


def test_a_layer_of_4096_channels_obeys_the_laws() -> None:
    for shape in ((4096, 1, 1), (4096, 7, 7)):
        values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        check(values, quantize(values))


@pytest.mark.parametrize("low", [-3.4e38, -65504.0, 1e30, 1e-45, 0.0])
@pytest.mark.parametrize("high", [3.4e38, 65504.0, 1.0001e30, 2e-45])
def test_extreme_ranges_are_exact(low: float, high: float) -> None:
    if low < high:
        values = torch.linspace(0, 1, 300, dtype=torch.float64) * (high / 2 - low / 2) * 2 + low
        tile = values.clamp(-3.4e38, 3.4e38).float().reshape(1, 20, 15)
        result = quantize(tile)
        check(tile, result)
        assert result.stats.isfinite().all()


def test_a_range_that_overflows_half_precision_is_exact() -> None:
    tile = torch.tensor([[[-65504.0, -1.0, 0.0, 1.0, 65504.0]]], dtype=torch.float16)
    result = quantize(tile)
    check(tile, result)
    assert result.codes.tolist() == [[[1, 128, 128, 128, 255]]]


def e4m3fn(code: int) -> float:
    """OCP 8-bit floating point specification, section 5: bias 7, no infinity, all ones is NaN."""
    exponent, mantissa = code >> 3 & 15, code & 7
    if code & 127 == 127:
        return np.nan
    value = (
        (mantissa / 8) * 2.0**-6 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    )
    return -value if code & 128 else value


def test_float8_is_read_as_its_standard_says() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    # e5m2 is the upper byte of float16
    halves = (every.to(torch.int32) * 256).to(torch.uint16).view(torch.float16)
    for dtype, truth, odd in (
        (torch.float8_e5m2, halves.float(), 8),
        (torch.float8_e4m3fn, torch.tensor([e4m3fn(code) for code in range(256)]), 2),
    ):
        result, expected = (quantize(t.reshape(1, 16, 16)) for t in (every.view(dtype), truth))
        check(truth.reshape(1, 16, 16), result)
        assert torch.equal(result.codes, expected.codes)
        assert result.stats[0, 3] == odd


@pytest.mark.parametrize("dtype", [torch.float8_e5m2, torch.float8_e4m3fn, torch.bfloat16])
def test_a_deviation_far_below_the_mean_is_that_of_what_small_numbers_hold(
    dtype: torch.dtype,
) -> None:
    values = torch.tensor([1.75, 2.0]).repeat(3, 5, 4)
    values[1] -= 1.75  # next to a tile whose deviation is not swallowed
    check(values, quantize(values.to(dtype)))


def test_quantized_tensors_are_read_as_what_they_stand_for() -> None:
    values = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))
    scales = torch.tensor([0.1, 0.02, 0.5, 0.03], dtype=torch.float64)
    zeros = torch.tensor([0, 3, -5, 100])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are deprecated, and models hold them
        whole = torch.quantize_per_tensor(values, 0.05, 10, torch.qint8)
        tiles = torch.quantize_per_channel(values, scales, zeros, 0, torch.qint8)
        columns = torch.quantize_per_channel(values[:, :, :4], scales, zeros, 2, torch.qint8)
        unsigned = torch.quantize_per_tensor(values, 0.05, 128, torch.quint8)
    for quantized, scale, zero in (
        (whole, torch.tensor(0.05), torch.tensor(10)),
        (unsigned, torch.tensor(0.05), torch.tensor(128)),
        (tiles, scales[:, None, None], zeros[:, None, None]),
        (columns, scales, zeros),
    ):
        expected = ((quantized.int_repr().double() - zero) * scale).float()
        result, dense = quantize(quantized), quantize(expected)
        assert torch.equal(result.codes, dense.codes)
        torch.testing.assert_close(result.bounds, dense.bounds, rtol=2e-7, atol=0)
        check(quantized.dequantize(), result)


def test_other_forms_of_tensors_are_read() -> None:
    values = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).relu()
    expected = quantize(values).codes
    negated = torch.complex(values, -values).conj().imag
    wanting = values.clone().requires_grad_() * 1
    for form in (values.to_sparse(), negated, wanting, torch.nn.Parameter(values)):
        assert torch.equal(quantize(form).codes, expected)
    for dtype in (torch.int16, torch.uint16, torch.uint32, torch.uint64):
        whole = values.mul(9).int()
        assert torch.equal(quantize(whole.to(dtype)).codes, quantize(whole).codes)


def test_averaging_a_row_does_not_pad_it_to_a_square() -> None:
    values = torch.randn(2, 1, 60_000, generator=torch.Generator().manual_seed(0))
    for tiles in (values, values.mT):  # padded they would take 3 gigabytes
        result = quantize(tiles, factor=7_000)
        assert result.codes.flatten(1).shape == (2, 9)
        means = torch.stack(
            [part.double().mean(1) for part in torch.split(values[:, 0], 7_000, 1)], 1
        )
        back = dequantize(result.codes, result.bounds).flatten(1)
        span = (result.bounds[:, 1:] - result.bounds[:, :1]).double()
        assert ((back - means).abs() <= span / 508 * (1 + 1e-6)).all()
    assert quantize(torch.ones(1, 2, 2), factor=10**9).codes.tolist() == [[[1]]]


def check_statistics(values: torch.Tensor, stats: torch.Tensor) -> None:
    """Against float64, as near as `quantize` says, and float32 holds."""
    for tile, (mean, deviation, zeros, nonfinite) in zip(
        values, stats.double().tolist(), strict=True
    ):
        finite = tile[tile.isfinite()].double()
        truth = finite.std(correction=0).item() if len(finite) else 0
        rms = finite.square().mean().sqrt().item() if len(finite) else 0
        least = 2.0**-149
        assert abs(mean - (finite.mean().item() if len(finite) else 0)) <= rms * 2**-18 + least
        assert abs(deviation - truth) <= truth * 2**-11 + least
        share = (tile == 0).double().mean().item()
        assert zeros == pytest.approx(share, rel=2**-23)
        assert nonfinite == tile.numel() - len(finite)


@settings(max_examples=200)
@given(maps())
def test_statistics_are_as_near_as_is_promised(values: torch.Tensor) -> None:
    check_statistics(values, quantize(values).stats)


@pytest.mark.parametrize("offset", [0.0, 1.0, -7.9, 8.1, 60.0, 500.0, 1e6])
@pytest.mark.parametrize("side", [7, 40, 300])
def test_a_mean_far_from_zero_does_not_swallow_the_deviation(offset: float, side: int) -> None:
    generator = torch.Generator().manual_seed(side)
    values = torch.randn(20, side, side, generator=generator) + offset
    values[3] = offset
    values[4, 1:] = offset
    values[5] = values[5].clamp(min=offset)
    result = quantize(values)
    check(values, result)
    check_statistics(values, result.stats)
    assert result.stats[3, 1] == 0


@pytest.mark.parametrize(
    "shape",
    [(3, 200, 300), (70, 40, 30), (2, 1, 70_000), (1, 70_000, 1), (9, 209, 211), (2, 1031, 1030)],
)
@pytest.mark.parametrize("factor", [1, 3])
def test_maps_larger_than_a_block_are_no_different(shape: tuple[int, ...], factor: int) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values[0, -1, -1] = torch.nan
    result = quantize(values, factor=factor)
    if factor == 1:
        check(values, result)
    finite = [tile[tile.isfinite()].to(torch.float64) for tile in values]
    torch.testing.assert_close(result.stats[:, 0], torch.stack([t.mean() for t in finite]).float())
    expected = torch.stack([t.std(correction=0) for t in finite]).float()
    torch.testing.assert_close(result.stats[:, 1], expected)


def test_planes_are_averaged_by_themselves_and_share_their_tiles_bounds() -> None:
    values = torch.arange(2 * 3 * 3 * 3, dtype=torch.float32).reshape(2, 3, 3, 3)
    result = quantize(values, factor=3)
    assert result.codes.shape == (2, 3, 1)
    assert result.bounds.tolist() == [[0, 26], [27, 53]]
    back = dequantize(result.codes, result.bounds)
    expected = values.double().mean((2, 3))[:, :, None]
    torch.testing.assert_close(back, expected, atol=26 / 508, rtol=0)


def test_statistics_say_what_numpy_says() -> None:
    values = torch.tensor([[[0.0, 2.0], [0.0, torch.inf]], [[1.0, 1.0], [1.0, 1.0]]])
    stats = quantize(values).stats
    expected = torch.tensor([[2 / 3, np.std([0, 2, 0]), 0.5, 1], [1, 0, 0, 0]], dtype=torch.float32)
    torch.testing.assert_close(stats, expected)


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 0, 3), (3, 3, 0)])
def test_nothing_gives_nothing(shape: tuple[int, ...]) -> None:
    result = quantize(torch.empty(shape))
    assert result.codes.shape == shape
    assert torch.equal(result.bounds, torch.zeros(shape[0], 2))
    assert result.stats.isfinite().all()


def test_other_dtypes_are_read_as_numbers() -> None:
    flags = torch.tensor([[[True, False]]])
    assert quantize(flags).codes.tolist() == [[[255, 1]]]
    whole = torch.tensor([[[-3, 0, 5]]], dtype=torch.int64)
    assert quantize(whole).bounds.tolist() == [[-3, 5]]
    beyond = torch.tensor([[[1e300, 1.0]]], dtype=torch.float64)
    assert quantize(beyond).codes.tolist() == [[[0, 1]]], "beyond float32 is not finite in float32"


def test_input_is_left_alone() -> None:
    values = torch.randn(2, 3, 4)
    before = values.clone()
    quantize(values, factor=2)
    assert torch.equal(values, before)


def test_complex_and_other_shapes_are_refused_with_the_next_step() -> None:
    with pytest.raises(TypeError, match=r"complex.*maps\.abs\(\)"):
        quantize(torch.zeros(1, 1, 1, dtype=torch.complex64))
    with pytest.raises(ValueError, match=r"got shape \(3, 3\)"):
        quantize(torch.zeros(3, 3))
    for factor in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"a whole factor >= 1, got {factor}"):
            quantize(torch.zeros(1, 1, 1), factor=factor)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="on the meta device"):
        quantize(torch.zeros(1, 1, 1, device="meta"))
    for name in ("float4_e2m1fn_x2", "uint4", "bits8"):
        dtype = getattr(torch, name, None)
        if dtype is not None:
            with pytest.raises(TypeError, match=f"one number in each element, got torch.{name}"):
                quantize(torch.zeros((1, 2, 2), dtype=torch.uint8).view(dtype))


def test_torch_has_as_many_threads_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        quantize(torch.rand(2, 5, 5))
        assert torch.get_num_threads() == 3
        monkeypatch.setattr("cnnvis.quantize.in_cache", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            quantize(torch.rand(2, 5, 5))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
