"""Models that nobody wrote: whatever they are made of, what is captured is what they computed."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import recording, same, state
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

from cnnvis import find_layers, inspect
from cnnvis.frame import unpack

CHANNELS = 4
STEPS = (
    "conv", "grouped", "depthwise", "dilated", "pointwise", "transposed", "conv3x1",
    "relu_", "silu", "hardswish_", "clamp_", "mul_", "add", "add_", "slice_mul_", "norm", "dropout",
    "shared", "function", "bypassed", "direct", "checkpoint", "listed", "parametrized", "twice",
    "branch", "raising",
)  # fmt: skip
# any name that torch takes: no dots, not empty
NAMES = st.text(min_size=1, max_size=8).filter(
    lambda name: "." not in name and not hasattr(nn.Module(), name)
)


class Halved(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


class Generated(nn.Module):
    """Runs its steps one after the other; each keeps the shape's four channels.

    Args:
        steps: What to do, of `STEPS`, with the name of the module that does it.
    """

    def __init__(self, steps: list[tuple[str, str]]) -> None:
        super().__init__()
        self.steps = steps
        self.everywhere = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.listed = [nn.Conv2d(CHANNELS, CHANNELS, 1)]
        for what, name in steps:
            module = self._module(what)
            if module is not None and not hasattr(self, name):
                self.add_module(name, module)

    @staticmethod
    def _module(what: str) -> nn.Module | None:
        c = CHANNELS
        made: dict[str, Any] = {
            "conv": lambda: nn.Conv2d(c, c, 3, padding=1),
            "grouped": lambda: nn.Conv2d(c, c, 3, padding=1, groups=2),
            "depthwise": lambda: nn.Conv2d(c, c, 3, padding=1, groups=c),
            "dilated": lambda: nn.Conv2d(c, c, 3, padding=2, dilation=2, padding_mode="reflect"),
            "pointwise": lambda: nn.Conv2d(c, c, 1),
            "transposed": lambda: nn.ConvTranspose2d(c, c, 3, padding=1),
            "conv3x1": lambda: nn.Conv2d(c, c, (3, 1), padding="same"),
            "relu_": lambda: nn.ReLU(inplace=True),
            "hardswish_": lambda: nn.Hardswish(inplace=True),
            "norm": lambda: nn.BatchNorm2d(c),
            "dropout": lambda: nn.Dropout(0.5),
            "bypassed": lambda: nn.Conv2d(c, c, 1),
            "direct": lambda: nn.Conv2d(c, c, 1),
            "checkpoint": lambda: nn.Sequential(nn.Conv2d(c, c, 1), nn.ReLU(inplace=True)),
            "parametrized": lambda: nn.Conv2d(c, c, 1),
            "twice": lambda: nn.Conv2d(c, c, 1),
        }
        module: nn.Module | None = made[what]() if what in made else None
        if what == "parametrized" and module is not None:
            parametrize.register_parametrization(module, "weight", Halved())
        return module

    def forward(self, x: Tensor) -> Tensor:
        start = x
        for what, name in self.steps:
            x = self._step(what, name, x, start)
        return x

    def _step(self, what: str, name: str, x: Tensor, start: Tensor) -> Tensor:
        module: Any = self._modules.get(name, self.everywhere)
        match what:
            case "clamp_":
                return x.clamp_(-1, 1)
            case "silu":
                return F.silu(x)
            case "mul_":
                return x.mul_(1.5)
            case "add":
                return x + start
            case "add_":
                x += 1
                return x
            case "slice_mul_":
                x[:, 1:3].mul_(-2)
                return x
            case "shared":
                return self.everywhere(x)
            case "function":
                return F.conv2d(x, torch.full((CHANNELS, CHANNELS, 1, 1), 0.5, dtype=x.dtype))
            case "bypassed" if isinstance(module, nn.Conv2d):
                return F.conv2d(x, module.weight, padding=module.padding, groups=module.groups)
            case "direct":
                return module.forward(x)
            case "listed":
                return self.listed[0](x)
            case "checkpoint":
                return checkpoint(module, x, use_reentrant=False)
            case "twice":
                return module(module(x))
            case "branch":
                return (self.everywhere(start) + x).relu_()
            case "raising":
                try:
                    raise RuntimeError("caught within the model")
                except RuntimeError:
                    return x
        return module(x)


@settings(max_examples=100)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), NAMES), min_size=1, max_size=12),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    channels_last=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_values_output_and_state(
    steps: list[tuple[str, str]], dtype: torch.dtype, channels_last: bool, training: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = Generated(steps).to(dtype).to(memory_format=layout)
    model.listed[0].to(dtype)
    x = torch.randn(2, CHANNELS, 7, 6).to(dtype=dtype, memory_format=layout)
    twin = copy.deepcopy(model).eval()
    names = {id(module): name for name, module in twin.named_modules()}
    with recording() as made, torch.no_grad():
        output = twin(x.clone())
    expected: dict[str, list[Tensor]] = {}
    for module, value in made:
        expected.setdefault(names.get(id(module), ""), []).append(value)
    outside = len(expected.pop("", []))  # of the plain list: shown as a function

    model.train(training)
    before = state(model)
    look = inspect(model, inputs=x)
    assert same(before, state(model))
    assert torch.equal(look.output, output)
    declared = {layer.name for layer in find_layers(model)}
    assert {run.name for run in look.layers if not run.functional} == declared
    calls = {run.name: run.calls for run in look.layers if run.ran and not run.functional}
    bypassed = {run.name for run in look.layers if run.bypassed}
    for name, values in expected.items():
        assert calls[name] == len(values) or name in bypassed
        if name in bypassed:
            continue
        for call, value in enumerate(values):
            assert torch.equal(look.activation(name, call), value)
    assert set(calls) - bypassed <= set(expected)
    functions = sum(run.calls for run in look.layers if run.functional)
    assert functions == outside + sum(what == "function" for what, _ in steps)
    for run in look.layers:
        if run.ran:
            unpack(look.frame(run.name))
