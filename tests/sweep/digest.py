"""A tensor in few bytes: enough to tell whether two are equal bit for bit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_flatten


class Digest(NamedTuple):
    """Shape, dtype and a checksum of all values; of a quantized tensor its scales too.

    Layout in memory is left out: a copy may be laid out in another way and still be the same.
    """

    shape: tuple[int, ...]
    dtype: str
    crc: int

    @property
    def values(self) -> int:
        """How many numbers the tensor holds."""
        return int(torch.Size(self.shape).numel())


@contextmanager
def unwatched() -> Iterator[None]:
    """Work in here is seen by no mode that watches operations, and is not differentiated."""
    with torch._C.DisableTorchFunction(), _disable_current_modes(), torch.no_grad():
        yield


def digest(tensor: Tensor) -> Digest:
    """What a tensor is now."""
    with unwatched():
        raw, start = tensor.detach(), 0
        if raw.is_quantized:
            start = zlib.crc32(repr(_scales(raw)).encode())
            raw = raw.int_repr()
        if raw.is_complex():
            raw = torch.view_as_real(raw.resolve_conj())
        values = raw.cpu().contiguous().flatten().view(torch.uint8).numpy()
        return Digest(tuple(tensor.shape), str(tensor.dtype), zlib.crc32(values.data, start))


def digests(value: Any) -> list[Digest]:
    """Of every tensor in nested tuples, lists and dicts, in their order, with what holds them."""
    leaves, spec = tree_flatten(value)
    layout = Digest((), "layout", zlib.crc32(str(spec).encode()))
    return [layout, *(digest(leaf) for leaf in leaves if isinstance(leaf, Tensor))]


def _scales(tensor: Tensor) -> tuple[Any, ...]:
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return tensor.q_scale(), tensor.q_zero_point()
    scales, points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
    return scales.tolist(), points.tolist(), tensor.q_per_channel_axis()
