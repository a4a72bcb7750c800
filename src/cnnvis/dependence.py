"""What each element of a tensor reads of the image, and how that follows through tensor algebra.

Each dimension is a row-major list of atoms, as a reshape leaves it. For an image axis, an element's
place is the sum of coefficient times digit over all atoms, and a `Reaches` says what is read at a
place. So a transpose only moves atoms, a split halves one, an average takes the hull over one, and a
convolution composes the function with its taps. Channels that read differently, as after a
concatenation or an unshuffle, are atoms with a coefficient like any other.

Where the elements along an atom follow no such rule its coefficient is None. It then holds that the
hull over all such atoms is exact, though a single element may read less. A sum over them, as every
ungrouped convolution takes over channels, is known again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod
from typing import NamedTuple

from cnnvis.reach import (
    PIXELS,
    Reach,
    Reaches,
    Taps,
    Unknown,
    fixed,
    hull,
    interleave,
    rising,
    shifted,
    spread,
    through,
)

# different channels are followed one by one up to this many
_VARIANTS = 64
# places along one dimension that are worth looking at one by one
_PLACES = 1 << 18


class Atom(NamedTuple):
    """A part of a dimension.

    Attributes:
        size: How many values its digit takes.
        coefs: By how much a digit more moves the place on each image axis; None: by no rule.
        mirror: How wide a window must be for it to hold no less than what a padding that repeats
            pixels took from the inside; 0 without such a padding.
    """

    size: int
    coefs: tuple[int | None, ...]
    mirror: int = 0

    @property
    def free(self) -> bool:
        """Whether its elements all read the same."""
        return not any(coef != 0 for coef in self.coefs)


Dim = tuple[Atom, ...]
"""Row-major; a dimension of size 1 is one atom, any other has none of size 1."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """What each element of one tensor reads.

    Attributes:
        lengths: Pixels along each image axis.
        dims: The tensor's dimensions.
        reaches: For each image axis what is read at a place.
    """

    lengths: tuple[int, ...]
    dims: tuple[Dim, ...]
    reaches: tuple[Reaches, ...]

    @classmethod
    def image(cls, shape: Sequence[int], axes: int) -> Dependence:
        """The input itself: its last `axes` dimensions are the image axes."""
        lengths = tuple(shape[len(shape) - axes :])
        dims = [
            (Atom(size, tuple(int(dim - len(shape) + axes == axis) for axis in range(axes))),)
            for dim, size in enumerate(shape)
        ]
        return cls(lengths, tuple(dims), (PIXELS,) * axes)

    @classmethod
    def nothing(cls, lengths: tuple[int, ...], shape: Iterable[int]) -> Dependence:
        """A tensor that reads nothing of the image."""
        zeros = (0,) * len(lengths)
        return cls(lengths, tuple((Atom(size, zeros),) for size in shape), ((),) * len(lengths))

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(prod(atom.size for atom in dim) for dim in self.dims)

    def permuted(self, order: Sequence[int]) -> Dependence:
        """With the dimensions in another order."""
        return Dependence(self.lengths, tuple(self.dims[dim] for dim in order), self.reaches)

    def inserted(self, dim: int) -> Dependence:
        """With a dimension of size 1 more, before dimension `dim`."""
        dims = (*self.dims[:dim], self._free(1), *self.dims[dim:])
        return Dependence(self.lengths, dims, self.reaches)

    def dropped(self, dims: Iterable[int]) -> Dependence:
        """Without these dimensions, all of size 1."""
        gone = set(dims)
        return self._settled([d for i, d in enumerate(self.dims) if i not in gone], self.reaches)

    def expanded(self, shape: Sequence[int]) -> Dependence:
        """Broadcast to a shape."""
        if self.shape == tuple(shape):
            return self
        dims: list[Dim] = [self._free(1)] * (len(shape) - len(self.dims)) + list(self.dims)
        for i, size in enumerate(shape):
            if size != 1 and len(dims[i]) == 1 and dims[i][0].size == 1:
                dims[i] = self._free(size)
        return self._settled(dims, self.reaches)

    def reduced(self, dims: Iterable[int], *, keep: bool) -> Dependence:
        """After an operation whose outputs read all along these dimensions.

        Args:
            dims: The dimensions that are read.
            keep: Whether they stay, with size 1.
        """
        gone, reaches = set(dims), list(self.reaches)
        for dim in gone:
            for atom in self.dims[dim]:
                self._read_all(atom, reaches)
        kept = [self._free(1) if i in gone else d for i, d in enumerate(self.dims)]
        if not keep:
            kept = [d for i, d in enumerate(self.dims) if i not in gone]
        return self._settled(kept, reaches)

    def mixed(self, dims: Iterable[int]) -> Dependence:
        """After an operation whose outputs read all along these dimensions and keep their size."""
        gone = set(dims)
        if all(atom.free for dim in gone for atom in self.dims[dim]):
            return self
        return self.reduced(gone, keep=True).expanded(self.shape)

    def lost(self, dim: int) -> Dependence:
        """After an operation whose outputs together read all along a dimension, by no rule."""
        reaches = list(self.reaches)
        coefs: list[int | None] = [0] * len(reaches)
        for atom in self.dims[dim]:
            self._read_all(atom, reaches)
            coefs = [None if c != 0 else old for c, old in zip(atom.coefs, coefs, strict=True)]
        size = prod(atom.size for atom in self.dims[dim])
        return self._settled(_put(self.dims, dim, (Atom(size, tuple(coefs)),)), reaches)

    def viewed(self, shape: Sequence[int]) -> Dependence:
        """With the same elements in another shape."""
        if self.shape == tuple(shape):
            return self
        if not prod(shape):
            return Dependence.nothing(self.lengths, shape)
        reaches = list(self.reaches)
        left = [atom for dim in self.dims for atom in dim][::-1]  # the next one last
        dims: list[Dim] = []
        open_targets = list(shape)[::-1]
        while open_targets:
            target = open_targets.pop()
            if target == 1:
                single = bool(left) and left[-1].size == 1
                dims.append((left.pop(),) if single else self._free(1))
                continue
            taken: list[Atom] = []
            rest = target
            while rest > 1:
                atom = left.pop()
                if atom.size == 1:
                    continue
                if rest % atom.size == 0:
                    taken.append(atom)
                    rest //= atom.size
                elif atom.size % rest == 0:
                    lower = atom.size // rest
                    if atom.mirror:
                        raise Unknown("a padded border is split")
                    upper = tuple(None if c is None else c * lower for c in atom.coefs)
                    taken.append(Atom(rest, upper))
                    left.append(Atom(lower, atom.coefs))
                    rest = 1
                else:
                    # no common digits: put together as many as fill whole dimensions
                    left.append(atom)
                    group, sizes = taken, [target]
                    while prod(a.size for a in group) != prod(sizes):
                        if prod(a.size for a in group) < prod(sizes):
                            group.append(left.pop())
                        else:
                            sizes.append(open_targets.pop())
                    coefs: list[int | None] = [0] * len(reaches)
                    for part in group:
                        self._read_all(part, reaches)
                        pairs = zip(part.coefs, coefs, strict=True)
                        coefs = [None if c != 0 and part.size > 1 else d for c, d in pairs]
                    made = [
                        Atom(size, tuple(coefs)) if size > 1 else self._free(1)[0] for size in sizes
                    ]
                    dims += [(atom,) for atom in made[:-1]]
                    taken, rest = [made[-1]], 1
            dims.append(_merged(taken))
        return self._settled(dims, reaches)

    def gathered(self, dim: int, indices: Sequence[int]) -> Dependence:
        """With these elements of a dimension: a slice, a flip, a table of constants."""
        atoms, size = self.dims[dim], prod(atom.size for atom in self.dims[dim])
        if all(atom.free for atom in atoms):
            return Dependence(
                self.lengths, _put(self.dims, dim, self._free(len(indices))), self.reaches
            )
        if isinstance(indices, range) and indices == range(size):
            return self
        if any(atom.mirror for atom in atoms):
            raise Unknown("a padded border is cut")
        reaches = list(self.reaches)
        if any(coef is None for atom in atoms for coef in atom.coefs):
            if set(indices) != set(range(size)):
                raise Unknown("a part is taken of elements that read different places by no rule")
            return self.lost(dim).gathered_all(dim, len(indices))
        if len(atoms) == 1 and isinstance(indices, range) and indices.step > 0 and indices:
            coefs = [c or 0 for c in atoms[0].coefs]
            for axis, coef in enumerate(coefs):
                reaches[axis] = shifted(reaches[axis], coef * indices[0])
            atom = Atom(len(indices), tuple(coef * indices.step for coef in coefs))
            return self._settled(_put(self.dims, dim, (atom,)), reaches)
        if len(indices) > _PLACES:
            raise Unknown("too many elements are rearranged")
        every = _places(atoms)
        places = [every[index] for index in indices]
        found = _factored(places)
        if found is not None:
            for axis, place in enumerate(places[0]):
                reaches[axis] = shifted(reaches[axis], place)
            return self._settled(_put(self.dims, dim, found), reaches)
        lost: list[int | None] = []
        for axis in range(len(reaches)):
            offsets = sorted({place[axis] for place in places})
            reaches[axis] = through(reaches[axis], Taps(1, 1, (offsets,)))
            lost.append(None if len(offsets) > 1 else 0)
        return self._settled(_put(self.dims, dim, (Atom(len(indices), tuple(lost)),)), reaches)

    def gathered_all(self, dim: int, size: int) -> Dependence:
        """With a dimension without a rule, all of it taken, that gets another size."""
        [atom] = self.dims[dim]
        return self._settled(_put(self.dims, dim, (atom._replace(size=size),)), self.reaches)

    def windowed(self, dim: int, taps: Taps, units: int) -> Dependence:
        """After an operation that reads windows along a dimension.

        Args:
            dim: The dimension.
            taps: What each output index reads.
            units: The size that the dimension has then.
        """
        atoms = self.dims[dim]
        if all(atom.free for atom in atoms):
            return Dependence(self.lengths, _put(self.dims, dim, self._free(units)), self.reaches)
        if taps == _SAME and units == prod(atom.size for atom in atoms):
            return self
        if len(atoms) > 1 or taps.period > 1:
            plain = self.simple(dim)
            if plain is not self:
                return plain.windowed(dim, taps, units)
        [atom] = atoms
        if atom.mirror:
            self._check_mirror(atom, taps)
        coefs: list[int | None] = []
        reaches = list(self.reaches)
        for axis, coef in enumerate(atom.coefs):
            if coef is None:
                _check_covered(taps, atom.size, units)
                coefs.append(None)
            elif coef == 0:
                coefs.append(0)
            elif taps.period > 1 or (coef == 1 and self._only(axis, dim)):
                reaches[axis] = through(reaches[axis], taps)
                coefs.append(1)
            else:
                reads = _times_each(taps.reads[0], coef)
                reaches[axis] = through(reaches[axis], Taps(1, 1, (reads,)))
                coefs.append(coef * taps.advance)
        return self._settled(_put(self.dims, dim, (Atom(units, tuple(coefs)),)), reaches)

    def mirrored(self, dim: int, before: int, after: int, *, repeat: bool) -> Dependence:
        """After a padding that reflects the border, or repeats its last pixel.

        As if the image went on: right once a window reaches from the outermost copy to the pixel
        that it is a copy of, and refused by everything else that reads single elements.
        """
        width = max(before, after)
        size = self.shape[dim] + before + after
        shape = self.windowed(dim, Taps(1, 1, (range(-before, 1 - before),)), size)
        if width <= 0 or all(atom.free for atom in shape.dims[dim]):
            return shape
        shape = shape.simple(dim)
        [atom] = shape.dims[dim]
        atom = atom._replace(mirror=width if repeat else 2 * width)
        return Dependence(self.lengths, _put(shape.dims, dim, (atom,)), shape.reaches)

    def unfolded(self, dim: int, size: int, step: int) -> Dependence:
        """After `Tensor.unfold`: windows of a dimension, laid along a new last one."""
        plain = self if len(self.dims[dim]) == 1 else self.simple(dim)
        [atom] = plain.dims[dim]
        units = (atom.size - size) // step + 1
        if atom.mirror:
            raise Unknown("windows are cut out of a padded border")
        if None in atom.coefs:
            raise Unknown("windows are cut out of elements that read different places by no rule")
        moved = Atom(units, tuple((c or 0) * step for c in atom.coefs))
        dims = [*_put(plain.dims, dim, (moved,)), (Atom(size, atom.coefs),)]
        return plain._settled(dims, plain.reaches)

    def simple(self, dim: int) -> Dependence:
        """With a dimension as one atom of coefficients 1, and its image axes in no other one.

        Other dimensions along the same axes lose their rule.
        """
        atoms = self.dims[dim]
        axes = [axis for axis in range(len(self.lengths)) if any(a.coefs[axis] != 0 for a in atoms)]
        if len(atoms) == 1 and all(
            atoms[0].coefs[axis] in (1, None) and self._only(axis, dim) for axis in axes
        ):
            return self
        if any(atom.mirror for atom in atoms):
            raise Unknown("a padded border is rearranged")
        other: Dependence = self
        for axis in axes:
            other = other._forgotten(axis, lambda d, a: d != dim)
            if any(a.coefs[axis] is None for a in atoms):
                other = other._forgotten(axis, lambda d, a: d == dim)
        atoms, reaches = other.dims[dim], list(other.reaches)
        size, lower = prod(a.size for a in atoms), prod(a.size for a in atoms[1:])
        coefs: list[int | None] = [0] * len(reaches)
        if lower > _PLACES:
            raise Unknown("too many elements are rearranged")
        for axis in axes:
            own = [atom.coefs[axis] for atom in atoms]
            if None in own:
                coefs[axis] = None
                continue
            steps = [coef or 0 for coef in own]
            places = [
                sum(step * digit for step, digit in zip(steps[1:], digits, strict=True))
                for digits in product(*(range(a.size) for a in atoms[1:]))
            ]
            taps = Taps(lower, steps[0], tuple((place,) for place in places))
            reaches[axis] = through(reaches[axis], taps)
            coefs[axis] = 1
        return other._settled(_put(other.dims, dim, (Atom(size, tuple(coefs)),)), reaches)

    def place(self, index: Sequence[int], axis: int) -> int:
        """The place of an element on an image axis; all coefficients must be known."""
        place = 0
        for digit, dim in zip(index, self.dims, strict=True):
            for atom in reversed(dim):
                digit, low = divmod(digit, atom.size)
                place += (atom.coefs[axis] or 0) * low
        return place

    def _free(self, size: int) -> Dim:
        return (Atom(size, (0,) * len(self.lengths)),)

    def _only(self, axis: int, dim: int) -> bool:
        """Whether no other dimension moves along an axis."""
        return all(atom.coefs[axis] == 0 for i, d in enumerate(self.dims) if i != dim for atom in d)

    def _forgotten(self, axis: int, which: Callable[[int, int], bool]) -> Dependence:
        """Without the rule of atoms along an axis, chosen by their dimension and number."""
        reaches = list(self.reaches)
        dims: list[Dim] = []
        number = -1
        for i, dim in enumerate(self.dims):
            atoms = []
            for atom in dim:
                number += 1
                coef = atom.coefs[axis]
                if coef and which(i, number):
                    if atom.mirror:
                        raise Unknown("a padded border is read in more than one way")
                    if atom.size > 1:
                        reads = range(0, coef * atom.size, coef)
                        reaches[axis] = through(reaches[axis], Taps(1, 1, (reads,)))
                    coefs = list(atom.coefs)
                    coefs[axis] = None if atom.size > 1 else 0
                    atom = atom._replace(coefs=tuple(coefs))
                atoms.append(atom)
            dims.append(tuple(atoms))
        return Dependence(self.lengths, tuple(dims), tuple(reaches))

    def _read_all(self, atom: Atom, reaches: list[Reaches]) -> None:
        if atom.mirror:
            raise Unknown("a padded border is read as a whole")
        for axis, coef in enumerate(atom.coefs):
            if coef and atom.size != 1:
                reads = range(0, coef * atom.size, coef)
                reaches[axis] = through(reaches[axis], Taps(1, 1, (reads,)))

    def _check_mirror(self, atom: Atom, taps: Taps) -> None:
        reads = taps.reads[0]
        wide = taps.period == 1 and len(reads) > 0 and max(reads) - min(reads) >= atom.mirror
        axes = [axis for axis, coef in enumerate(atom.coefs) if coef != 0]
        if not wide or not all(rising(self.reaches[axis]) for axis in axes):
            raise Unknown("a padding copies pixels from beyond the next window")

    def _settled(self, dims: Sequence[Dim], reaches: Sequence[Reaches]) -> Dependence:
        """The same with the least coefficients, and constants for what no dimension moves."""
        result = list(reaches)
        scales: list[int] = []
        for axis, length in enumerate(self.lengths):
            coefs = {atom.coefs[axis] for dim in dims for atom in dim}
            found = result[axis]
            moving = [coef for coef in coefs if coef]
            scale = gcd(*moving) if moving else 0
            if scale > 1:
                found = shifted(found, 0, scale)
            elif scale == 0 and not all(reach.constant for reach in found):
                found = fixed(found)
            if any(_covers(reach, length) for reach in found):
                found = (Reach(1, 0, ((0, length - 1),)),)
            if scale and all(reach.constant for reach in found):
                scale = 0
            # -1: nothing is read, whatever the rule
            scales.append(scale if found else -1)
            result[axis] = found
        if any(scale != 1 for scale in scales):
            dims = [
                tuple(
                    atom._replace(
                        coefs=tuple(
                            None if c is None and s >= 0 else c // s if c and s > 0 else 0
                            for c, s in zip(atom.coefs, scales, strict=True)
                        )
                    )
                    for atom in dim
                )
                for dim in dims
            ]
        return Dependence(self.lengths, tuple(dims), tuple(result))


_SAME = Taps(1, 1, (range(1),))


def hull_of(parts: Iterable[Dependence], shape: Sequence[int]) -> Dependence:
    """What is read by the result of an element-wise operation.

    Args:
        parts: What its operands read; at least one.
        shape: What they are broadcast to.
    """
    result: Dependence | None = None
    for part in parts:
        other = part.expanded(shape)
        result = other if result is None or result == other else _hull_of(result, other)
    assert result is not None, "an operation on nothing"
    return result


def catenated(parts: Sequence[Dependence], dim: int) -> Dependence:
    """What is read by the parts, joined along a dimension."""
    total = sum(part.shape[dim] for part in parts)
    pieces: list[tuple[Dependence, int]] = []
    for part in parts:
        if part.shape[dim] == 0:
            continue
        pieces += _pieces(part, dim) or [(part.lost(dim), 0)]
    if not pieces:
        return parts[0]
    first = pieces[0][0]
    grain = gcd(*(size for _, size in pieces))
    if all(size and piece == first for piece, size in pieces):
        return Dependence(first.lengths, _put(first.dims, dim, first._free(total)), first.reaches)
    ruled = all(size for _, size in pieces) and total // grain <= _VARIANTS
    flat = [piece if size else piece.reduced([dim], keep=True) for piece, size in pieces]
    joined = hull_of(flat, flat[0].shape)
    choices: list[list[Reaches]] = [[] for _ in joined.lengths]
    if ruled:
        for piece, (_, size) in zip(flat, pieces, strict=True):
            dims, own, _ = _aligned(piece, joined)
            ruled = ruled and dims == joined.dims
            for axis, reaches in enumerate(own):
                choices[axis] += [reaches] * (size // grain)
    reaches_of = list(joined.reaches)
    scales, coefs = [1] * len(reaches_of), [0] * len(reaches_of)
    lost: list[int | None] = [0] * len(reaches_of)
    for axis in range(len(reaches_of)):
        if ruled:
            if all(reaches == choices[axis][0] for reaches in choices[axis]):
                continue
            woven = interleave(choices[axis])
            if woven is not None:
                reaches_of[axis] = woven
                scales[axis], coefs[axis] = len(choices[axis]), 1
                continue
        lost[axis] = None
    if None in lost:
        # a rule on one axis and none on another would need two lists of atoms
        every = [None if c or d is None else 0 for c, d in zip(coefs, lost, strict=True)]
        return joined._settled(_put(joined.dims, dim, (Atom(total, tuple(every)),)), joined.reaches)
    scaled = [
        tuple(
            atom._replace(
                coefs=tuple(
                    None if c is None else c * s for c, s in zip(atom.coefs, scales, strict=True)
                )
            )
            for atom in d
        )
        for d in joined.dims
    ]
    made = [Atom(total // grain, tuple(coefs)), Atom(grain, (0,) * len(coefs))]
    return joined._settled(_put(scaled, dim, _merged(a for a in made if a.size > 1)), reaches_of)


def _hull_of(a: Dependence, b: Dependence) -> Dependence:
    a = _swallowed(a, b)
    b = _swallowed(b, a)
    dims, own, other = _aligned(a, b)
    both = [hull((*mine, *yours)) for mine, yours in zip(own, other, strict=True)]
    return a._settled(dims, both)


def _swallowed(a: Dependence, by: Dependence) -> Dependence:
    """Without the axes along which all that it reads is read by every element of another."""
    for axis in range(len(a.lengths)):
        cover, own = by.reaches[axis], a.reaches[axis]
        if len(cover) != 1 or not cover[0].constant or not own or _lost_on(by, axis):
            continue
        span = cover[0].spans[0]
        inside = all(
            reach.constant and span and at and span[0] <= at[0] and at[1] <= span[1]
            for reach in own
            for at in reach.spans
        )
        if inside or _covers(cover[0], a.lengths[axis]):
            reaches = list(a.reaches)
            reaches[axis] = ()
            a = a._settled(a.dims, reaches)
    return a


def _lost_on(a: Dependence, axis: int) -> bool:
    return any(atom.coefs[axis] is None for dim in a.dims for atom in dim)


def _aligned(
    a: Dependence, b: Dependence
) -> tuple[tuple[Dim, ...], tuple[Reaches, ...], tuple[Reaches, ...]]:
    """Two of one shape with the same atoms and coefficients: these, and what each reads then."""
    if a.dims == b.dims:
        return a.dims, a.reaches, b.reaches
    for dim in range(len(a.dims)):
        a, b = _refined(a, b, dim)
    for axis in range(len(a.lengths)):
        a, b = _level(a, b, axis)
    dims = tuple(
        tuple(x._replace(mirror=max(x.mirror, y.mirror)) for x, y in zip(p, q, strict=True))
        for p, q in zip(a.dims, b.dims, strict=True)
    )
    return dims, a.reaches, b.reaches


def _refined(a: Dependence, b: Dependence, dim: int) -> tuple[Dependence, Dependence]:
    """With atoms of the same sizes in a dimension."""
    p, q = a.dims[dim], b.dims[dim]
    if [x.size for x in p] == [y.size for y in q]:
        return a, b
    if any(atom.mirror for atom in (*p, *q)):
        raise Unknown("a padded border is read in more than one way")
    if all(atom.free for atom in p):
        p = tuple(Atom(atom.size, p[0].coefs) for atom in q)
    elif all(atom.free for atom in q):
        q = tuple(Atom(atom.size, q[0].coefs) for atom in p)
    else:
        split = _split(p, q)
        if split is None:
            return a.lost(dim), b.lost(dim)
        p, q = split
    return (
        Dependence(a.lengths, _put(a.dims, dim, p), a.reaches),
        Dependence(b.lengths, _put(b.dims, dim, q), b.reaches),
    )


def _split(p: Dim, q: Dim) -> tuple[Dim, Dim] | None:
    """Both dimensions in atoms of the same sizes, if there are such."""
    left, right = list(p), list(q)
    done: list[tuple[Atom, Atom]] = []
    while left:
        x, y = left.pop(), right.pop()
        size = min(x.size, y.size)
        if max(x.size, y.size) % size:
            return None
        for atom, rest in ((x, left), (y, right)):
            if atom.size > size:
                coefs = tuple(None if c is None else c * size for c in atom.coefs)
                rest.append(Atom(atom.size // size, coefs))
        done.append((Atom(size, x.coefs), Atom(size, y.coefs)))
    done.reverse()
    return tuple(x for x, _ in done), tuple(y for _, y in done)


def _level(a: Dependence, b: Dependence, axis: int) -> tuple[Dependence, Dependence]:
    """With the same coefficients along an axis; the atoms have the same sizes already."""
    for _ in range(4):
        p = _coefs(a, axis)
        q = _coefs(b, axis)
        if p == q:
            return a, b
        if all(reach.constant for reach in a.reaches[axis]) and None not in p:
            return _recoefed(a, axis, q), b
        if all(reach.constant for reach in b.reaches[axis]) and None not in q:
            return a, _recoefed(b, axis, p)
        sizes = [atom.size for dim in a.dims for atom in dim]
        moves = [i for i, size in enumerate(sizes) if size > 1]
        lost = {i for i in moves if p[i] is None or q[i] is None}
        if lost:
            a, b = _forget(a, axis, lost), _forget(b, axis, lost)
            p, q = _coefs(a, axis), _coefs(b, axis)
        x = {i for i in moves if p[i] and not q[i] and i not in lost}
        y = {i for i in moves if q[i] and not p[i] and i not in lost}
        shared = {i for i in moves if i not in lost and p[i] and q[i]}
        if x and y:
            # an element for every pair: the one keeps its rule, the other is read as a whole
            a, b = _forget(a, axis, y), _forget(b, axis, y)
            continue
        both = [u or v for u, v in zip(p, q, strict=True)]  # digits of size 1 are always 0
        if not (x or y) and all(p[i] == q[i] for i in shared):
            return _recoefed(a, axis, both), _recoefed(b, axis, both)
        times = 0 if y else _times(p, q, shared, x, sizes)
        if times:
            return _recoefed(a, axis, both), _recoefed(_finer(b, axis, times), axis, both)
        times = 0 if x else _times(q, p, shared, y, sizes)
        if times:
            both = [v or u for u, v in zip(p, q, strict=True)]
            return _recoefed(_finer(a, axis, times), axis, both), _recoefed(b, axis, both)
        wrong = x | y | {i for i in shared if p[i] != q[i]}
        a, b = _forget(a, axis, wrong), _forget(b, axis, wrong)
    raise Unknown("two tensors lie differently on the image")


def _times(
    p: Sequence[int | None],
    q: Sequence[int | None],
    shared: set[int],
    extra: set[int],
    sizes: Sequence[int],
) -> int:
    """How much finer the lattice of p is than that of q, with room for the atoms only p moves on."""
    ratios = set()
    for i in shared:
        u, v = p[i] or 0, q[i] or 1
        if u % v:
            return 0
        ratios.add(u // v)
    if len(ratios) != 1:
        return 0
    [times] = ratios
    room = sum((p[i] or 0) * (sizes[i] - 1) for i in extra)
    return times if room < times else 0


def _coefs(a: Dependence, axis: int) -> list[int | None]:
    return [atom.coefs[axis] for dim in a.dims for atom in dim]


def _forget(a: Dependence, axis: int, which: set[int]) -> Dependence:
    """Without a rule along the atoms with these numbers."""
    result = a._forgotten(axis, lambda _, number: number in which)
    coefs = _coefs(result, axis)
    return _recoefed(result, axis, [None if i in which else c for i, c in enumerate(coefs)])


def _recoefed(a: Dependence, axis: int, coefs: Sequence[int | None]) -> Dependence:
    """With other coefficients along an axis, as they are."""
    given = iter(coefs)
    dims = []
    for dim in a.dims:
        atoms = []
        for atom in dim:
            own = list(atom.coefs)
            own[axis] = next(given)
            atoms.append(atom._replace(coefs=tuple(own)))
        dims.append(tuple(atoms))
    return Dependence(a.lengths, tuple(dims), a.reaches)


def _finer(a: Dependence, axis: int, times: int) -> Dependence:
    """With so many places along an axis for each one; the coefficients are still to be set."""
    reaches = list(a.reaches)
    reaches[axis] = spread(reaches[axis], times)
    return Dependence(a.lengths, a.dims, tuple(reaches))


def _pieces(part: Dependence, dim: int) -> list[tuple[Dependence, int]] | None:
    """Runs along a dimension that read the same, with their lengths; None if there are many."""
    atoms = list(part.dims[dim])
    run = 1
    while atoms and atoms[-1].free:
        run *= atoms.pop().size
    count = prod(atom.size for atom in atoms)
    if any(atom.mirror or None in atom.coefs for atom in atoms) or count > _VARIANTS:
        return None
    base = Dependence(part.lengths, _put(part.dims, dim, part._free(1)), part.reaches)
    if not atoms:
        return [(base, run)]
    pieces = []
    for place in _places(atoms):
        reaches = [shifted(r, p) for r, p in zip(base.reaches, place, strict=True)]
        pieces.append((base._settled(base.dims, reaches), run))
    return pieces


def _places(atoms: Sequence[Atom]) -> list[tuple[int, ...]]:
    """The place of every index of a dimension, on all image axes."""
    axes = range(len(atoms[0].coefs))
    if prod(atom.size for atom in atoms) > _PLACES:
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


def _factored(places: Sequence[tuple[int, ...]]) -> Dim | None:
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
    return _merged(reversed(atoms)) if atoms else (Atom(1, tuple(0 for _ in axes)),)


def _merged(atoms: Iterable[Atom]) -> Dim:
    """The same atoms, those joined that go on evenly."""
    kept: list[Atom] = []
    for atom in atoms:
        if kept and not atom.mirror and not kept[-1].mirror:
            above = kept[-1]
            if all(
                c is d if c is None or d is None else c == d * atom.size
                for c, d in zip(above.coefs, atom.coefs, strict=True)
            ):
                kept[-1] = Atom(above.size * atom.size, atom.coefs)
                continue
        kept.append(atom)
    return tuple(kept)


def _put(dims: Sequence[Dim], dim: int, new: Dim) -> tuple[Dim, ...]:
    return (*dims[:dim], new, *dims[dim + 1 :])


def _covers(reach: Reach, length: int) -> bool:
    span = reach.spans[0]
    return reach.constant and span is not None and span[0] <= 0 and span[1] >= length - 1


def _times_each(indices: Sequence[int], factor: int) -> Sequence[int]:
    if isinstance(indices, range):
        return range(indices.start * factor, indices.stop * factor, indices.step * factor)
    return [index * factor for index in indices]


def _check_covered(taps: Taps, size: int, units: int) -> None:
    """Raises unless all the outputs together read all of a dimension."""
    read: set[int] = set()
    for unit in range(units):
        turn, phase = divmod(unit, taps.period)
        read.update(taps.advance * turn + index for index in taps.reads[phase])
    if not read.issuperset(range(size)):
        raise Unknown("a window skips some of the elements that read different places by no rule")
