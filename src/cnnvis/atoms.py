"""What the dimensions of a tensor are made of: atoms, row-major, as reshapes leave them.

For an image axis, an element's place is the sum of coefficient times digit over all atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from cnnvis.reach import Unknown

PLACES = 1 << 18
"""Places along one dimension that are worth looking at one by one."""


class Mirror(NamedTuple):
    """A padding that copies pixels from inside: reflected at the border, or the last one repeated."""

    before: int
    after: int
    repeat: bool

    @property
    def width(self) -> int:
        """How wide a window reaches from every copy to the pixel that it is a copy of."""
        return max(self.before, self.after) * (1 if self.repeat else 2)

    def sources(self, size: int) -> list[int]:
        """Which index of the padded dimension each index of it is a copy of."""
        last = size - self.before - self.after - 1
        inner = [abs(index) for index in range(-self.before, last + self.after + 1)]
        if self.repeat:
            inner = [min(max(i, 0), last) for i in range(-self.before, last + self.after + 1)]
        return [(index if index <= last else 2 * last - index) + self.before for index in inner]


class Atom(NamedTuple):
    """A part of a dimension.

    Attributes:
        size: How many values its digit takes.
        coefs: By how much a digit more moves the place on each image axis; None: by no rule.
        closed: Whether the lattice ends with it, so that windows beyond its ends read nothing;
            otherwise it goes on, as an image does beyond its padding.
        mirror: The padding that was put around it, counted as if the image went on, until an
            operation reads wide enough windows for that to be right.
    """

    size: int
    coefs: tuple[int | None, ...]
    closed: bool = False
    mirror: Mirror | None = None

    @property
    def free(self) -> bool:
        """Whether its elements all read the same."""
        return not any(coef != 0 for coef in self.coefs)


Dim = tuple[Atom, ...]
"""Row-major; a dimension of size 1 is one atom, any other has none of size 1."""


@lru_cache(maxsize=4096)
def free(size: int, axes: int) -> Dim:
    """A dimension along which all elements read the same."""
    return (Atom(size, (0,) * axes),)


def scaled(coefs: tuple[int | None, ...], factor: int) -> tuple[int | None, ...]:
    """Coefficients, multiplied."""
    return tuple(None if coef is None else coef * factor for coef in coefs)


def places(atoms: Sequence[Atom]) -> list[tuple[int, ...]]:
    """The place of every index of a dimension, on all image axes."""
    axes = range(len(atoms[0].coefs))
    if prod(atom.size for atom in atoms) > PLACES:
        raise Unknown("too many elements are rearranged")
    places = [tuple(0 for _ in axes)]
    for atom in atoms:
        steps = [coef or 0 for coef in atom.coefs]
        places = [
            tuple(place[axis] + steps[axis] * digit for axis in axes)
            for place in places
            for digit in range(atom.size)
        ]
    return places


def factored(places: Sequence[tuple[int, ...]]) -> Dim | None:
    """Atoms that have these places, up to where they start; None if there are none."""
    axes = range(len(places[0])) if places else range(0)
    if not places:
        return None
    rest = [tuple(place[axis] - places[0][axis] for axis in axes) for place in places]
    atoms: list[Atom] = []
    while len(rest) > 1:
        step = rest[1]
        if any(s < 0 for s in step):
            return None
        run = 1
        while run < len(rest) and all(rest[run][axis] == run * step[axis] for axis in axes):
            run += 1
        sizes = [size for size in range(run, 1, -1) if len(rest) % size == 0]
        for size in sizes:
            upper = rest[::size]
            if all(
                place[axis] == upper[i // size][axis] + rest[i % size][axis]
                for i, place in enumerate(rest)
                for axis in axes
            ):
                atoms.append(Atom(size, step))
                rest = upper
                break
        else:
            return None
    return merged(reversed(atoms)) if atoms else (Atom(1, tuple(0 for _ in axes)),)


def merged(atoms: Iterable[Atom]) -> Dim:
    """The same atoms, those joined that go on evenly."""
    kept: list[Atom] = []
    for atom in atoms:
        if kept and not atom.mirror and not kept[-1].mirror:
            above = kept[-1]
            if (above.closed == atom.closed or above.free or atom.free) and all(
                c is d if c is None or d is None else c == d * atom.size
                for c, d in zip(above.coefs, atom.coefs, strict=True)
            ):
                kept[-1] = Atom(above.size * atom.size, atom.coefs, above.closed or atom.closed)
                continue
        kept.append(atom)
    return tuple(kept)


def put(dims: Sequence[Dim], dim: int, new: Dim) -> tuple[Dim, ...]:
    """Dimensions with one replaced."""
    return (*dims[:dim], new, *dims[dim + 1 :])
