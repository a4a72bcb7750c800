"""The convolutions that a model computes in no layer: called as functions, with weights of its own."""

from __future__ import annotations

from typing import Any

import torch
from tests.sweep.digest import Digest, digest
from tests.sweep.oracle import Oracle
from torch.utils._python_dispatch import TorchDispatchMode

_CONVOLUTIONS = {torch.ops.aten.convolution, torch.ops.aten._convolution}


class Outside(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records every convolution that runs while the oracle beside it sees no layer run.

    Attributes:
        results: Of each, in order.
    """

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.results: list[Digest] = []
        self._oracle = oracle

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in _CONVOLUTIONS and not self._oracle.in_layer:
            self.results.append(digest(out))
        return out
