"""Listing layers and reading filters, on ordinary nets and on the awkward ones."""

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
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune

from cnnvis.layers import Layer, filters, find_layers, kind_of, unwrap, walk


def names(model: nn.Module) -> list[str]:
    return [layer.name for layer in find_layers(model)]


def compiled(model: nn.Module) -> nn.Module:
    wrapped: Any = torch.compile(model)
    return cast(nn.Module, wrapped)


def pruned(module: nn.Module, name: str) -> nn.Module:
    return cast(nn.Module, prune.l1_unstructured(module, name, 0.5))  # type: ignore[no-untyped-call]


def state(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


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
            path=("stem",),
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


RANKS = [
    (nn.Conv1d, nn.LazyConv1d, "conv"),
    (nn.Conv2d, nn.LazyConv2d, "conv"),
    (nn.Conv3d, nn.LazyConv3d, "conv"),
    (nn.ConvTranspose1d, nn.LazyConvTranspose1d, "conv_transpose"),
    (nn.ConvTranspose2d, nn.LazyConvTranspose2d, "conv_transpose"),
    (nn.ConvTranspose3d, nn.LazyConvTranspose3d, "conv_transpose"),
]


@pytest.mark.parametrize(("eager", "lazy", "kind"), RANKS)
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
@settings(max_examples=60, deadline=None)
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
    before, modes = state(model), [m.training for m in model.modules()]
    random = torch.get_rng_state()
    find_layers(model, "all")
    assert same(before, state(model))
    assert modes == [m.training for m in model.modules()]
    assert torch.equal(random, torch.get_rng_state())


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


def test_a_scripted_model_is_refused_and_a_scripted_part_is_one_leaf() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Sequential(nn.Conv2d(1, 1, 1)))
    with pytest.raises(TypeError, match=r"TorchScript hides its layers.*scripted or traced from"):
        find_layers(scripted)
    model = nn.Sequential(scripted, nn.Conv2d(1, 1, 1))
    assert [(x.name, x.kind) for x in find_layers(model, "all")] == [("0", "other"), ("1", "conv")]


def test_an_unknown_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be None or 'all', received 'conv'; take from"):
        find_layers(nn.ReLU(), "conv")  # type: ignore[arg-type]


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("cls", "lazy", "kind"), RANKS)
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
@settings(max_examples=30, deadline=None)
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
    before, modes = state(module), [m.training for m in module.modules()]
    read = filters(module)
    assert same(before, state(module))
    assert modes == [m.training for m in module.modules()]
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
