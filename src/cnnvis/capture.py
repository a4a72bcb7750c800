"""One forward pass with hooks; the model is left as it was found.

A hook that keeps a reference is silently wrong wherever an in-place operation follows (every
convolution of VGG and SqueezeNet is followed by an in-place ReLU): the tensor it holds is overwritten
before anyone looks. So `take` runs inside the hook and has to copy; the default does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cnnvis.layers import Layer, find_layers, unwrap, walk

Take = Callable[[Layer, Tensor], Any]


class Activations(Mapping[str, list[Any]]):
    """From layer name to what each of its calls gave, in the order in which the layers first ran.

    A layer that never ran is not in it.

    Attributes:
        output: What the model returned.
        failures: From layer name to why its output could not be taken.
    """

    def __init__(self) -> None:
        self._taken: dict[str, list[Any]] = {}
        self.output: Any = None
        self.failures: dict[str, str] = {}

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
) -> Activations:
    """What each layer gave in one forward pass.

    The pass runs in eval mode (each module's flag is set and put back by itself, no `train()` or
    `eval()` of the user's is called), under `no_grad` (inference mode would break a model that caches
    a tensor) and leaves the random state where it was. Hooks see a layer's output as it is passed
    on, after the hooks that the user put on it, and are gone when this returns or raises.

    Args:
        model: Any module. A compiled one runs eagerly.
        inputs: A tensor, a sequence of positional or a mapping of keyword arguments for the model.
        layers: Which layers to take, from `find_layers`; None: all convolutions and linear layers.
        take: Called in the hook with the layer and its output of any shape; what it returns is kept.
            It must copy or reduce, never keep the tensor or a view of it. None: `clone`. If it
            raises, the pass goes on and `Activations.failures` has the reason.

    Raises:
        ForwardError: The forward pass raised. Says which layers had run.
        TypeError: model is no `nn.Module`, or is a ScriptModule, which takes no hooks.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            f"model {type(model).__name__}: hooks do not work on a ScriptModule; "
            "pass the eager model that it was scripted or traced from"
        )
    layers = find_layers(model) if layers is None else layers
    model = unwrap(model)
    take = clone if take is None else take
    activations = Activations()
    args, kwargs = _arguments(inputs)
    with _hooks(layers, take, activations), _eval(model), _sandbox(model):
        try:
            activations.output = model(*args, **kwargs)
        except Exception as error:
            ran = tuple(activations)
            raise ForwardError(_explain(model, args, error, ran, len(layers)), ran) from error
    return activations


@contextmanager
def _hooks(layers: Sequence[Layer], take: Take, activations: Activations) -> Generator[None]:
    """Hooks on each layer, for this thread and this block only."""
    thread = threading.get_ident()
    live = True
    taking = False

    def hook_for(layer: Layer) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            # Another thread may run the model at the same time. A leaked hook (an interrupt can
            # come between registering and noting the handle) must do nothing. A `take` that calls
            # the layer again must not recurse.
            nonlocal taking
            if not live or taking or threading.get_ident() != thread:
                return
            taking = True
            try:
                activations.add(layer.name, take(layer, _tensor(output)))
            except Exception as error:
                activations.failures[layer.name] = f"{type(error).__name__}: {error}"
            finally:
                taking = False

        return hook

    handles: list[RemovableHandle] = []
    try:
        for layer in layers:
            handles.append(layer.module.register_forward_hook(hook_for(layer)))
        yield
    finally:
        live = False
        _remove(handles)


def _remove(handles: list[RemovableHandle]) -> None:
    """Removes every hook, also when an interrupt comes while it does so, and then passes that on."""
    interrupted: BaseException | None = None
    for handle in handles:
        for _ in range(2):  # removing twice does nothing, so one that was cut off is done again
            try:
                handle.remove()
                break
            except BaseException as error:
                interrupted = error
    if interrupted is not None:
        raise interrupted


@contextmanager
def _eval(model: nn.Module) -> Generator[None]:
    """Every module's `training` flag off, then each as it was."""
    modules = {id(module): module for _, _, module in walk(model)}.values()
    training = [module for module in modules if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _sandbox(model: nn.Module) -> Generator[None]:
    """No gradients, the random state kept, compiled code bypassed (hooks do not fire in it)."""
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.random.fork_rng(devices=[d.index for d in devices]))
        if any(getattr(m, "_compiled_call_impl", None) is not None for m in model.modules()):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


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
        "trained with) or inputs= (the exact arguments of its forward)."
    )
