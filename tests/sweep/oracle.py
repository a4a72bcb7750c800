"""What the layers of a model compute, recorded without a hook.

The method that makes a layer's result is patched in its class for as long as the oracle watches, and
the result is reduced to a checksum before anything else can get hold of it. So the oracle shares
nothing with what it judges: no hook, no list of layers, no copy of a tensor.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NamedTuple

import torch.ao.nn.quantized as nnq
import torch.ao.nn.quantized.dynamic as nnqd
from tests.sweep.digest import Digest, digest, unwatched
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
LAYERS: tuple[type[nn.Module], ...] = (
    *CONVOLUTIONS,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Linear,
    # the intrinsic ones (ConvReLU2d, LinearReLU) are their subclasses
    nnq.Conv1d,
    nnq.Conv2d,
    nnq.Conv3d,
    nnq.ConvTranspose1d,
    nnq.ConvTranspose2d,
    nnq.ConvTranspose3d,
    nnq.Linear,
    nnqd.Linear,
)

_CALL = nn.Module._call_impl.__code__
# forward and what torch puts between it and a module's call
_FRAMES_TO_CALL = 4


class Call(NamedTuple):
    """One time that a layer computed.

    Attributes:
        digest: Of the result.
        called: Whether the module was called, so that its hooks fire; False for `module.forward(x)`.
        telling: Whether its values are finite and not all the same, so that being equal to them
            means something.
    """

    digest: Digest
    called: bool
    telling: bool


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The convolutions and linear layers of a model by name, each once."""
    return {name: m for name, m in model.named_modules() if isinstance(m, LAYERS)}


def aliases_of(model: nn.Module) -> dict[str, list[str]]:
    """Every further name of each layer, by its first."""
    first = {id(module): name for name, module in layers_of(model).items()}
    further: dict[str, list[str]] = {name: [] for name in first.values()}
    for name, module in model.named_modules(remove_duplicate=False):
        if id(module) in first and name != first[id(module)]:
            further[first[id(module)]].append(name)
    return further


class Oracle:
    """Records every call of every layer of a model while it is entered.

    Attributes:
        calls: From layer name to its calls in order, for the layers that ran, in the order of their
            first calls.
    """

    def __init__(self, model: nn.Module) -> None:
        self.calls: dict[str, list[Call]] = {}
        self._names = {id(module): name for name, module in layers_of(model).items()}
        self._makers = {_maker(type(module)) for module in layers_of(model).values()}
        self._patched: list[tuple[type, str, Any]] = []
        self._running: set[int] = set()

    def __enter__(self) -> Oracle:
        for owner, method in self._makers:
            original = owner.__dict__[method]
            self._patched.append((owner, method, original))
            setattr(owner, method, self._recording(original))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for owner, method, original in reversed(self._patched):
            setattr(owner, method, original)
        self._patched.clear()

    @property
    def in_layer(self) -> bool:
        """Whether a layer is computing right now."""
        return bool(self._running)

    def _recording(self, original: Callable[..., Any]) -> Callable[..., Any]:
        # no parameter is called self: what reads the stack takes a frame's self for its module
        def recorded(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            name = self._names.get(id(module))
            # a subclass whose forward calls the one of its base class is one call of one layer
            if name is None or id(module) in self._running:
                return original(module, *args, **kwargs)
            self._running.add(id(module))
            try:
                result = original(module, *args, **kwargs)
            finally:
                self._running.discard(id(module))
            called = _called(module, sys._getframe(1))
            call = Call(digest(result), called, _telling(result))
            self.calls.setdefault(name, []).append(call)
            return result

        return recorded


def _maker(cls: type[nn.Module]) -> tuple[type, str]:
    """The class and the method in which a layer of this class makes its result."""
    owner = _owner(cls, "forward")
    # torch's own forward passes on what _conv_forward made
    return (
        (_owner(cls, "_conv_forward"), "_conv_forward")
        if owner in CONVOLUTIONS
        else (owner, "forward")
    )


def _owner(cls: type, method: str) -> type:
    return next(c for c in inspect.getmro(cls) if method in c.__dict__)


def _called(module: nn.Module, frame: FrameType | None) -> bool:
    for _ in range(_FRAMES_TO_CALL):
        if frame is None:
            break
        if frame.f_code is _CALL:
            return frame.f_locals.get("self") is module
        frame = frame.f_back
    return False


def _telling(tensor: Tensor) -> bool:
    if tensor.numel() == 0:
        return False
    with unwatched():
        values = tensor.dequantize() if tensor.is_quantized else tensor
        low, high = values.aminmax()  # NaN if there is one
        return bool(low.isfinite() and high.isfinite() and low < high)
