"""A layer, and what it did in one forward pass."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnnvis.fields import ReceptiveField
from cnnvis.layers import Layer


@dataclass(frozen=True)
class LayerRun:
    """A layer, and what it did in the forward pass.

    Attributes:
        layer: What it is.
        output_shapes: Shape of each call's output, batch included, in order.
        macs: Multiply-adds of all its calls for one image; None where that is not known.
        receptive_fields: For each call, which part of the input a unit of its output can depend on;
            None where that is not known.
        field_reason: Why a receptive field is not known, a sentence; else "".
        in_place: The operation that overwrote its output afterwards, such as `relu_`; else None.
            What was captured is the output before that.
        functional: Whether it is no module but a convolution that the model calls as a function;
            its `layer.module` is the module in whose method that happens.
        failure: Why its output could not be taken; else "".
        bypassed: Whether it computed without being called as a module, by a function that was given
            its weights, or in TorchScript.
    """

    layer: Layer
    output_shapes: tuple[tuple[int, ...], ...]
    macs: int | None
    receptive_fields: tuple[ReceptiveField | None, ...] = field(default=(), repr=False)
    field_reason: str = ""
    in_place: str | None = None
    functional: bool = False
    bypassed: bool = False
    failure: str = ""

    @property
    def name(self) -> str:
        """Its dotted name."""
        return self.layer.name

    @property
    def calls(self) -> int:
        """How often it gave what could be taken."""
        return len(self.output_shapes)

    @property
    def ran(self) -> bool:
        """Whether it was called at all."""
        return self.calls > 0 or bool(self.failure)

    @property
    def receptive_field(self) -> ReceptiveField | None:
        """That of its first call."""
        return self.receptive_fields[0] if self.receptive_fields else None
