"""The capture is the model's: its numbers are right, and the model is as it was."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
import torchvision
from nets import (
    Failing,
    Shared,
    TwoConvs,
    cloned_outputs,
    fingerprint,
    image_tensor,
    same,
    without_inplace,
)
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from cnnvis.capture import ForwardError, capture
from cnnvis.layers import Layer, find_layers

CONVS = (nn.Conv2d,)


def seeded(build: Any, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = build(weights=None, **options)
    return model.eval()


def test_a_small_net_by_hand() -> None:
    model, x = TwoConvs(), image_tensor()
    got = capture(model, x)
    with torch.no_grad():
        expected = model.by_hand(x)
    assert list(got) == list(expected), "in the order in which they ran"
    for name, value in expected.items():
        assert len(got[name]) == 1
        assert torch.equal(got[name][0], value), name
    assert torch.equal(got.output, expected["head"])


def test_resnet18_gives_what_torchvisions_extractor_gives() -> None:
    model, x = seeded(torchvision.models.resnet18), image_tensor(96)
    names = [name for name, module in model.named_modules() if isinstance(module, CONVS)]
    with torch.no_grad():
        expected = create_feature_extractor(model, names)(x)
    got = capture(model, x)
    assert len(names) == 20
    for name in names:
        assert torch.equal(got[name][0], expected[name]), name


@pytest.mark.parametrize("build", [torchvision.models.vgg11, torchvision.models.squeezenet1_1])
def test_in_place_operations_do_not_reach_what_was_captured(build: Any) -> None:
    model, x = seeded(build), image_tensor(96)
    truth = cloned_outputs(without_inplace(model), x, CONVS)
    got = capture(model, x)
    assert set(truth) <= set(got)
    for name, value in truth.items():
        assert torch.equal(got[name][0], value), name

    # what is at stake: the usual ways are wrong on all of them, without a word
    with torch.no_grad():
        extracted = create_feature_extractor(model, list(truth))(x)
    right = [name for name, value in truth.items() if torch.equal(extracted[name], value)]
    assert right == [*truth][-1:], "only the last is right: its ReLU was cut off with the rest"
    kept = capture(model, x, take=lambda layer, output: output.detach())
    assert not any(torch.equal(kept[name][0], value) for name, value in truth.items())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "model", [TwoConvs(), Shared(), nn.Sequential(nn.Conv2d(3, 2, 1), nn.Dropout())]
)
def test_the_model_is_left_as_it_was(model: nn.Module, training: bool) -> None:
    model.train(training)
    next(model.children()).train(not training)  # a frozen part keeps its own flag
    before = fingerprint(model)
    capture(model, image_tensor())
    assert same(before, fingerprint(model))


def test_batchnorm_and_dropout_are_looked_at_in_eval_mode() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Dropout(0.5), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)
    ).train()
    before = fingerprint(model)
    first, second = capture(model, image_tensor()), capture(model, image_tensor())
    assert torch.equal(first["3"][0], second["3"][0])
    assert same(before, fingerprint(model))


def test_training_goes_on_after_a_look_at_a_model_that_caches_a_tensor() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.cache: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            if self.cache is None:
                self.cache = torch.ones_like(x)
            return self.conv(x * self.cache)

    model = Caching()
    capture(model, image_tensor())
    model(image_tensor()).sum().backward()  # raises where the look was made in inference mode
    assert model.conv.weight.grad is not None


def test_a_module_that_is_called_often_keeps_every_call() -> None:
    model, x = Shared(), image_tensor()
    got = capture(model, x)
    assert "unused" not in got
    with torch.no_grad():
        for value in got["conv"]:
            x = nn.functional.conv2d(x, model.conv.weight, model.conv.bias, padding=1)
            assert torch.equal(value, x)
    assert len(got["conv"]) == 3


def test_a_forward_that_raises_says_which_layers_ran_and_leaves_the_model() -> None:
    model = Failing().train()
    before = fingerprint(model)
    with pytest.raises(ForwardError) as caught:
        capture(model, image_tensor())
    message = str(caught.value)
    assert caught.value.ran == ("first",)
    assert "model Failing: its forward pass raised RuntimeError: no second half today" in message
    assert "given (1, 3, 32, 32); 1 of 2 layers had run, the last was 'first'" in message
    assert "transform=" in message
    assert "inputs=" in message
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert same(before, fingerprint(model))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_the_middle_leaves_the_model(error: type[BaseException]) -> None:
    class Interrupted(TwoConvs):
        def forward(self, x: Tensor) -> Tensor:
            self.first(x)
            raise error

    model = Interrupted().train()
    before = fingerprint(model)
    with pytest.raises(error):
        capture(model, image_tensor())
    assert same(before, fingerprint(model))


def test_an_error_in_take_names_the_layer_and_the_pass_goes_on() -> None:
    def take(layer: Layer, output: Tensor) -> Tensor:
        if layer.name == "first":
            raise ValueError("no room")
        return output.clone()

    got = capture(TwoConvs(), image_tensor(), take=take)
    assert got.failures == {"first": "ValueError: no room"}
    assert list(got) == ["second", "head"]
    assert got.output is not None


def test_a_hook_sees_what_is_passed_on_after_the_users_own() -> None:
    model = TwoConvs()
    model.first.register_forward_hook(lambda _m, _i, output: output * 10)
    x = image_tensor()
    with torch.no_grad():
        raw = model.by_hand(x)["first"]
    assert torch.equal(capture(model, x)["first"][0], raw * 10)
    assert len(model.first._forward_hooks) == 1


def test_another_thread_that_runs_the_model_is_not_captured() -> None:
    model, x = TwoConvs(), image_tensor()
    other = image_tensor() + 1

    def take(layer: Layer, output: Tensor) -> Tensor:
        if layer.name == "first":
            with torch.no_grad():
                thread = threading.Thread(target=model, args=(other,))
                thread.start()
                thread.join()
        return output.clone()

    got = capture(model, x, take=take)
    with torch.no_grad():
        expected = model.by_hand(x)
    assert [len(calls) for calls in got.values()] == [1, 1, 1]
    assert all(torch.equal(got[name][0], value) for name, value in expected.items())


def test_a_take_that_calls_the_layer_again_does_not_recurse() -> None:
    def take(layer: Layer, output: Tensor) -> Tensor:
        layer.module(image_tensor() if layer.name == "first" else torch.zeros_like(output))
        return output.clone()

    model = TwoConvs()
    first = [layer for layer in find_layers(model) if layer.name == "first"]
    assert len(capture(model, image_tensor(), first, take)["first"]) == 1


def test_positional_and_keyword_inputs() -> None:
    class Two(TwoConvs):
        def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
            return super().forward(x * scale)

    model, x = Two(), image_tensor()
    with torch.no_grad():
        expected = model.by_hand(x * 2)["first"]
    assert torch.equal(capture(model, (x, 2.0))["first"][0], expected)
    assert torch.equal(capture(model, {"x": x, "scale": 2.0})["first"][0], expected)


def test_wrapped_and_compiled_models_are_looked_into() -> None:
    model, x = TwoConvs(), image_tensor()
    with torch.no_grad():
        expected = model.by_hand(x)
    compiled = torch.compile(model, backend="eager")
    assert isinstance(compiled, nn.Module)
    compiled(x)  # hooks put on after the first call of a compiled module do not fire
    for wrapped in (nn.DataParallel(model), compiled):
        got = capture(wrapped, x)
        assert list(got) == list(expected)
        assert all(torch.equal(got[name][0], value) for name, value in expected.items())
    model.compile(backend="eager")
    model(x)
    assert list(capture(model, x)) == list(expected)


def test_a_scripted_model_is_refused_with_the_next_step() -> None:
    with pytest.raises(
        TypeError, match="hooks do not work on a ScriptModule; pass the eager model"
    ):
        capture(torch.jit.script(TwoConvs()), image_tensor())
