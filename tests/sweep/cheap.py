"""Random weights that cost little more than writing them.

Drawing the weights of all models anew would take longer than looking at them, and most are drawn two
or three times over. Here a draw takes its numbers from one short table, from another place each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

# prime, so that the filters of a layer, of whatever size, start at different places of it
_LENGTH = 1_048_573


@contextmanager
def cheap_weights(seed: int = 0) -> Iterator[None]:
    """In here `normal_` and `uniform_` are cheap, and `erfinv_` does nothing.

    That leaves a truncated normal a uniform distribution of about its width. Models are seeded: the
    same builders in the same order get the same weights.
    """
    generator = torch.Generator().manual_seed(seed)
    tables = {
        "normal_": torch.randn(_LENGTH, generator=generator).repeat(2),
        "uniform_": torch.rand(_LENGTH, generator=generator).repeat(2),
    }
    own = {name: vars(Tensor).get(name) for name in (*tables, "erfinv_")}
    for name, table in tables.items():
        setattr(Tensor, name, _filling(name, table, generator))
    setattr(Tensor, "erfinv_", lambda tensor: tensor)  # noqa: B010 (mypy)
    try:
        yield
    finally:
        for name, method in own.items():
            if method is None:
                delattr(Tensor, name)
            else:
                setattr(Tensor, name, method)


def _filling(name: str, table: Tensor, generator: torch.Generator) -> Callable[..., Tensor]:
    original = getattr(Tensor, name)

    def fill(tensor: Tensor, a: float = 0.0, b: float = 1.0, **options: Any) -> Tensor:
        a, b = options.pop("mean", options.pop("from", a)), options.pop("std", options.pop("to", b))
        if tensor.dtype != torch.float32 or tensor.is_meta:
            return original(tensor, a, b)  # type: ignore[no-any-return]
        scale = b if name == "normal_" else b - a
        with torch.no_grad():
            flat = tensor.view(-1) if tensor.is_contiguous() else torch.empty(tensor.numel())
            start = int(torch.randint(_LENGTH, (1,), generator=generator))
            for part in torch.split(flat, _LENGTH):
                torch.mul(table[start : start + len(part)], scale, out=part).add_(a)
            if not tensor.is_contiguous():
                tensor.copy_(flat.view(tensor.shape))
        return tensor

    return fill
