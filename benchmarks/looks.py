"""The ways to look at a model that are measured beside its bare pass, wherever it runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from cnnvis import inspect

BARE, FIRST, AGAIN, FRAME = "bare forward", "first look", "look like it", "frame, largest layer"


class Looks:
    """A model and its input.

    Attributes:
        ways: What does each of them once; a look like the last takes its place.
    """

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        self._model, self._x = model, x
        self._last = inspect(model, x)
        sizes = {run.name: math.prod(run.output_shapes[0]) for run in self._last.layers}
        largest = max(sizes, key=lambda name: sizes[name])
        self.ways: dict[str, Callable[[], Any]] = {
            BARE: lambda: model(x),
            FIRST: lambda: inspect(model, x),
            AGAIN: self._again,
            FRAME: lambda: self._last.frame(largest),
        }

    def _again(self) -> None:
        self._last = inspect(self._model, self._x, like=self._last)

    def kept_mb(self) -> float:
        """MiB of activations that the last look keeps, exact or in codes, of the first calls."""
        total = 0
        for run in self._last.layers:
            kept = self._last.kept_tiles(run.name)
            if isinstance(kept, Tensor):
                total += math.prod(run.output_shapes[0]) * kept.element_size()
            elif kept is not None:
                total += kept.quantized.codes.numel()
        return total / 2**20
