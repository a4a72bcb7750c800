"""What the course of a forward pass depends on, beside the values that run through it.

A model takes the same course twice where it is built alike and is given alike, unless it looks at
values (`trace.py` tells) or at something outside of itself, which nobody can tell. What was found out
about the first pass, operation by operation, then holds for the second.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from enum import Enum
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

from cnnvis.layers import walk

# what never changes, and is told by what it is
_FIXED = (
    type(None), bool, int, float, complex, str, bytes, range, slice, Enum, torch.dtype, torch.device,
    torch.layout, torch.memory_format, torch.Size, types.FunctionType, types.BuiltinFunctionType, type,
)  # fmt: skip
_CHANGES = {"training"}  # a look is in eval mode whatever it says
_DEEPEST = 4


class Structure:
    """A model as it was built when this was made.

    Args:
        model: Any module; it is only read.

    Attributes:
        modules: Every module by each of its names, as `walk` gives them.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules = [(name, module) for name, _, module in walk(model)]
        self._around = _around()
        self._own: list[_Own] = []
        try:
            each = {id(module): module for _, module in self.modules}
            self._own = [_Own(module) for module in {id(model): model, **each}.values()]
            self._is_known = True
        except _Unknown:
            self._is_known = False

    def holds(self) -> bool:
        """Whether the model is still built so."""
        if not self._is_known or self._around != _around():
            return False
        try:
            return all(own.holds() for own in self._own)
        except _Unknown:
            return False


def form_of(inputs: Any) -> Any:
    """What a model is given, without the values: to be compared; None where it cannot be told."""
    try:
        return [_given(inputs)]
    except _Unknown:
        return None


class _Unknown(Exception):
    """Something whose state cannot be seen, such as a generator of random numbers."""


class _Own:
    """What one module has of its own."""

    __slots__ = ("count", "empty", "fixed", "forward", "kind", "module", "other", "very")

    def __init__(self, module: nn.Module) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            raise _Unknown
        self.module, self.kind, self.forward = module, type(module), type(module).forward
        self.empty: list[str] = []
        self.fixed: list[tuple[str, Any]] = []
        self.other: list[tuple[str, Any]] = []
        own = vars(module)
        self.count = len(own)
        for name, value in own.items():
            if isinstance(value, dict) and not value:  # most are hooks that are not there
                self.empty.append(name)
            elif name in _CHANGES:
                continue
            elif isinstance(value, _FIXED):
                self.fixed.append((name, value))
            else:
                self.other.append((name, _plain(value)))
        self.very = _Very.of(own)

    def holds(self) -> bool:
        now = vars(self.module)
        if type(self.module) is not self.kind or self.kind.forward is not self.forward:
            return False
        return (self.very is not None and self.very.holds(now)) or self._is_alike(now)

    def _is_alike(self, now: dict[str, Any]) -> bool:
        return (
            len(now) == self.count
            and not any(now.get(name, True) for name in self.empty)
            and all(_is_same(now.get(name, _Own), value) for name, value in self.fixed)
            and all(_plain(now.get(name, _Own)) == value for name, value in self.other)
        )


class _Very:
    """The very objects that a module has, which is told much faster than that they are alike."""

    __slots__ = ("empty", "names", "parts", "tensors", "values")

    def __init__(self, own: dict[str, Any]) -> None:
        self.names, self.values = list(own), list(own.values())
        self.empty = [each for each in self.values if isinstance(each, dict | set) and not each]
        self.parts = [
            (each, list(each), list(each.values()))
            for each in self.values
            if isinstance(each, dict) and each
        ]
        held = [value for _, _, values in self.parts for value in values]
        self.tensors = [
            (each, each.dtype, each.device, each.shape, each.stride(), type(each))
            for each in (*self.values, *held)
            if isinstance(each, Tensor)
        ]

    @staticmethod
    def of(own: dict[str, Any]) -> _Very | None:
        """None where something in it may change and be the same object all the same."""
        parts = [each for each in own.values() if isinstance(each, dict)]
        rest = [each for each in own.values() if not isinstance(each, dict)]
        rest += [value for part in parts for value in part.values()]
        lasting = all(isinstance(each, (Tensor, nn.Module)) or _lasts(each) for each in rest)
        return _Very(own) if lasting else None

    def holds(self, now: dict[str, Any]) -> bool:
        return (
            list(now) == self.names
            and all(map(is_, now.values(), self.values))
            and not any(self.empty)
            and all(
                list(part) == names and all(map(is_, part.values(), values))
                for part, names, values in self.parts
            )
            and all(
                tensor.shape == shape
                and tensor.stride() == stride
                and tensor.dtype is dtype
                and tensor.device == device
                and type(tensor) is kind
                for tensor, dtype, device, shape, stride, kind in self.tensors
            )
        )


def _lasts(value: Any) -> bool:
    """Whether it cannot change, or is a set with nothing in it, which is looked at."""
    if isinstance(value, tuple):
        return all(map(_lasts, value))
    return isinstance(value, _FIXED) or (isinstance(value, set) and not value)


def _is_same(current: Any, value: Any) -> bool:
    # 1 is no 1.0; a float that is no number is never the same, and then nothing is taken over
    return current is value or (type(current) is type(value) and bool(current == value))


def _around() -> tuple[Any, ...]:
    """What of torch's own state changes which operations run."""
    return (
        torch.get_default_dtype(),
        *(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")),
        *(torch.get_autocast_dtype(kind) for kind in ("cpu", "cuda")),
        torch.are_deterministic_algorithms_enabled(),
    )


def _given(inputs: Any) -> Any:
    if isinstance(inputs, Tensor):
        return _plain(inputs)[1:]
    if isinstance(inputs, Mapping):
        return [(key, _given(value)) for key, value in inputs.items()]
    if isinstance(inputs, list | tuple):
        return [type(inputs), *map(_given, inputs)]
    return _plain(inputs)


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """A value as what can be compared later: by itself, by its parts, or by what it is."""
    if isinstance(value, Tensor):
        if type(value) not in (Tensor, nn.Parameter) or value.layout != torch.strided:
            raise _Unknown
        return id(value), value.dtype, value.device, value.shape, value.stride()
    if isinstance(value, nn.Module):
        return id(value)
    if isinstance(value, _FIXED):
        return value
    if depth == 0:
        raise _Unknown
    if isinstance(value, Mapping):
        return {key: _plain(each, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [type(value), *(_plain(each, depth - 1) for each in value)]
    if isinstance(value, set | frozenset):
        return {_plain(each, depth - 1) for each in value}
    if isinstance(value, functools.partial):
        return [value.func, _plain(value.args, depth - 1), _plain(value.keywords, depth - 1)]
    raise _Unknown
