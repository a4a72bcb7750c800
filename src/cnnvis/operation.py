"""What an operation of a forward pass says of itself: its name, what it writes, how it convolves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnnvis.layers import Kind, Layer

_READS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


@dataclass(frozen=True)
class Schema:
    """Of one operator.

    Attributes:
        name: Such as "aten::relu_"; "" for what is no plain operator.
        writes: Positions of the arguments that it writes into.
        writes_named: The same by name, for those that are passed so (`out=`).
        reads: Whether values come out of it as numbers, or as the shape of what it gives.
    """

    name: str
    writes: tuple[int, ...] = ()
    writes_named: tuple[str, ...] = ()
    reads: bool = False

    @classmethod
    def of(cls, func: Any) -> Schema:
        """Read from what the dispatcher calls."""
        schema = getattr(func, "_schema", None)
        if schema is None:
            return cls("", reads=True)
        written = [
            (i, argument)
            for i, argument in enumerate(schema.arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        return cls(
            schema.name,
            tuple(i for i, argument in written if not argument.kwarg_only),
            tuple(argument.name for _, argument in written),
            not _READS.isdisjoint(func.tags),
        )

    def written(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
        """The tensors that one call of it writes into."""
        if self.writes or self.writes_named:
            yield from tensors([args[i] for i in self.writes if i < len(args)])
            yield from tensors([kwargs[key] for key in self.writes_named if key in kwargs])


@dataclass(frozen=True)
class Convolution:
    """The arguments of aten's convolution.

    Attributes:
        weight: (out, in / groups, *kernel); of a transposed one (in, out / groups, *kernel).
        bias: Whether it adds one.
        stride: One length per spatial dimension, as are the others.
        output_padding: Of a transposed one, how much longer its output is on one side.
    """

    weight: Tensor
    bias: bool
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    @classmethod
    def of(cls, args: Sequence[Any]) -> Convolution:
        """Read from the arguments of `aten::convolution`."""
        weight, bias, stride, padding, dilation, transposed, output_padding, groups = args[1:9]
        rank = weight.ndim - 2

        def each(lengths: Sequence[int]) -> tuple[int, ...]:
            # one length stands for all
            return tuple(lengths) * rank if len(lengths) == 1 else tuple(lengths)

        return cls(
            weight,
            bias is not None,
            each(stride),
            each(padding),
            each(dilation),
            transposed,
            each(output_padding),
            groups,
        )

    @property
    def function(self) -> str:
        """How torch.nn.functional calls it."""
        return f"conv{'_transpose' if self.transposed else ''}{self.weight.ndim - 2}d"

    def output_shape(self, x: Tensor) -> tuple[int, ...]:
        """The shape that it gives for an input, as torch documents it."""
        channels = self.weight.shape[1] * self.groups if self.transposed else self.weight.shape[0]
        lengths = []
        for length, kernel, stride, padding, dilation, extra in zip(
            x.shape[2:],
            self.weight.shape[2:],
            self.stride,
            self.padding,
            self.dilation,
            self.output_padding,
            strict=True,
        ):
            reach = dilation * (kernel - 1)
            if self.transposed:
                lengths.append((length - 1) * stride - 2 * padding + reach + extra + 1)
            else:
                lengths.append((length + 2 * padding - reach - 1) // stride + 1)
        return (x.shape[0], channels, *lengths)

    def macs(self, x: Tensor, output: Tensor) -> int:
        """Multiply-adds: each value of the output sums over one filter.

        A transposed convolution uses each filter once for each value of its input instead.
        """
        values = x.numel() if self.transposed else output.numel()
        return values * self.weight.numel() // max(self.weight.shape[0], 1)

    def as_layer(self, name: str, module: nn.Module) -> Layer:
        """A layer for a convolution that is called as a function in a module's method."""
        weight, groups = self.weight, self.groups
        first, second = weight.shape[:2]
        kind: Kind = "conv_transpose" if self.transposed else "conv"
        taken, given = (first, second * groups) if self.transposed else (second * groups, first)
        return Layer(
            name=name,
            aliases=(),
            kind=kind,
            type=f"F.{self.function}",
            module=module,
            in_channels=taken,
            out_channels=given,
            kernel_size=tuple(weight.shape[2:]),
            stride=self.stride,
            padding=self.padding,
            padding_mode="zeros",
            dilation=self.dilation,
            groups=groups,
            bias=self.bias,
            parameters=weight.numel() + (given if self.bias else 0),
            dtype=weight.dtype,
            device=weight.device,
            path=tuple(_containers(name)),
        )


def tensors(values: Any, depth: int = 10) -> Iterator[Tensor]:
    """All tensors among values, in order, within so many levels of lists, tuples and mappings."""
    if isinstance(values, Tensor):
        yield values
    elif depth and isinstance(values, Mapping | list | tuple):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from tensors(value, depth - 1)


def storage_of(tensor: Tensor) -> int | None:
    """A number for the memory that a tensor lies in; None where it has none of its own."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):  # sparse, opaque
        return None


def _containers(name: str) -> Iterator[str]:
    parts = name.split(".")[:-1]
    for i in range(len(parts)):
        yield ".".join(parts[: i + 1])
