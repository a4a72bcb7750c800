"""What the course of a forward pass depends on, beside the values that run through it.

A model takes the same course twice where it is built alike and is given alike, unless it looks at
values (`trace.py` tells) or at something outside of itself, which nobody can tell. What was found out
about the first pass, operation by operation, then holds for the second.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from cnnvis.layers import walk

_PLAIN = (
    type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.layout,
    torch.memory_format, types.FunctionType, types.BuiltinFunctionType, type, Enum, range, slice,
)  # fmt: skip
_REGISTRIES = ("_parameters", "_buffers", "_modules")
_DEEPEST = 4


class Structure:
    """A model as it is built at one time.

    Args:
        model: Any module; it is only read.

    Attributes:
        modules: Every module by each of its names, as `walk` gives them.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules = [(name, module) for name, _, module in walk(model)]
        self._own: dict[int, tuple[nn.Module, Any]] = {}
        self._around = _around()
        try:
            for _, module in [("", model), *self.modules]:
                if id(module) not in self._own:
                    self._own[id(module)] = (module, _of_module(module))
            self.is_known = True
        except _Unknown:
            self.is_known = False

    def is_like(self, other: Structure) -> bool:
        """Whether it is built as at another time."""
        known = self.is_known and other.is_known
        return known and self._around == other._around and self._own == other._own


class _Unknown(Exception):
    """Something whose state cannot be seen, such as a generator of random numbers."""


def _around() -> tuple[Any, ...]:
    """What of torch's own state changes which operations run."""
    return (
        torch.get_default_dtype(),
        *(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")),
        *(torch.get_autocast_dtype(kind) for kind in ("cpu", "cuda")),
        torch.are_deterministic_algorithms_enabled(),
    )


def _of_module(module: nn.Module) -> Any:
    if isinstance(module, torch.jit.ScriptModule):
        raise _Unknown
    kind = type(module)
    own = {}
    for name, value in vars(module).items():
        if name in _REGISTRIES:
            own[name] = {key: _registered(each) for key, each in value.items()}
        elif name != "training":  # it is looked at in eval mode
            own[name] = _plain(value)
    return kind, kind.forward, own


def form_of(inputs: Any) -> Any:
    """What a model is given, without the values: to be compared; None where it cannot be told."""
    try:
        return [_given(inputs)]
    except _Unknown:
        return None


def _given(inputs: Any) -> Any:
    if isinstance(inputs, Tensor):
        return _plain(inputs)[1:]
    if isinstance(inputs, Mapping):
        return [(key, _given(value)) for key, value in inputs.items()]
    if isinstance(inputs, list | tuple):
        return [type(inputs), *map(_given, inputs)]
    return _plain(inputs)


def _registered(value: Any) -> Any:
    return _plain(value) if isinstance(value, Tensor) else id(value)


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """A value as what can be compared later: by itself, by its parts, or by what it is."""
    if isinstance(value, Tensor):
        # a tensor that replaces another of the same kind changes no course, but where it lies may
        if type(value) not in (Tensor, nn.Parameter) or value.is_sparse:
            raise _Unknown
        return (
            id(value),
            value.dtype,
            value.device,
            value.shape,
            value.stride() if value.layout == torch.strided else None,
        )
    if isinstance(value, nn.Module):
        return id(value)
    if isinstance(value, _PLAIN):
        return value
    if depth == 0:
        raise _Unknown
    if isinstance(value, Mapping):
        return [(key, _plain(each, depth - 1)) for key, each in value.items()]
    if isinstance(value, list | tuple | torch.Size):
        return [type(value), *(_plain(each, depth - 1) for each in value)]
    if isinstance(value, set | frozenset):
        return {_plain(each, depth - 1) for each in value}
    if type(value).__name__ == "partial":
        return [value.func, _plain(value.args, depth - 1), _plain(value.keywords, depth - 1)]
    raise _Unknown
