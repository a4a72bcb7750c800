"""Laws of the codes, over any numbers."""

from __future__ import annotations

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


def check(values: torch.Tensor, result: Quantized) -> None:
    exact = values.to(torch.float32).to(torch.float64).numpy()
    codes, back = result.codes.numpy(), dequantize(result.codes, result.bounds).numpy()
    finite = np.isfinite(exact)
    assert ((codes == 0) == ~finite).all(), "code 0 says not finite, and only that"
    for tile in range(len(exact)):
        lo, hi = result.bounds[tile].tolist()
        assert (lo, hi) == reference(exact[tile])
        here = finite[tile]
        error = np.abs(back[tile][here] - exact[tile][here])
        assert (error <= (hi - lo) / (2 * STEPS) * (1 + 1e-6)).all()
        if lo == hi:
            assert set(codes[tile][here].tolist()) <= {1}
        order = np.argsort(exact[tile][here], kind="stable")
        assert (np.diff(codes[tile][here][order].astype(int)) >= 0).all(), "codes keep the order"
        assert result.stats[tile, 3] == (~here).sum()


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
        slack = (hi - lo) / (2 * STEPS) * (1 + 1e-6) + 1e-12 * max(abs(lo), abs(hi))
        assert abs(back[tile, row, column] - block.mean()) <= slack


@pytest.mark.parametrize("shape", [(3, 200, 300), (70, 40, 30), (2, 1, 70_000), (1, 70_000, 1)])
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
    with pytest.raises(ValueError, match="factor >= 1, got 0"):
        quantize(torch.zeros(1, 1, 1), factor=0)
