"""What a rule is given, where rules are kept, and what has to be known of an operation.

A rule says what the outputs of an operation read, from what its inputs read. It gets a `Call` and
returns a `Dependence` for the first output, or a list for all of them; None reads nothing of the
image. It raises `Unknown` where it cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnvis.dependence import Dependence
from cnnvis.joining import hull_of
from cnnvis.reach import Unknown


@dataclass(frozen=True, slots=True)
class Call:
    """One operation that ran.

    Attributes:
        name: Its name without namespace and overload, in its functional form: "relu" for relu_.
        names: Its arguments' places and defaults.
        args: As it was called.
        kwargs: As it was called.
        out: The first tensor that it gave.
        outs: All of them.
        lengths: Pixels along each image axis.
        find: What a tensor reads.
    """

    name: str
    names: Mapping[str, tuple[int, Any]]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outs: Sequence[Tensor]
    lengths: tuple[int, ...]
    find: Callable[[Any], Dependence | None]

    @property
    def out(self) -> Tensor:
        """The first tensor that it gave."""
        return self.outs[0]

    def get(self, *names: str, default: Any = None) -> Any:
        """An argument, by the first of its possible names that the operation has."""
        for name in names:
            if name in self.kwargs:
                return self.kwargs[name]
            if name in self.names:
                place, otherwise = self.names[name]
                return self.args[place] if place < len(self.args) else otherwise
        return default

    def read(self, value: Any) -> Dependence | None:
        """What an argument reads; None for what is no tensor."""
        return self.find(value) if isinstance(value, Tensor) else None

    def only(self) -> Dependence:
        """What the first argument reads, which must be the only one that reads anything."""
        rest = [*self.args[1:], *self.kwargs.values()]
        if any(self.read(tensor) is not None for tensor in flat(rest)):
            raise Unknown("more than the first argument depends on the image")
        return self.given(self.args[0])

    def given(self, value: Any) -> Dependence:
        """What a tensor reads, as a `Dependence` even where it reads nothing."""
        found = self.read(value)
        return Dependence.nothing(self.lengths, value.shape) if found is None else found

    def hull(self, values: Sequence[Any], shape: Sequence[int] | None = None) -> Dependence:
        """What an element-wise operation on these reads."""
        found = [part for part in map(self.read, values) if part is not None]
        to = self.out.shape if shape is None else shape
        return hull_of(found, to) if found else Dependence.nothing(self.lengths, to)


Result = Dependence | None | list[Dependence | None]
Rule = Callable[[Call], Result]

RULES: dict[str, Rule] = {}
"""From an operation's functional name to its rule."""


def rule(names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operations, named with spaces between."""

    def register(function: Rule) -> Rule:
        for name in names.split():
            RULES[name] = function
        return function

    return register


def flat(values: Any) -> list[Tensor]:
    """The tensors among arguments or results, also in lists of them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += flat(value)
    return found


def listed(value: Any) -> list[Any]:
    """One value or a list of them, as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def each(value: Any, rank: int) -> list[int]:
    """One value for each of so many axes, of one or as many."""
    values = listed(value)
    return values * rank if len(values) == 1 else values


class Operation:
    """What has to be known of an operation, looked up once.

    Attributes:
        name: As its rule and reasons name it, without the overload.
        short: In its functional form.
        rule: How it reads; None if there is no rule.
        names: The place and default of each argument.
        writes: Places and names of the arguments that it writes to.
        fresh: Its result takes only the shape of its arguments.
        view: Its result is a view.
        overwrites: What it writes to is not read.
        tells: Its result tells Python of values.
    """

    def __init__(self, func: Any) -> None:
        schema = func._schema
        space, _, name = schema.name.partition("::")
        self.name = name if space == "aten" else schema.name
        base = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        self.short = base if base == "_to_copy" else re.sub(r"_copy$", "", base)
        tags = getattr(func, "tags", ())
        if space == "quantized":
            self.short = _QUANTIZED.get(re.sub(r"(\dd)?(_relu6?|_dynamic)?$", "", name), name)
            self.rule: Rule | None = RULES.get(self.short)
        elif space in ("aten", "prims"):
            self.rule = RULES.get(self.short)
            if self.rule is None and torch.Tag.pointwise in tags:
                self.rule = RULES.get("clone")  # every element by itself
        else:
            self.rule = None
        self.names: dict[str, tuple[int, Any]] = {}
        self.writes: list[tuple[int, str]] = []
        for place, argument in enumerate(schema.arguments):
            self.names[argument.name] = (place, argument.default_value)
            if argument.alias_info is not None and argument.alias_info.is_write:
                self.writes.append((place, argument.name))
        aliases = [result.alias_info for result in schema.returns]
        self.view = not self.writes and any(alias is not None for alias in aliases)
        self.fresh = space == "aten" and base in _FRESH
        self.overwrites = any(name == "out" for _, name in self.writes) or base in (
            "copy",
            "fill",
            "zero",
        )
        telling = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
        self.tells = (base != "index" and any(tag in tags for tag in telling)) or base in _TELLING
        if base == "where" and len(self.names) == 1:
            self.tells = True

    def written(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
        """The tensors that a call wrote to."""
        found = []
        for place, name in self.writes:
            value = kwargs[name] if name in kwargs else args[place] if place < len(args) else None
            found += flat([value])
        return found

    def picks(self, args: tuple[Any, ...], state: Any) -> bool:
        """Whether a mask that depends on the image says how many elements there are."""
        if self.short != "index" or len(args) < 2:
            return False
        masks = [t for t in flat([args[1]]) if t.dtype in (torch.bool, torch.uint8)]
        return any(state(mask) is not None for mask in masks)


# what they give depends on no value of their arguments
_FRESH = {
    "empty_like",
    "zeros_like",
    "ones_like",
    "full_like",
    "rand_like",
    "randn_like",
    "randint_like",
}
_FRESH |= {"lift_fresh"}  # torch.tensor of a list; where its numbers come from is not seen
_FRESH |= {"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided", "zero"}

# tagged or not, they say how many elements there are, or what one is
_TELLING = {"item", "is_nonzero", "equal", "allclose", "nms", "unique", "unique_dim", "_unique2"}

# quantized models name element-wise operations as the others do
_QUANTIZED = {
    name: name for name in ("add", "mul", "cat", "relu", "hardswish", "leaky_relu", "sigmoid")
}
_QUANTIZED |= {name: f"quantized::{name}" for name in ("conv", "conv_transpose", "linear")}
_QUANTIZED |= {"batch_norm": "relu", "celu": "relu", "elu": "relu"}
