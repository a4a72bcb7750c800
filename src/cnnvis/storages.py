"""What the tensors in one piece of memory read, when some of them are written to."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from cnnvis.dependence import Dependence
from cnnvis.joining import catenated
from cnnvis.reach import Taps, Unknown

State = Dependence | None | str
"""What a tensor reads: something, nothing (None), or why it is not known."""

Geometry = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Offset, shape and strides: which part of its storage a tensor is."""


class Storage:
    """What is known of one piece of memory.

    Attributes:
        reference: Keeps its number from being given out again.
        constant: All of it depends on nothing.
        states: What each tensor in it reads.
        parts: Which tensors are parts of which.
        overwritten: It was written to since some of its tensors were made.
    """

    __slots__ = ("constant", "overwritten", "parts", "reference", "states")

    def __init__(self, reference: StorageWeakRef) -> None:
        self.reference = reference
        self.constant = False
        self.states: dict[Geometry, State] = {}
        self.parts: dict[Geometry, Part] = {}
        self.overwritten = False

    def look(self, geometry: Geometry) -> State:
        """What a tensor in it reads."""
        if geometry in self.states:
            return self.states[geometry]
        part = self.parts.get(geometry)
        if part is not None:
            base = self.look(part.base)
            if not isinstance(base, Dependence):
                return base
            try:
                taken = part.take(base)
                return taken if any(taken.reaches) else None
            except Unknown as error:
                return f"It is a part of what was written, and {error}."
        if self.overwritten:
            return "It was overwritten through another view of its memory."
        return "It is computed from a tensor of unknown origin."


@dataclass(frozen=True, slots=True)
class Part:
    """Some indices of a dimension of a larger tensor."""

    base: Geometry
    shape: tuple[int, ...]
    dim: int
    indices: range
    selected: bool

    def take(self, base: Dependence) -> Dependence:
        """What this part reads, of what the larger tensor reads."""
        part = base.gathered(self.dim, self.indices)
        return part.dropped([self.dim]) if self.selected else part

    def put(self, part: Dependence | None, before: Dependence | None) -> Dependence | None:
        """What the larger tensor reads after this part was written, of what it read before."""
        if part is None:
            if before is None or len(self.indices) == self.shape[self.dim]:
                return None
            taken = (len(self.indices) if i == self.dim else n for i, n in enumerate(self.shape))
            part = Dependence.nothing(before.lengths, taken)
        elif self.selected:
            part = part.inserted(self.dim)
        base = before or Dependence.nothing(part.lengths, self.shape)
        size, indices = self.shape[self.dim], self.indices
        if len(indices) == size:
            return part
        along = any(not atom.free for atom in part.dims[self.dim])
        if indices.step != 1:
            raise Unknown("its parts read different places by no rule")
        if before is None and along:
            # as padding: the lattice goes on in what was not written
            taps = Taps(1, 1, (range(-indices.start, 1 - indices.start),))
            return part.windowed(self.dim, taps, size)
        head = base.gathered(self.dim, range(0, indices.start))
        tail = base.gathered(self.dim, range(indices.stop, size))
        return catenated([head, part, tail], self.dim)


def geometry_of(tensor: Tensor) -> Geometry:
    """Which part of its storage a tensor is."""
    shape, strides = tuple(tensor.shape), tensor.stride()
    if 1 in shape:  # there strides say nothing, and convolutions like to change them
        pairs = zip(shape, strides, strict=True)
        strides = tuple(0 if size == 1 else stride for size, stride in pairs)
    return int(tensor.storage_offset()), shape, strides
