"""Multiply-adds and parameters against what torchvision publishes with its weights.

The models are built without memory for their numbers (on the meta device), and their forward passes
compute shapes alone: what is counted does not depend on values.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models as zoo

from cnnvis.capture import capture
from cnnvis.layers import find_layers
from cnnvis.trace import Trace

# Attention multiplies maps with maps (queries with keys, weights with values), which is no layer's
# work: torchvision counts it, ours is the sum over layers.
ATTENTION = ("vit_", "swin_", "maxvit_")
# A part of the parameters is held by modules that have layers inside, or by none: attention's
# projections, positions, class tokens, the scales of ConvNeXt's blocks.
HELD_ELSEWHERE = (*ATTENTION, "convnext_")
# torchvision publishes the count without the auxiliary heads, which its builder removes with the
# trained weights; without weights it keeps them. (Inception's published count has them.)
WITHOUT_AUXILIARY = ("googlenet",)

LARGE = ("vit_h_14", "vit_l_16", "regnet_y_128gf")  # no other architecture than the smaller ones


@contextmanager
def without_memory() -> Iterator[None]:
    """Parameters that are registered hold no numbers. (RegNet's builder fails on the meta device.)"""
    register = nn.Module.register_parameter

    def on_meta(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        register(self, name, None if param is None else nn.Parameter(param.to("meta")))

    nn.Module.register_parameter = on_meta  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def published() -> list[Any]:
    """One entry of weights for each classification model and size of image."""
    found: dict[tuple[str, int], Any] = {}
    for name in zoo.list_models(module=zoo):
        for weights in zoo.get_model_weights(name):
            if not name.startswith(LARGE):
                side = weights.transforms().crop_size[0]
                found.setdefault(
                    (name, side), pytest.param(name, side, weights, id=f"{name}-{side}")
                )
    return list(found.values())


@pytest.mark.parametrize(("name", "side", "weights"), published())
def test_multiply_adds_and_parameters(name: str, side: int, weights: Any) -> None:
    options = {"image_size": side} if name.startswith("vit_") else {}
    with without_memory(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on GoogLeNet's initialization
        model = zoo.get_model(name, weights=None, **options).eval().to("meta")
    x = torch.empty(1, 3, side, side, device="meta")

    def forget(layer: object, output: Tensor) -> None:
        return None

    trace = Trace(model, x, forget)
    capture(model, x, find_layers(model), trace.called, during=trace)
    assert trace.problem == ""
    macs = sum(trace.macs.values()) / 1e9
    if name.startswith(ATTENTION):
        assert macs < weights.meta["_ops"]
    else:
        assert macs == pytest.approx(weights.meta["_ops"], abs=6e-4), (
            "published with three decimals"
        )

    parameters = sum(layer.parameters for layer in find_layers(model, "all"))
    if name.startswith(HELD_ELSEWHERE):
        assert parameters < weights.meta["num_params"]
        parameters = sum(p.numel() for p in model.parameters())
    elif name.startswith(WITHOUT_AUXILIARY):
        auxiliary = [la for la in find_layers(model, "all") if la.name.startswith("aux")]
        parameters -= sum(layer.parameters for layer in auxiliary)
    assert parameters == weights.meta["num_params"]
