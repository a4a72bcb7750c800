"""What the course of a forward pass depends on, beside the values that run through it.

A model takes the same course twice where it is built alike and is given alike, unless it looks at
values (`trace.py` tells) or at something outside of itself, which nobody can tell. What was found out
about the first pass, operation by operation, then holds for the second.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import chain
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
        self._lasting = [own.module for own in self._own if own.is_lasting]
        self._changing = [own for own in self._own if not own.is_lasting]
        self._objects = _Objects(self._lasting)

    def holds(self) -> bool:
        """Whether the model is still built so."""
        if not self._is_known or self._around != _around():
            return False
        try:
            if self._objects.hold():
                return all(own.is_alike() for own in self._changing)
            if not all(own.is_alike() for own in self._own):
                return False
        except _Unknown:
            return False
        # alike, and made of other objects, which are told faster the next time
        self._objects = _Objects(self._lasting)
        return True


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

    __slots__ = ("count", "empty", "fixed", "forward", "is_lasting", "kind", "module", "other")

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
        self.is_lasting = _is_lasting(own)

    def is_alike(self) -> bool:
        """Whether it has the same still, be it by other objects."""
        now = vars(self.module)
        return (
            type(self.module) is self.kind
            and self.kind.forward is self.forward
            and len(now) == self.count
            and not any(now.get(name, True) for name in self.empty)
            and all(_is_same(now.get(name, _Own), value) for name, value in self.fixed)
            and all(_plain(now.get(name, _Own)) == value for name, value in self.other)
        )


class _Objects:
    """The very objects that modules have, which is told much faster than that they are alike.

    All modules at once, in a few long lists: most of the time of a small model's look would else go by
    in asking one module after another.

    Args:
        modules: Such that `_is_lasting`.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._modules = modules
        self._kinds: list[type[nn.Module]] = [type(module) for module in modules]
        self._forwards = {kind: kind.forward for kind in self._kinds}
        own = list(map(vars, modules))
        self._own = _Entries(own)
        values = self._own.values
        self._empty = [each for each in values if isinstance(each, dict | set) and not each]
        self._parts = [each for each in values if isinstance(each, dict) and each]
        self._held = _Entries(self._parts)
        # each once: what two modules share, or one has by two names
        held = {id(v): v for v in (*values, *self._held.values) if isinstance(v, Tensor)}
        self._tensors = list(held.values())
        self._forms = list(map(_form, self._tensors))

    def hold(self) -> bool:
        """Whether the modules have these very objects still, and the tensors their forms."""
        return (
            [type(module) for module in self._modules] == self._kinds
            and all(kind.forward is forward for kind, forward in self._forwards.items())
            and self._own.are(list(map(vars, self._modules)))
            and not any(self._empty)
            and self._held.are(self._parts)
            and list(map(_form, self._tensors)) == self._forms
        )


class _Entries:
    """The keys and the very values of some dicts."""

    def __init__(self, dicts: Sequence[dict[str, Any]]) -> None:
        self._lengths = list(map(len, dicts))
        self._keys = list(chain.from_iterable(dicts))
        self.values = list(chain.from_iterable(each.values() for each in dicts))

    def are(self, dicts: Sequence[dict[str, Any]]) -> bool:
        """Whether these dicts have the same, in the same order."""
        return (
            list(map(len, dicts)) == self._lengths
            and list(chain.from_iterable(dicts)) == self._keys
            and all(map(is_, chain.from_iterable(map(dict.values, dicts)), self.values))
        )


def _form(tensor: Tensor) -> tuple[Any, ...]:
    return type(tensor), tensor.dtype, tensor.device, tensor.shape, tensor.stride()


def _is_lasting(own: dict[str, Any]) -> bool:
    """Whether nothing that a module has can change and be the same object all the same."""
    parts = [each for each in own.values() if isinstance(each, dict)]
    rest = [each for each in own.values() if not isinstance(each, dict)]
    rest += [value for part in parts for value in part.values()]
    return all(isinstance(each, (Tensor, nn.Module)) or _lasts(each) for each in rest)


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
