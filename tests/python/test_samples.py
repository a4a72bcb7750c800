"""The shipped network and photograph are worth looking at."""

from __future__ import annotations

from importlib import resources

import pytest
import torch
from torch import Tensor, nn

from cnnvis import Extractor, inspect, samples

FOLDER = resources.files("cnnvis.samples")


def roughness(filters: Tensor) -> Tensor:
    """How much neighbors differ, for each filter (n, 3, k, k): 2 in white noise, near 0 where smooth.

    The mean squared difference of adjacent weights over their variance (von Neumann's ratio).
    """
    centered = filters - filters.mean((2, 3), keepdim=True)
    down = (centered[:, :, 1:] - centered[:, :, :-1]).square().mean((1, 2, 3))
    across = (centered[:, :, :, 1:] - centered[:, :, :, :-1]).square().mean((1, 2, 3))
    return (down + across) / 2 / centered.square().mean((1, 2, 3))


def test_files_are_small() -> None:
    assert len((FOLDER / "sample.safetensors").read_bytes()) <= 1.5e6
    assert len((FOLDER / "photo.jpg").read_bytes()) <= 60e3


def test_the_photograph_is_rgb_and_large_enough() -> None:
    photo = samples.image()
    assert photo.mode == "RGB"
    assert min(photo.size) >= 256


def test_the_network_has_residual_blocks_and_enough_convolutions() -> None:
    model = samples.model()
    assert not any(module.training for module in model.modules())
    info = Extractor(model).info()
    assert info["Total CNN Layers"] == 13
    assert info["Total Downsampling Layers"] == 3
    assert sum(isinstance(module, nn.Conv2d) for module in model.modules()) == 16
    assert model.stem.conv.in_channels == 3


@pytest.mark.parametrize("side", [96, 224])
def test_it_runs_at_any_size_and_gives_a_score_for_each_label(side: int) -> None:
    scores = samples.model()(torch.randn(2, 3, side, side))
    assert scores.shape == (2, len(samples.labels()))
    assert scores.isfinite().all()
    assert len(set(samples.labels())) == len(samples.labels())


def test_first_filters_are_no_noise() -> None:
    filters = samples.model().stem.conv.weight.detach()
    fresh = nn.Conv2d(3, len(filters), filters.shape[-1])
    assert roughness(fresh.weight.detach()).median() > 1.5, "the measure knows noise"
    assert roughness(filters).median() < 0.7
    strength = filters.flatten(1).norm(dim=1)
    assert (strength > 0.05 * strength.max()).float().mean() > 0.9, "few filters are dead"


def test_its_maps_respond_to_the_picture_in_every_layer() -> None:
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    for run in look.layers:
        maps = look.activation(run.name)[0]
        alive = maps.flatten(1).std(1) > 1e-4
        assert alive.float().mean() > 0.9, run.name


def test_it_knows_the_photograph() -> None:
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    assert look.predictions(1)[0].label == "cat"


def test_each_call_gives_a_new_network() -> None:
    first, second = samples.model(), samples.model()
    with torch.no_grad():
        first.stem.conv.weight.zero_()
    assert second.stem.conv.weight.abs().max() > 0
