"""Models for the tests, and oracles that know nothing of how cnnvis sees."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from cnnvis.layers import walk

# of every rank: class, class that is lazy, kind
CONVOLUTIONS = [
    (nn.Conv1d, nn.LazyConv1d, "conv"),
    (nn.Conv2d, nn.LazyConv2d, "conv"),
    (nn.Conv3d, nn.LazyConv3d, "conv"),
    (nn.ConvTranspose1d, nn.LazyConvTranspose1d, "conv_transpose"),
    (nn.ConvTranspose2d, nn.LazyConvTranspose2d, "conv_transpose"),
    (nn.ConvTranspose3d, nn.LazyConvTranspose3d, "conv_transpose"),
]


class TwoConvs(nn.Module):
    """Two convolutions, an in-place ReLU after the first; small enough to compute by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(4, 6, 3, groups=2)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.relu(self.first(x)))
        return self.head(x.mean((2, 3)))

    def by_hand(self, x: Tensor) -> dict[str, Tensor]:
        """What each layer gives, with torch's functions and no module call."""
        first = F.conv2d(x, self.first.weight, self.first.bias, stride=2, padding=1)
        second = F.conv2d(F.relu(first), self.second.weight, self.second.bias, groups=2)
        head = F.linear(second.mean((2, 3)), self.head.weight, self.head.bias)
        return {"first": first, "second": second, "head": head}


class Shared(nn.Module):
    """One convolution, called three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.unused = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.conv(x)
        return x


class Failing(nn.Module):
    """Raises after its first convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.norm(self.first(x))
        raise RuntimeError("no second half today")


def pruned(module: nn.Module, name: str) -> nn.Module:
    """The module with half of that parameter masked."""
    return cast(nn.Module, prune.l1_unstructured(module, name, 0.5))  # type: ignore[no-untyped-call]


def image_tensor(side: int = 32, batch: int = 1, channels: int = 3) -> Tensor:
    """A fixed random image (batch, channels, side, side)."""
    return torch.rand(batch, channels, side, side, generator=torch.Generator().manual_seed(1))


def without_inplace(model: nn.Module) -> nn.Module:
    """A copy of the model in eval mode with every in-place flag off."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010
    return model


def cloned_outputs(
    model: nn.Module, x: Tensor, kinds: tuple[type[nn.Module], ...]
) -> dict[str, Tensor]:
    """Every such module's output, by plain cloning hooks on a model that has no in-place operation."""
    outputs: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, kinds):
            module.register_forward_hook(
                lambda _m, _i, output, name=name: outputs.__setitem__(name, output.clone())
            )
    with torch.no_grad():
        model(x)
    return outputs


def fingerprint(model: nn.Module) -> list[Any]:
    """All of a model that a look must not change, and the random state."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return [
        {name: (t.clone(), t._version, t.data_ptr()) for name, t in model.state_dict().items()},
        [(name, module.training) for name, module in model.named_modules()],
        [(p.requires_grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()],
        [len(getattr(module, hook)) for module in model.modules() for hook in hooks],
        torch.random.get_rng_state(),
        torch.is_grad_enabled(),
    ]


def same(a: Any, b: Any) -> bool:
    """Whether two fingerprints are equal, bit for bit."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@contextmanager
def recording() -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """What each call of a convolution or Linear gave, copied as it is made, without any hook.

    The classes themselves are patched, so that nothing that is done to a model's modules matters.
    """
    made: list[tuple[nn.Module, Tensor]] = []
    classes: list[tuple[type[nn.Module], str]] = [
        (nn.Conv1d, "_conv_forward"),
        (nn.Conv2d, "_conv_forward"),
        (nn.Conv3d, "_conv_forward"),
        (nn.ConvTranspose1d, "forward"),
        (nn.ConvTranspose2d, "forward"),
        (nn.ConvTranspose3d, "forward"),
        (nn.Linear, "forward"),
    ]
    originals = [getattr(cls, method) for cls, method in classes]

    def recorded(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(self: nn.Module, *args: Any, **kwargs: Any) -> Tensor:
            output = original(self, *args, **kwargs)
            made.append((self, output.detach().clone()))
            return output

        return call

    try:
        for (cls, method), original in zip(classes, originals, strict=True):
            setattr(cls, method, recorded(original))
        yield made
    finally:
        for (cls, method), original in zip(classes, originals, strict=True):
            setattr(cls, method, original)


def state(model: nn.Module) -> list[Any]:
    """As `fingerprint`, for any model: without versions, on any tensor, with all random states."""
    modules = [module for _, _, module in walk(model)]
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    tensors = [
        (key, tensor)
        for module in modules
        for kind in ("_parameters", "_buffers")
        for key, tensor in getattr(module, kind).items()
        if tensor is not None
    ]
    return [
        [(key, id(t), t.data_ptr(), t.dtype, t.stride()) for key, t in tensors],
        [tensor.detach().clone() for _, tensor in tensors],
        [(tensor.requires_grad, tensor.grad is None) for _, tensor in tensors],
        [getattr(module, "training", None) for module in modules],
        [list(module.__dict__.get(hook, {})) for module in modules for hook in hooks],
        torch.get_rng_state(),
        [part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()],
        random.getstate(),
        [
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.is_inference_mode_enabled(),
        ],
        torch.get_default_dtype(),
    ]
