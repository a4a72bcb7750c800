"""Listing layers, of ordinary nets and of the awkward ones."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
import torchvision.models as zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import CONVOLUTIONS, fingerprint, pruned, same
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from cnnvis.layers import Layer, find_layers, kind_of, unwrap, walk


def names(model: nn.Module) -> list[str]:
    return [layer.name for layer in find_layers(model)]


def compiled(model: nn.Module) -> nn.Module:
    wrapped: Any = torch.compile(model)
    return cast(nn.Module, wrapped)


# ---------------------------------------------------------------- what is found


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "mobilenet_v3_large", "convnext_tiny"])
def test_layers_are_those_of_named_modules_in_its_order(name: str) -> None:
    with torch.device("meta"):
        model = getattr(zoo, name)(weights=None)
    kinds = (nn.Conv2d, nn.Linear)
    expected = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds)]
    found = find_layers(model)
    assert [(x.name, x.module) for x in found] == expected
    for layer in found:
        assert model.get_submodule(layer.name) is layer.module
        assert layer.parameters == sum(p.numel() for p in layer.module.parameters())


def test_all_adds_every_other_leaf() -> None:
    with torch.device("meta"):
        model = zoo.resnet18(weights=None)
    leaves = [n for n, m in model.named_modules() if not list(m.children())]
    found = find_layers(model, "all")
    assert [x.name for x in found] == leaves
    assert {x.type for x in found if x.kind == "other"} == {
        "BatchNorm2d", "ReLU", "MaxPool2d", "AdaptiveAvgPool2d",
    }  # fmt: skip


def test_a_layer_says_how_it_was_configured() -> None:
    conv = nn.Conv2d(4, 6, (3, 5), stride=2, padding="valid", dilation=(1, 2), groups=2, bias=False)
    model = nn.Sequential(OrderedDict(stem=nn.Sequential(conv)))
    assert find_layers(model) == [
        Layer(
            name="stem.0", aliases=(), kind="conv", type="Conv2d", module=conv, in_channels=4,
            out_channels=6, kernel_size=(3, 5), stride=(2, 2), padding="valid",
            padding_mode="zeros", dilation=(1, 2), groups=2, bias=False, parameters=6 * 2 * 3 * 5,
            dtype=torch.float32, device=torch.device("cpu"), path=("stem",),
        )
    ]  # fmt: skip


def test_a_linear_has_features_and_nothing_spatial() -> None:
    (layer,) = find_layers(nn.Linear(5, 7))
    assert (layer.name, layer.kind, layer.in_channels, layer.out_channels) == ("", "linear", 5, 7)
    spatial = (layer.kernel_size, layer.stride, layer.padding, layer.padding_mode, layer.dilation)
    assert (*spatial, layer.groups) == (None,) * 6
    assert layer.bias
    assert layer.parameters == 5 * 7 + 7


def test_pooling_given_as_one_number_has_one_length_per_dimension() -> None:
    (pool,) = find_layers(nn.MaxPool2d(2, padding=1), "all")
    assert (pool.kernel_size, pool.stride, pool.padding) == ((2, 2), (2, 2), (1, 1))


@pytest.mark.parametrize(("eager", "lazy", "kind"), CONVOLUTIONS)
def test_every_rank_is_found_also_before_it_is_initialized(
    eager: Callable[..., nn.Module], lazy: Callable[..., nn.Module], kind: str
) -> None:
    (known,), (unknown,) = find_layers(eager(2, 4, 3)), find_layers(lazy(4, 3))
    assert known.kind == unknown.kind == kind
    assert (known.in_channels, unknown.in_channels) == (2, None)
    assert known.out_channels == unknown.out_channels == 4
    assert known.kernel_size == unknown.kernel_size
    assert known.parameters > unknown.parameters == 0
    assert unknown.type == "Lazy" + known.type
    assert unknown.bias


def test_a_lazy_linear_knows_its_outputs_only() -> None:
    (layer,) = find_layers(nn.LazyLinear(3))
    assert (layer.in_channels, layer.out_channels, layer.parameters) == (None, 3, 0)


def test_subclasses_and_parametrized_layers_keep_the_name_a_person_knows() -> None:
    class GaborConv(nn.Conv2d):
        pass

    class Gain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Linear(1, 1)  # part of how a weight is made, no layer of the model

        def forward(self, weight: Tensor) -> Tensor:
            return weight * 2

    made = nn.Conv2d(3, 4, 3)
    parametrize.register_parametrization(made, "weight", Gain())
    assert type(made).__name__ == "ParametrizedConv2d"
    model = nn.Sequential(GaborConv(3, 4, 3), made)
    assert [(x.name, x.type, x.parameters) for x in find_layers(model, "all")] == [
        ("0", "GaborConv", 112),
        ("1", "Conv2d", 112),
    ]
    assert find_layers(model)[1].bias


def test_pruned_and_normed_biases_are_seen() -> None:
    half = pruned(nn.Conv2d(1, 2, 1), "bias")
    assert find_layers(half)[0].bias
    assert not find_layers(parametrizations.weight_norm(nn.Linear(2, 2, bias=False)))[0].bias


def test_a_convolution_with_children_is_found_and_so_are_they() -> None:
    class ConvThenPointwise(nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(3, 4, 3)
            self.pointwise = nn.Conv2d(4, 4, 1)

    assert names(nn.Sequential(ConvThenPointwise())) == ["0", "0.pointwise"]


def test_a_hand_made_convolution_is_found_by_what_it_holds() -> None:
    class Own(nn.Module):
        def __init__(self, shape: tuple[int, ...]) -> None:
            super().__init__()
            self.in_channels, self.out_channels, self.kernel_size = 4, 6, 3
            self.groups = 2
            self.weight = nn.Parameter(torch.zeros(shape))

    assert kind_of(Own((6, 2, 3, 3))) == "conv"
    assert kind_of(Own((6, 4, 3, 3))) == "other"  # not in_channels / groups
    assert kind_of(Own((6, 2))) == "other"
    from torchvision.ops import DeformConv2d

    assert kind_of(DeformConv2d(3, 4, 3)) == "conv"
    assert kind_of(nn.BatchNorm2d(3)) == kind_of(nn.Bilinear(2, 2, 2)) == "other"


# ---------------------------------------------------------------- shared, cyclic, deep, wrapped


def test_a_module_under_several_names_is_one_layer_with_aliases() -> None:
    shared = nn.Conv2d(3, 3, 3)
    block = nn.Sequential(shared)
    model = nn.ModuleDict({"a": block, "b": shared, "c": block, "d": nn.Conv2d(1, 1, 1)})
    found = [(x.name, x.aliases, x.path) for x in find_layers(model)]
    assert found == [("a.0", ("b", "c.0"), ("a",)), ("d", (), ())]


def test_a_cycle_ends() -> None:
    outer, inner = nn.Module(), nn.Module()
    outer.inner, inner.outer = inner, outer
    inner.conv, outer.conv = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    assert names(outer) == ["inner.conv", "conv"]


def test_many_paths_to_one_module_do_not_multiply_without_end() -> None:
    block: nn.Module = nn.Conv2d(1, 1, 1)
    for _ in range(60):  # 2**60 paths
        block = nn.ModuleList([block, block])
    (layer,) = find_layers(block)
    assert layer.name == ".".join("0" * 60)


def test_containers_1200_deep_need_no_recursion() -> None:
    model: nn.Module = nn.Conv2d(1, 1, 1)
    for _ in range(1200):
        model = nn.Sequential(model)
    (layer,) = find_layers(model)
    assert layer.name.count("0") == 1200
    assert len(layer.path) == 1199
    assert len(repr(layer)) < 10**8  # does not print the module


def test_wrappers_leave_no_trace_in_names() -> None:
    body: nn.Module = nn.Sequential(nn.Conv2d(4, 4, 3))
    model = nn.Sequential(OrderedDict([("stem", nn.Conv2d(3, 4, 3)), ("body", body)]))
    plain = [(x.name, x.path) for x in find_layers(model)]
    averaged = torch.optim.swa_utils.AveragedModel(model)
    for wrapped in (nn.DataParallel(model), compiled(model), averaged):
        assert [(x.name, x.path) for x in find_layers(wrapped)] == plain
    twice = compiled(nn.DataParallel(model))
    assert [(x.name, x.path) for x in find_layers(twice)] == plain
    assert unwrap(twice) is unwrap(model) is model
    # inside a model, as in the ImageNet example's AlexNet
    model.body = nn.DataParallel(body)
    assert [(x.name, x.path) for x in find_layers(model)] == plain
    assert names(compiled(nn.Conv2d(1, 1, 1))) == [""]


def test_a_users_own_attribute_called_module_keeps_its_name() -> None:
    class DataParallel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Conv2d(1, 1, 1)

    assert names(DataParallel()) == ["module"]


# any tree of containers, each leaf a convolution or an activation
trees = st.recursive(
    st.sampled_from([nn.Conv2d, nn.Linear, nn.ReLU]).map(
        lambda kind: kind() if kind is nn.ReLU else kind(1, 1, 1)
    ),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: nn.Sequential(*parts)),
    max_leaves=12,
)


@given(trees)
@settings(max_examples=60)
def test_walk_visits_what_named_modules_does(model: nn.Module) -> None:
    walked = [(name, module) for name, _, module in walk(model)]
    assert walked == list(model.named_modules(remove_duplicate=False))
    for name, path, _ in walk(model):
        assert path == tuple(name.rsplit(".", i)[0] for i in range(name.count("."), 0, -1))


# ---------------------------------------------------------------- objects that misbehave


def test_what_users_classes_raise_is_kept_away() -> None:
    class Hostile(nn.Conv2d):
        def __repr__(self) -> str:
            raise RuntimeError("repr")

        @property
        def dilation(self) -> tuple[int, ...]:
            raise RuntimeError("property")

        @dilation.setter
        def dilation(self, value: object) -> None:
            pass

    (layer,) = find_layers(nn.Sequential(Hostile(3, 4, 3)))
    assert layer.dilation is None
    assert layer.kernel_size == (3, 3)
    assert "Hostile" in repr(layer)


def test_strange_names_and_missing_children_are_taken_as_they_are() -> None:
    strange = ["</script><img src=x>", "__proto__", "\u2028", "\ud800", "x" * 10_000]
    model = nn.Module()
    model.register_module("none", None)
    for name in strange:
        model.add_module(name, nn.Conv2d(1, 1, 1))
    assert names(model) == strange


def test_a_model_whose_init_was_not_called_has_no_layers() -> None:
    class Forgot(nn.Module):
        def __init__(self) -> None:
            pass

    assert find_layers(Forgot()) == []


def test_listing_does_not_change_a_model_in_training() -> None:
    model = nn.Sequential(
        parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)),
        nn.utils.spectral_norm(nn.Conv2d(4, 4, 3)),
        nn.BatchNorm2d(4),
    )
    model[2].eval()
    before = fingerprint(model)
    find_layers(model, "all")
    assert same(before, fingerprint(model))


def test_importing_it_does_not_import_torchvision() -> None:
    code = (
        "import sys, importlib.util as u;"
        "s = u.find_spec('torch');"  # the module alone, whatever the package's __init__ does
        f"spec = u.spec_from_file_location('layers', {find_layers.__code__.co_filename!r});"
        "m = u.module_from_spec(spec); sys.modules['layers'] = m; spec.loader.exec_module(m);"
        "print('torchvision' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (3, ["received int", "build the model first"]),
        (nn.Conv2d, ["the class Conv2d", "make one first: model = Conv2d(...)"]),
        (zoo.resnet18, ["the function resnet18", "resnet18(...)"]),
        ({"conv.weight": 0}, ["a dict", "load_state_dict"]),
        (None, ["received NoneType"]),
    ],
)
def test_what_is_no_module_is_refused_with_a_next_step(model: Any, parts: list[str]) -> None:
    with pytest.raises(TypeError) as caught:
        find_layers(model)
    for part in ("the model must be a torch.nn.Module", *parts):
        assert part in str(caught.value)


def test_torchscript_is_listed_as_far_as_it_can_be() -> None:
    eager = nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.ReLU(), nn.ConvTranspose2d(6, 2, 5)
    )
    eager.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(eager)
        traced = torch.jit.trace(eager, torch.zeros(1, 4, 9, 9))  # type: ignore[no-untyped-call]
        frozen = torch.jit.freeze(torch.jit.script(eager))
    expected = find_layers(eager)
    for found in (find_layers(scripted), find_layers(traced)):
        for layer, known in zip(found, expected, strict=True):
            for field in (
                "name",
                "kind",
                "type",
                "out_channels",
                "kernel_size",
                "bias",
                "parameters",
            ):
                assert getattr(layer, field) == getattr(known, field)
    assert [la.stride for la in find_layers(scripted)] == [(2, 2), (1, 1)]
    assert [la.stride for la in find_layers(traced)] == [None, None], "tracing forgets it"
    assert find_layers(frozen) == [], "freezing leaves no modules"
    model = nn.Sequential(scripted, nn.Conv2d(1, 1, 1))
    assert [layer.name for layer in find_layers(model)] == ["0.0", "0.2", "1"]


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_a_filter_sees_the_input_channels_of_its_group(groups: int) -> None:
    conv = nn.Conv2d(6, 12, 3, groups=groups, bias=False)
    (layer,) = find_layers(conv)
    x = torch.zeros(1, 6, 3, 3)
    for channel in range(12):
        seen = []
        for i in range(6):
            x.zero_()[:, i] = 1
            if conv(x)[0, channel].abs().sum() > 0:
                seen.append(i)
        assert seen == list(layer.input_channels(channel))
    with pytest.raises(ValueError, match="channels 0 to 11, asked for 12"):
        layer.input_channels(12)


def test_an_unknown_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be None or 'all', received 'conv'; take from"):
        find_layers(nn.ReLU(), "conv")  # type: ignore[arg-type]
