"""One forward pass with hooks; the model is left as it was found.

A hook that keeps a reference is silently wrong wherever an in-place operation follows (every
convolution of VGG and SqueezeNet is followed by an in-place ReLU): the tensor it holds is overwritten
before anyone looks. So `take` runs inside the hook and has to copy; the default does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from cnnvis.borrow import LOOKING, Borrowed
from cnnvis.layers import Layer, find_layers, unwrap, walk

Take = Callable[[Layer, Tensor], Any]


class Activations(Mapping[str, list[Any]]):
    """From layer name to what each of its calls gave, in the order in which the layers first ran.

    A layer that never ran is not in it.

    Attributes:
        output: What the model returned.
        failures: From layer name to why its output could not be taken.
        stopped: What the forward pass raised, if it did and `partial` was asked for; else "".
        replaced: Names of the buffers that the model itself replaced in its forward pass.
    """

    def __init__(self) -> None:
        self._taken: dict[str, list[Any]] = {}
        self.output: Any = None
        self.failures: dict[str, str] = {}
        self.stopped = ""
        self.replaced: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> list[Any]:
        return self._taken[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._taken)

    def __len__(self) -> int:
        return len(self._taken)

    def __repr__(self) -> str:
        calls = sum(map(len, self._taken.values()))
        return f"Activations({len(self)} layers, {calls} calls)"

    def add(self, name: str, value: Any) -> None:
        """Appends what one call of a layer gave."""
        self._taken.setdefault(name, []).append(value)

    def fail(self, name: str, error: Exception) -> None:
        """Notes why what a layer gave could not be taken: in words, an exception holds tensors."""
        self.failures[name] = f"{type(error).__name__}: {error}"


class ForwardError(RuntimeError):
    """The model's forward pass raised; the original error is its `__cause__`.

    Attributes:
        ran: Names of the layers that had run, in order.
    """

    def __init__(self, message: str, ran: tuple[str, ...]) -> None:
        super().__init__(message)
        self.ran = ran


def clone(layer: Layer, output: Tensor) -> Tensor:
    """A copy of the output on its own device: what `capture` takes by default."""
    return output.detach().clone()


def capture(
    model: nn.Module,
    inputs: Tensor | Sequence[Any] | Mapping[str, Any],
    layers: Sequence[Layer] | None = None,
    take: Take | None = None,
    *,
    during: AbstractContextManager[Any] | None = None,
    partial: bool = False,
    modules: Iterable[tuple[str, nn.Module]] | None = None,
) -> Activations:
    """What each layer gave in one forward pass.

    The pass runs in eval mode (each module's flag is set and put back by itself, no `train()` or
    `eval()` of the user's is called), under `no_grad` (inference mode would break a model that caches
    a tensor), and leaves buffers and random states (torch's, NumPy's, Python's) as they were. Hooks
    see a layer's output as it is passed on, after the hooks that the user put on it, and are gone
    when this returns or raises, also on an interrupt.

    Args:
        model: Any module. A compiled one runs eagerly: hooks do not fire in compiled code.
        inputs: A tensor, a sequence of positional or a mapping of keyword arguments for the model.
        layers: Which layers to take, from `find_layers`; None: all convolutions and linear layers.
        take: Called in the hook with the layer and its output of any shape; what it returns is kept.
            It must copy or reduce, never keep the tensor or a view of it. None: `clone`. If it
            raises, the pass goes on and `Activations.failures` has the reason.
        during: Entered right before the model is called, and left right after; on an interrupt also
            twice, or without being entered.
        partial: Where the pass raises after a layer has run, return what there is, with the error's
            text as `Activations.stopped`.
        modules: The model's modules with their names, where these are known; None: found by `walk`.

    Raises:
        ForwardError: The forward pass raised. Says which layers had run.
        TypeError: model is no `nn.Module`, or a layer is TorchScript's, which takes no hooks, and
            there is no `during` that sees it in another way.
    """
    layers = find_layers(model) if layers is None else layers
    hooked = [layer for layer in layers if not isinstance(layer.module, torch.jit.ScriptModule)]
    if during is None and len(hooked) < len(layers):
        raise TypeError(
            f"model {type(model).__name__}: hooks do not work on a ScriptModule; pass the eager model "
            "that it was scripted or traced from, or use inspect, which sees its convolutions"
        )
    with LOOKING:
        known = modules or [(name, module) for name, _, module in walk(model)]
        unique = {id(module): (name, module) for name, module in known}.values()
        return _pass(
            model, inputs, layers, hooked, take or clone, during or nullcontext(), partial, unique
        )


def _pass(
    model: nn.Module,
    inputs: Any,
    layers: Sequence[Layer],
    hooked: Sequence[Layer],
    take: Take,
    during: AbstractContextManager[Any],
    partial: bool,
    modules: Iterable[tuple[str, nn.Module]],
) -> Activations:
    model = unwrap(model)
    activations = Activations()
    args, kwargs = _arguments(inputs)
    borrowed = Borrowed(modules)
    # given back twice: an interrupt may come in the first time
    try:
        try:
            borrowed.eval()
            for layer in hooked:
                borrowed.watch(layer.module, _taking(layer, take, activations))
            if "torch._dynamo" in sys.modules:  # else nothing can be compiled
                borrowed.enter(torch.compiler.set_stance("force_eager"))
            borrowed.enter(during)
            activations.output = model(*args, **kwargs)
            borrowed.finished = True
        finally:
            borrowed.give_back()
    except Exception as error:
        message = _explain(model, args, error, tuple(activations), len(layers))
        if partial and activations:
            activations.stopped = message
        else:
            raise ForwardError(message, tuple(activations)) from error
    finally:
        borrowed.give_back()
    activations.replaced = tuple(borrowed.replaced)
    return activations


def _taking(layer: Layer, take: Take, activations: Activations) -> Callable[[nn.Module, Any], None]:
    taking = False

    def seen(module: nn.Module, output: Any) -> None:
        nonlocal taking
        if taking:  # a `take` that calls the layer again must not recurse
            return
        taking = True
        try:
            activations.add(layer.name, take(layer, _tensor(output)))
        except Exception as error:
            activations.fail(layer.name, error)
        finally:
            taking = False

    return seen


def _arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    if isinstance(inputs, Sequence) and not isinstance(inputs, str | bytes):
        return tuple(inputs), {}
    return (inputs,), {}


def _tensor(output: Any) -> Tensor:
    """The tensor that a layer gave; the first one of a tuple, as recurrent and attention layers do."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    raise TypeError(f"its output is no tensor but {type(output).__name__}")


def _explain(
    model: nn.Module, args: tuple[Any, ...], error: Exception, ran: tuple[str, ...], hooked: int
) -> str:
    shapes = ", ".join(str(tuple(a.shape)) for a in args if isinstance(a, Tensor)) or "no tensor"
    where = (
        f"{len(ran)} of {hooked} layers had run, the last was {ran[-1]!r}"
        if ran
        else f"none of its {hooked} layers had run"
    )
    return (
        f"model {type(model).__name__}: its forward pass raised {type(error).__name__}: {error}\n"
        f"It was given {shapes}; {where}. The model is as it was. "
        "Check the input's shape and channels, or pass transform= (the preprocessing the model was "
        "trained with), inputs= (the exact arguments of its forward), or partial=True (to look at what "
        "had run)."
    )
