"""A dozen and more of the sweep's models, and proofs that the sweep could fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nets import Shared, TwoConvs, image_tensor
from tests.sweep.check import Outcome, check, differences, unsettle, without_copy
from tests.sweep.digest import digest
from tests.sweep.family import Family
from tests.sweep.oracle import Oracle, layers_of
from tests.sweep.outside import Outside
from tests.sweep.state import changed, state_of
from tests.sweep.table import table
from tests.sweep.zoo import Case, families
from torch import Tensor, nn

import cnnvis
from cnnvis import Layer

SAMPLE = [
    "resnet18",
    "vgg11",
    "squeezenet1_0",
    "densenet121",
    "efficientnet_b0",
    "mobilenet_v3_small",
    "swin_t",
    "vit_b_32",
    "lraspp_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "r3d_18",
    "raft_small",
    "quantized_resnet18 int8",
    "convnext_atto",
    "vit_tiny_patch16_224",
    # standardize their weights in a forward of their own
    "resnetv2_50x1_bit",
    "dm_nfnet_f0",
    # mixes the weights of several experts, and convolves with a function
    "tf_efficientnet_cc_b0_4e",
    # calls its layers several times
    "coat_tiny",
    # puts another buffer in the place of its own when it runs
    "convit_tiny",
]

CAPTURE = cnnvis.capture
CASES = {case.name: case for cases in families().values() for case in cases}


# torch's quantization is to move to another package
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", SAMPLE)
def test_what_is_taken_is_what_the_model_computed_and_nothing_is_changed(name: str) -> None:
    outcome = check(CASES[name])
    assert outcome.wrong == []
    assert outcome.structure == []
    assert outcome.changed == []
    assert outcome.telling >= 0.5 * outcome.calls > 0


@pytest.mark.parametrize("name", ["vgg11", "squeezenet1_0"])
def test_without_the_copy_every_convolution_of_vgg_and_squeezenet_is_wrong(name: str) -> None:
    model = CASES[name].build()
    layers = cnnvis.find_layers(model)
    wrong, _ = without_copy(CASES[name], model, layers)
    # of VGG's three linear layers, two are followed by a ReLU in place
    linear = {"classifier.0", "classifier.3"} & layers_of(model).keys()
    convs = {layer.name for layer in layers if layer.kind == "conv"}
    assert wrong == [
        f"{la.name} call 0 has another crc" for la in layers if la.name in convs | linear
    ]


def test_the_oracle_sees_what_the_layers_make_computed_by_hand() -> None:
    model, x = TwoConvs(), image_tensor()
    with Oracle(model) as oracle, torch.no_grad():
        model(x)
        by_hand = model.by_hand(x)
    seen = {name: [call.digest for call in calls] for name, calls in oracle.calls.items()}
    assert seen == {name: [digest(tensor)] for name, tensor in by_hand.items()}
    assert nn.Conv2d._conv_forward.__qualname__ == "Conv2d._conv_forward"


def test_the_oracle_tells_a_call_from_a_forward_that_no_hook_sees() -> None:
    class Bypassing(Shared):
        def forward(self, x: Tensor) -> Tensor:
            return self.unused.forward(self.conv(x))

    model = Bypassing()
    with Oracle(model) as oracle:
        model(image_tensor())
    assert {name: [c.called for c in calls] for name, calls in oracle.calls.items()} == {
        "conv": [True],
        "unused": [False],
    }


def test_a_convolution_in_no_layer_is_counted_apart() -> None:
    class Blurring(TwoConvs):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(F.conv2d(x, torch.ones(3, 1, 1, 1), groups=3))

    model, x = Blurring(), image_tensor()
    with Oracle(model) as oracle, Outside(oracle) as outside:
        model(x)
    assert outside.results == [digest(x)]
    assert list(oracle.calls) == ["first", "second", "head"]


class TestOneChangeIsNoticed:
    """Each takes the first layer's second call in another way."""

    def differences(self, take: Callable[[Tensor], Tensor]) -> list[str]:
        calls = 0

        def spoil(layer: Layer, output: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return take(output.detach().clone()) if calls == 2 else output.detach().clone()

        model = Shared()
        with Oracle(model) as oracle:
            found = cnnvis.capture(model, image_tensor(), take=spoil)
        return differences(oracle.calls, {n: list(map(digest, ts)) for n, ts in found.items()})

    def test_none(self) -> None:
        assert self.differences(lambda output: output) == []
        # values are compared, not where they lie
        assert self.differences(lambda o: o.to(memory_format=torch.channels_last)) == []

    def test_the_last_bit_of_one_value(self) -> None:
        def spoil(output: Tensor) -> Tensor:
            output.view(torch.int32)[0, 1, 2, 3] ^= 1
            return output

        assert self.differences(spoil) == ["conv call 1 has another crc"]

    def test_the_sign_of_a_zero(self) -> None:
        assert digest(torch.tensor([0.0])) != digest(torch.tensor([-0.0]))

    def test_two_rows_in_each_others_place(self) -> None:
        assert self.differences(lambda output: output.flip(2)) == ["conv call 1 has another crc"]

    def test_another_shape_and_dtype(self) -> None:
        assert self.differences(lambda output: output[0]) == ["conv call 1 has another shape"]
        assert self.differences(lambda output: output.double()) == ["conv call 1 has another dtype"]

    def test_a_call_that_is_missing_and_one_too_many(self) -> None:
        model = Shared()
        with Oracle(model) as oracle:
            found = cnnvis.capture(model, image_tensor())
        taken = list(map(digest, found["conv"]))
        assert differences(oracle.calls, {}) == [f"conv call {i} was not taken" for i in range(3)]
        assert differences(oracle.calls, {"conv": [*taken, taken[0]]}) == [
            "conv has no call 3, and one was taken"
        ]


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y


def _write_through_data(model: Small) -> None:
    model.conv.weight.data[0] = 0


def _call_in_training_mode(model: Small) -> None:
    model.norm.train()(torch.rand(1, 4, 2, 2))
    model.norm.eval()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda m: setattr(m.norm, "training", True), "norm: training"),
        (lambda m: m.conv.register_forward_hook(print), "conv: _forward_hooks"),
        (lambda m: setattr(m.conv, "seen", 1), "conv: attributes"),
        (lambda m: m.conv.weight.requires_grad_(False), "conv.weight"),
        (lambda m: setattr(m.conv.weight, "grad", torch.ones(4, 3, 3, 3)), "conv.weight"),
        (lambda m: setattr(m.conv, "weight", nn.Parameter(m.conv.weight.detach())), "conv.weight"),
        (lambda m: m.conv.to(memory_format=torch.channels_last), "conv.weight"),
        (_write_through_data, "conv.weight"),
        (_call_in_training_mode, "norm.running_mean"),
        (lambda m: torch.rand(1), "random: torch"),
        (lambda m: np.random.rand(), "random: numpy"),
        (lambda m: random.random(), "random: python"),
    ],
)
def test_a_trace_that_is_left_is_noticed(change: Callable[[Small], object], where: str) -> None:
    model = Small().eval()
    before = state_of(model)
    assert changed(before, state_of(model)) == []
    change(model)
    assert where in changed(before, state_of(model))


def test_the_state_that_a_model_is_in_before_a_look_has_what_a_look_could_spoil() -> None:
    model = CASES["resnet18"].build()
    unsettle(model, odd=True)
    flags = [module.training for module in model.modules()]
    trained = [parameter.requires_grad for parameter in model.parameters()]
    assert 0 < sum(flags) < len(flags)
    assert 0 < sum(trained) < len(trained)
    assert any(parameter.grad is not None for parameter in model.parameters())
    assert any(module._forward_hooks for module in model.modules())


def test_a_wrong_call_and_a_model_that_did_not_run_are_in_the_table() -> None:
    good = Outcome("good", layers=2, calls=3, values=1234, telling=3)
    bad = Outcome("bad", layers=1, calls=1, wrong=["capture: conv call 0 has another crc"])
    results = [
        Family("torchvision/one", [good]),
        Family("timm/two", [bad], not_run={"worse": "the process ended with code -9"}),
    ]
    page = table(results)
    assert [result.passed for result in results] == [True, False]
    assert "| torchvision/one | 1 | 2 | 3 | 1,234 | 0 | 0 | 0 | 0 | 0.0 | 0 |" in page
    assert "- worse: the process ended with code -9" in page
    assert "- bad: capture: conv call 0 has another crc" in page


def test_a_convolution_in_no_layer_is_taken_by_inspect_too() -> None:
    outcome = check(CASES["tf_efficientnet_cc_b0_4e"])
    assert outcome.outside_taken == outcome.outside > 0


@pytest.fixture
def remembering() -> Case:
    """A model that keeps what it was given, in an attribute that it had not before."""

    class Remembering(Small):
        def forward(self, x: Tensor) -> Tensor:
            self.last = x
            return super().forward(x)

    return Case("family", "remembering", Remembering, lambda: (image_tensor(),))


def test_what_a_model_changes_of_itself_is_not_put_down_to_the_look(remembering: Case) -> None:
    outcome = check(remembering)
    assert (outcome.changed, outcome.own) == ([], [": attributes"])


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda model: torch.rand(1), "random: torch"),
        (lambda model: model.conv.register_forward_hook(lambda *_: None), "conv: _forward_hooks"),
        (lambda model: model.norm.running_mean.add_(1), "norm.running_mean"),
    ],
)
def test_what_a_look_changes_is_reported(
    spoil: Callable[[nn.Module], object],
    what: str,
    remembering: Case,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def capture(model: nn.Module, *args: Any) -> cnnvis.Activations:
        found = CAPTURE(model, *args)
        spoil(model)
        return found

    monkeypatch.setattr(cnnvis, "capture", capture)
    assert f"capture: {what}" in check(remembering).changed
