"""The classic interface: totals against numbers worked out from the papers' architectures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torchvision.models as zoo
from torch import nn
from torch.nn.utils.prune import l1_unstructured

from cnnvis.extractor import Extractor

KEYS = [
    "Down-sample layers name",
    "Total CNN Layers",
    "Total Sequential Layers",
    "Total Downsampling Layers",
    "Total Linear Layers",
    "Total number of Bottleneck and Basicblock",
    "Total Execution time",
]


def build(builder: Callable[..., nn.Module], **settings: Any) -> nn.Module:
    """A model of torchvision without memory for its weights, which no test here reads."""
    with torch.device("meta"):
        return builder(weights=None, **settings)


# blocks per stage (He et al. 2015, table 1), convolutions per block; the stem adds one convolution
RESNETS = {
    "resnet18": ([2, 2, 2, 2], 2, 3),
    "resnet34": ([3, 4, 6, 3], 2, 3),
    "resnet50": ([3, 4, 6, 3], 3, 4),
    "resnet101": ([3, 4, 23, 3], 3, 4),
    "resnet152": ([3, 8, 36, 3], 3, 4),
}


@pytest.mark.parametrize("name", RESNETS)
def test_a_resnet_has_the_totals_of_its_paper(name: str) -> None:
    stages, per_block, downsampling = RESNETS[name]
    info = Extractor(build(getattr(zoo, name))).info()
    assert list(info) == KEYS
    time = info.pop("Total Execution time")
    assert isinstance(time, str)
    assert re.fullmatch(r"\d+\.\d{5} sec", time)
    assert info == {
        "Down-sample layers name": "downsample",
        "Total CNN Layers": 1 + per_block * sum(stages),
        "Total Sequential Layers": len(stages),
        "Total Downsampling Layers": downsampling,
        "Total Linear Layers": 1,
        "Total number of Bottleneck and Basicblock": sum(stages),
    }


def test_the_resnet_totals_are_these_numbers() -> None:
    # the same as above, spelled out
    convs = [1 + per_block * sum(stages) for stages, per_block, _ in RESNETS.values()]
    assert convs == [17, 33, 49, 100, 151]
    assert [sum(stages) for stages, _, _ in RESNETS.values()] == [8, 16, 16, 33, 50]


@pytest.mark.parametrize(
    ("name", "settings", "convs", "linears"),
    [
        ("alexnet", {}, 5, 3),
        ("vgg11", {}, 8, 3),
        ("vgg16", {}, 13, 3),
        ("vgg19_bn", {}, 16, 3),
        ("squeezenet1_0", {}, 26, 0),
        # 1 + 2 * (6 + 12 + 24 + 16) + 3 transitions
        ("densenet121", {}, 120, 1),
        ("mobilenet_v2", {}, 52, 1),
        ("efficientnet_b0", {}, 81, 1),
        # 94, and 2 of the auxiliary head, which has a Linear too
        ("inception_v3", {"init_weights": False}, 96, 2),
        # stem, 3 downsampling, 18 depthwise; 2 Linear in each of 18 blocks, and the head
        ("convnext_tiny", {}, 22, 37),
    ],
)
def test_other_architectures_have_their_published_totals(
    name: str, settings: dict[str, Any], convs: int, linears: int
) -> None:
    model = build(getattr(zoo, name), **settings)
    info = Extractor(model).info()
    assert info["Total CNN Layers"] == convs
    assert info["Total Linear Layers"] == linears
    assert info["Total Downsampling Layers"] == 0
    assert info["Total number of Bottleneck and Basicblock"] == 0
    assert info["Total Sequential Layers"] == sum(
        isinstance(m, nn.Sequential) for m in model.modules()
    )
    assert convs == sum(isinstance(m, nn.Conv2d) for m in model.modules())


def test_lists_hold_the_models_own_modules_and_parameters() -> None:
    model = build(zoo.resnet50)
    extractor = Extractor(model)
    extractor.activate()
    named = dict(model.named_modules())
    outside = [m for n, m in named.items() if isinstance(m, nn.Conv2d) and "downsample" not in n]
    inside = [m for n, m in named.items() if n.endswith("downsample")]
    assert [id(m) for m in extractor.CNN_layers] == [id(m) for m in outside]
    assert [id(m) for m in extractor.DS_layers] == [id(m) for m in inside]
    assert [id(w) for w in extractor.CNN_weights] == [id(m.weight) for m in outside]
    assert extractor.Linear_layers == [model.fc]
    assert extractor.Linear_weights[0] is named["fc"].weight


def test_looking_twice_counts_once_and_returns_nothing() -> None:
    extractor = Extractor(build(zoo.resnet18))
    first = {k: v for k, v in extractor.info().items() if k != "Total Execution time"}
    assert extractor.activate() is None  # type: ignore[func-returns-value]
    extractor.activate()
    assert {k: v for k, v in extractor.info().items() if k != "Total Execution time"} == first
    assert len(extractor.CNN_layers) == len(extractor.CNN_weights) == 17


def test_the_lists_need_no_activate_and_follow_a_second_one() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1))
    extractor = Extractor(model)
    assert extractor.CNN_layers == [model[0]]
    model.append(nn.Conv2d(1, 1, 1))
    assert len(extractor.CNN_layers) == 1
    extractor.activate()
    assert len(extractor.CNN_layers) == 2


def test_a_list_of_children_counts_as_the_model_does() -> None:
    model = build(zoo.resnet34)
    whole, parts = Extractor(model).info(), Extractor(list(model.children())).info()
    del whole["Total Execution time"], parts["Total Execution time"]
    assert parts == whole


def test_wrappers_do_not_change_the_totals() -> None:
    model = zoo.resnet18(weights=None)
    plain = Extractor(model).info()
    compiled: Any = torch.compile(model)
    for wrapped in (nn.DataParallel(model), compiled):
        info = Extractor(wrapped).info()
        assert {**info, "Total Execution time": 0} == {**plain, "Total Execution time": 0}


def test_the_downsampling_name_is_free() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3)
            self.shortcut = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Sequential(nn.Conv2d(4, 4, 1)))

    info = Extractor(nn.Sequential(Block(), Block()), "shortcut").info()
    assert info["Down-sample layers name"] == "shortcut"
    assert info["Total CNN Layers"] == 2
    assert info["Total Downsampling Layers"] == 2
    assert info["Total Sequential Layers"] == 1  # the model itself
    assert Extractor(nn.Sequential(Block(), Block())).info()["Total CNN Layers"] == 6


def test_a_module_also_registered_outside_counts_as_outside() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.downsample = nn.Conv2d(4, 4, 1)
            self.again = self.downsample

    extractor = Extractor(Block())
    assert len(extractor.CNN_layers) == len(extractor.DS_layers) == 1


def test_subclasses_of_blocks_and_transposed_convolutions_count() -> None:
    class MyBlock(zoo.resnet.BasicBlock):  # type: ignore[misc]
        pass

    model = nn.Sequential(MyBlock(4, 4), nn.ConvTranspose2d(4, 4, 2))
    info = Extractor(model).info()
    assert info["Total number of Bottleneck and Basicblock"] == 1
    assert info["Total CNN Layers"] == 3


def test_weights_of_parametrized_and_pruned_layers_are_what_training_changes() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))
    pruned = l1_unstructured(nn.Conv2d(3, 4, 3), "weight", 0.5)  # type: ignore[no-untyped-call]
    weights = Extractor([normed, spectral, pruned]).CNN_weights
    assert all(isinstance(w, nn.Parameter) for w in weights)
    assert [tuple(w.shape) for w in weights] == [(4, 3, 3, 3)] * 3


def test_a_model_without_anything_has_zero_of_all() -> None:
    info = Extractor(nn.ReLU()).info()
    assert [v for v in info.values() if isinstance(v, int)] == [0] * 5


@contextmanager
def refuses(kind: type[Exception], *parts: str) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    for part in parts:
        assert part in str(caught.value)


def test_errors_say_what_was_expected_and_what_to_do() -> None:
    with refuses(TypeError, "must be a torch.nn.Module", "int", "build the model first"):
        Extractor(3)  # type: ignore[arg-type]
    with refuses(TypeError, "must be a torch.nn.Module", "received str"):
        Extractor("resnet18")  # type: ignore[arg-type]
    with refuses(TypeError, "str at position 1", "list(model.children())"):
        Extractor([nn.ReLU(), "conv"])  # type: ignore[list-item]
    with refuses(TypeError, "DS_layer_name must be a string", "NoneType", "'downsample'"):
        Extractor(nn.ReLU(), None)  # type: ignore[arg-type]
    with refuses(ValueError, "without dots", "'layer1.0.downsample'", "pass its last part"):
        Extractor(nn.ReLU(), "layer1.0.downsample")


@pytest.mark.filterwarnings("ignore")
def test_torchscript() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 2))
    scripted = Extractor(torch.jit.script(model))
    assert scripted.info()["Total CNN Layers"] == 1
    for made, own in (
        (scripted.CNN_weights, model[0].weight),
        (scripted.Linear_weights, model[1].weight),
    ):
        assert len(made) == 1
        assert isinstance(own, torch.Tensor)
        assert torch.equal(made[0], own)
