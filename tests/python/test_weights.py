"""Reading filters, of ordinary layers and of those whose weights are made, pruned or quantized."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import CONVOLUTIONS, fingerprint, pruned, same
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from cnnvis.layers import find_layers
from cnnvis.weights import filters


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("cls", "lazy", "kind"), CONVOLUTIONS)
def test_a_filter_is_what_one_output_channel_sees(
    cls: Callable[..., nn.Module], lazy: object, kind: str, groups: int
) -> None:
    """An impulse in one input channel brings out its taps in every filter of its group."""
    module = cls(4, 8, 3, groups=groups, bias=False)
    read = filters(module)
    (layer,) = find_layers(module)
    assert layer.kernel_size is not None
    assert read.shape == (8, 4 // groups, *layer.kernel_size)
    rank = len(layer.kernel_size)
    center = (2,) * rank
    for channel in range(4):
        impulse = torch.zeros(1, 4, *(5,) * rank)
        impulse[(0, channel, *center)] = 1
        with torch.no_grad():
            seen = module(impulse)[0]
        first = 0 if kind == "conv" else 2
        window = (slice(None), *(slice(first, first + 3),) * rank)
        taps = seen[window]
        if kind == "conv":  # a cross-correlation mirrors the impulse
            taps = taps.flip(tuple(range(1, rank + 1)))
        group = channel // (4 // groups)
        for out in range(8):
            inside = out // (8 // groups) == group
            expected = read[out, channel % (4 // groups)] if inside else torch.zeros_like(taps[out])
            torch.testing.assert_close(taps[out], expected)


@given(st.sampled_from([1, 2, 3]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=30)
def test_transposed_filters_are_those_of_the_equal_convolution(
    groups: int, taken: int, given_: int, side: int
) -> None:
    """A transposed convolution is a convolution of the padded input with its filters mirrored."""
    module = nn.ConvTranspose2d(groups * taken, groups * given_, side, groups=groups, bias=False)
    image = torch.randn(1, groups * taken, 4, 5)
    padded = F.pad(image, [side - 1] * 4)
    with torch.no_grad():
        expected = module(image)
    torch.testing.assert_close(
        F.conv2d(padded, filters(module).flip(2, 3), groups=groups), expected
    )


def test_filters_of_a_linear_are_its_rows() -> None:
    linear = nn.Linear(3, 5)
    assert torch.equal(filters(linear), linear.weight)
    assert filters(linear).shape == (5, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_filters_keep_the_dtype(dtype: torch.dtype) -> None:
    assert filters(nn.Conv2d(3, 4, 3, dtype=dtype)).dtype == dtype


def test_filters_are_a_contiguous_copy_without_gradient() -> None:
    conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    before = conv.weight.detach().clone()
    read = filters(conv)
    assert read.is_contiguous()
    assert not read.requires_grad
    read.zero_()
    assert torch.equal(conv.weight, before)
    with torch.no_grad():
        conv.weight.add_(1)
    assert torch.equal(filters(conv), before + 1)  # live


def normed(kind: str) -> nn.Module:
    conv = nn.Conv2d(3, 4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if kind == "spectral":
            return parametrizations.spectral_norm(conv)
        if kind == "weight":
            return cast(nn.Module, parametrizations.weight_norm(conv))
        if kind == "old spectral":
            return cast(nn.Module, nn.utils.spectral_norm(conv))
        if kind == "old weight":
            return cast(nn.Module, nn.utils.weight_norm(conv))
        return pruned(conv, "weight")


@pytest.mark.parametrize("kind", ["spectral", "weight", "old spectral", "old weight", "pruned"])
def test_made_weights_are_those_of_the_next_evaluation_and_nothing_changes(kind: str) -> None:
    module = normed(kind).train()
    with torch.no_grad():
        for parameter in module.parameters():  # a training step; some .weight are stale now
            parameter.mul_(1.5).add_(0.01)
    before = fingerprint(module)
    read = filters(module)
    assert same(before, fingerprint(module))
    assert not read.requires_grad
    module.eval()
    image = torch.randn(1, 3, 5, 5)
    with torch.no_grad():
        expected = module(image)
    torch.testing.assert_close(F.conv2d(image, read, module.bias), expected)  # type: ignore[arg-type]


def test_reading_inside_a_parametrization_cache_leaves_training_its_gradient() -> None:
    module = normed("weight")
    with parametrize.cached():
        filters(module)
        assert module(torch.randn(1, 3, 5, 5)).requires_grad


@pytest.mark.skipif(
    torch.backends.quantized.engine == "none", reason="no quantized kernels in this build"
)
@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "ConvTranspose2d", "Linear"])
@pytest.mark.filterwarnings("ignore")
def test_quantized_layers_are_found_and_dequantized(name: str) -> None:
    quantized = pytest.importorskip("torch.ao.nn.quantized")
    old = torch.backends.quantized.engine
    if name == "ConvTranspose2d":
        torch.backends.quantized.engine = "qnnpack"  # the only one that has them
    try:
        more = () if name == "Linear" else (3,)
        module = getattr(quantized, name)(4, 6, *more)
        floats = getattr(nn, name)(4, 6, *more)
        steps = torch.randint(-100, 100, floats.weight.shape) / 64.0
        codes = torch.quantize_per_tensor(steps, 1 / 64, 0, torch.qint8)
        module.set_weight_bias(codes, torch.zeros(6))
        with torch.no_grad():
            floats.weight.copy_(steps)
        (layer,), (expected,) = find_layers(nn.Sequential(module), "all"), find_layers(floats)
        assert (layer.kind, layer.type) == (expected.kind, "Quantized" + expected.type)
        for field in ("in_channels", "out_channels", "kernel_size", "stride", "groups"):
            assert getattr(layer, field) == getattr(expected, field), field
        assert layer.parameters == expected.parameters == steps.numel() + 6
        assert torch.equal(filters(module), filters(floats))
    finally:
        torch.backends.quantized.engine = old


def test_weights_that_cannot_be_read_say_why() -> None:
    with pytest.raises(ValueError, match=r"must be initialized, received a lazy LazyConv2d; run"):
        filters(nn.LazyConv2d(3, 3))
    with pytest.raises(ValueError, match=r"must hold values, received a Conv2d on the meta device"):
        filters(nn.Conv2d(3, 3, 3, device="meta"))
    with pytest.raises(TypeError, match=r"must be a convolution.*received ReLU; find_layers"):
        filters(nn.ReLU())
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module"):
        filters(torch.zeros(3))  # type: ignore[arg-type]
