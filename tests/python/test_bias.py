"""What a layer adds to each channel, as frames of filters and reports carry it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from cnnvis import inspect
from cnnvis.frame import FEATURE_MAPS, FILTERS, FrameKey, pack, unpack
from cnnvis.report import save_html
from cnnvis.weights import bias


@given(count=st.integers(1, 9), data=st.data())
def test_each_tile_of_a_frame_has_its_channels_bias(count: int, data: st.DataObject) -> None:
    added = torch.randn(count)
    channels = data.draw(
        st.none() | st.permutations(range(count)).map(lambda all_: all_[: count - 1])
    )
    key = FrameKey("a", FILTERS)
    frame = unpack(pack(torch.randn(count, 2, 3, 3), key, channels=channels, bias=added))
    assert frame.bias is not None
    assert frame.bias.tolist() == added[frame.channels.tolist()].tolist()


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(3, 4, 3, dtype=torch.float64),
        nn.ConvTranspose2d(3, 4, 3),
        nn.Conv1d(3, 4, 3),
        nn.Conv2d(4, 4, 1, groups=4, dtype=torch.bfloat16),
    ],
    ids=str,
)
def test_it_is_the_layers_own(layer: nn.Conv2d) -> None:
    found = bias(layer)
    assert found is not None
    own = cast(Tensor, layer.bias)
    assert torch.equal(found, own.detach().float())
    found.zero_()
    assert bool((own != 0).any()), "what is handed out is a copy"


def test_only_filters_of_layers_that_add_something_have_one() -> None:
    adding = nn.Conv2d(3, 4, 3)
    model = nn.Sequential(adding, nn.Conv2d(4, 2, 3, bias=False))
    look = inspect(model, torch.rand(1, 3, 8, 8))
    first = unpack(look.frame("0", FILTERS)).bias
    assert first is not None
    assert first.tolist() == cast(Tensor, adding.bias).tolist()
    assert unpack(look.frame("1", FILTERS)).bias is None
    assert unpack(look.frame("0", FEATURE_MAPS)).bias is None


def test_it_is_what_the_next_pass_would_add() -> None:
    pruned = nn.Conv2d(3, 4, 3)
    prune.l1_unstructured(pruned, "bias", amount=2)  # type: ignore[no-untyped-call]
    original = cast(Tensor, pruned.bias_orig)
    with torch.no_grad():
        original.add_(1)  # torch renews `bias` in the next pass only
    expected = (original * cast(Tensor, pruned.bias_mask)).detach()
    assert torch.equal(bias(pruned), expected)  # type: ignore[arg-type]

    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    made = nn.Conv2d(3, 4, 3)
    own = made.bias.detach().clone()  # type: ignore[union-attr]
    parametrize.register_parametrization(made, "bias", Twice())
    assert torch.equal(bias(made), 2 * own)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, bias=False),
        nn.LazyConv2d(4, 3),
        nn.Conv2d(3, 4, 3, device="meta"),
        nn.Conv2d(3, 4, 3, dtype=torch.complex64),
    ],
    ids=["none", "lazy", "meta", "complex"],
)
def test_what_adds_nothing_or_cannot_be_read_has_none(layer: nn.Module) -> None:
    assert bias(layer) is None


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_that_of_a_quantized_layer_is_read() -> None:
    layer = torch.ao.nn.quantized.Conv2d(3, 4, 3)  # type: ignore[no-untyped-call]
    added = torch.arange(4.0)
    weight = torch.quantize_per_tensor(torch.randn(4, 3, 3, 3), 0.1, 0, torch.qint8)
    layer.set_weight_bias(weight, added)
    assert torch.equal(bias(layer), added)  # type: ignore[arg-type]


def test_a_report_holds_it(tmp_path: Path) -> None:
    layer = nn.Conv2d(3, 4, 3)
    page = save_html(
        inspect(nn.Sequential(layer), torch.rand(1, 3, 8, 8)), tmp_path / "r.html"
    ).read_text()
    content = re.search(r'id="cnnvis-data"[^>]*>(.*?)</script>', page, re.S)
    assert content is not None
    frames = json.loads(content[1])["frames"]
    frame = unpack(gzip.decompress(base64.b64decode(frames[f"0/{FILTERS}/0/0"])))
    assert frame.bias is not None
    assert frame.bias.tolist() == cast(Tensor, layer.bias).tolist()
