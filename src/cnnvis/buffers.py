"""Memory that copies are made into again, look after look.

Fresh memory is paid for with a page fault for each 4 KiB that is written first, which takes longer than
the copy. So what an earlier look kept is written over by a later one, once nobody can see it.
"""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_MOST_MB = 128
"""What may lie idle between two looks: twice what ResNet-50 gives for one image."""
_LEAST = 1 << 16
"""Bytes of a tensor that the allocator has at hand anyway."""

_Kind = tuple[Any, ...]


class Buffers:
    """Tensors that are free to be written to, by dtype, device, shape and strides."""

    def __init__(self) -> None:
        self._free: dict[_Kind, list[Tensor]] = {}
        self._room = _MOST_MB << 20

    def copy(self, tensor: Tensor) -> Tensor:
        """The tensor's values in memory of their own, which may be an earlier copy's.

        To be called without gradients.
        """
        found = self._free.get(_kind(tensor)) if self._free else None
        if not found:
            return tensor.detach().clone()
        buffer = found.pop()
        self._room += _size(buffer)
        is_plain = tensor.is_cpu and tensor.dtype == torch.float32 and not tensor.is_neg()
        # with one thread NumPy takes three quarters of torch's time, with more it has one all the same
        if is_plain and torch.get_num_threads() == 1:
            np.copyto(buffer.numpy(), tensor.detach().numpy())
            return buffer
        return buffer.copy_(tensor)

    def reuse(self, owner: object, kept: MutableMapping[Any, Tensor]) -> None:
        """Takes what is kept once its owner is gone; until then nobody may hold a view of it longer."""
        weakref.finalize(owner, self._take, kept).atexit = False

    def clear(self) -> None:
        """Lets go of what is free."""
        self._free.clear()
        self._room = _MOST_MB << 20

    def _take(self, kept: MutableMapping[Any, Tensor]) -> None:
        while kept:
            _, tensor = kept.popitem()
            size = _size(tensor)
            if _LEAST <= size <= self._room and tensor.device.type == "cpu":
                self._room -= size
                self._free.setdefault(_kind(tensor), []).append(tensor)


def _kind(tensor: Tensor) -> _Kind:
    return tensor.dtype, tensor.device, tensor.shape, tensor.stride()


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
