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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod

from cnnvis.atoms import PLACES, Atom, Dim, Mirror, factored, free, merged, places, put, scaled
from cnnvis.reach import (
    PERIOD_LIMIT,
    PIXELS,
    Reach,
    Reaches,
    Taps,
    Unknown,
    at,
    covers,
    rising,
    shifted,
    table,
    through,
)


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
        kept = [d for i, d in enumerate(self.dims) if i not in gone]
        if all(self.dims[dim][0].free for dim in gone):
            return self._same(kept)
        return self.settled(kept, self.reaches)

    def expanded(self, shape: Sequence[int]) -> Dependence:
        """Broadcast to a shape."""
        if self.shape == tuple(shape):
            return self
        dims: list[Dim] = [self._free(1)] * (len(shape) - len(self.dims)) + list(self.dims)
        moved = False
        for i, size in enumerate(shape):
            if size != 1 and len(dims[i]) == 1 and dims[i][0].size == 1:
                moved = moved or not dims[i][0].free
                dims[i] = self._free(size)
        return self.settled(dims, self.reaches) if moved else self._same(dims)

    def reduced(self, dims: Iterable[int], *, keep: bool) -> Dependence:
        """After an operation whose outputs read all along these dimensions.

        Args:
            dims: The dimensions that are read.
            keep: Whether they stay, with size 1.
        """
        gone = set(dims)
        for dim in gone:
            if self.dims[dim][0].mirror:
                return self.opened(dim).reduced(gone, keep=keep)
        reads = self._read_all(gone)
        kept = [self._free(1) if i in gone else d for i, d in enumerate(self.dims)]
        if not keep:
            kept = [d for i, d in enumerate(self.dims) if i not in gone]
        return self.settled(kept, self.reaches, reads) if reads else self._same(kept)

    def mixed(self, dims: Iterable[int]) -> Dependence:
        """After an operation whose outputs read all along these dimensions and keep their size."""
        gone = set(dims)
        if all(atom.free for dim in gone for atom in self.dims[dim]):
            return self
        return self.reduced(gone, keep=True).expanded(self.shape)

    def lost(self, dim: int) -> Dependence:
        """After an operation whose outputs together read all along a dimension, by no rule."""
        if self.dims[dim][0].mirror:
            return self.opened(dim).lost(dim)
        coefs: list[int | None] = [0] * len(self.lengths)
        for atom in self.dims[dim]:
            coefs = [None if c != 0 else old for c, old in zip(atom.coefs, coefs, strict=True)]
        size = prod(atom.size for atom in self.dims[dim])
        dims = put(self.dims, dim, (Atom(size, tuple(coefs)),))
        return self.settled(dims, self.reaches, self._read_all({dim}))

    def viewed(self, shape: Sequence[int]) -> Dependence:
        """With the same elements in another shape."""
        if self.shape == tuple(shape):
            return self
        if not prod(shape):
            return Dependence.nothing(self.lengths, shape)
        for dim, old in enumerate(self.dims):
            if old[0].mirror and (dim >= len(shape) or shape[dim] != old[0].size):
                return self.opened(dim).viewed(shape)
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
            if left and left[-1].size == target:
                dims.append((left.pop(),))
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
                    taken.append(Atom(rest, scaled(atom.coefs, lower), atom.closed))
                    left.append(Atom(lower, atom.coefs, atom.closed))
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
                        _read_each(part, reaches)
                        pairs = zip(part.coefs, coefs, strict=True)
                        coefs = [None if c != 0 and part.size > 1 else d for c, d in pairs]
                    made = [
                        Atom(size, tuple(coefs)) if size > 1 else self._free(1)[0] for size in sizes
                    ]
                    dims += [(atom,) for atom in made[:-1]]
                    taken, rest = [made[-1]], 1
            dims.append(merged(taken))
        return self.settled(_parted(dims, reaches), reaches)

    def gathered(self, dim: int, indices: Sequence[int]) -> Dependence:
        """With these elements of a dimension: a slice, a flip, a table of constants."""
        atoms, size = self.dims[dim], prod(atom.size for atom in self.dims[dim])
        if all(atom.free for atom in atoms):
            return self.replaced(dim, self._free(len(indices)))
        if indices == range(size):
            return self
        if atoms[0].mirror:
            return self.opened(dim).gathered(dim, indices)
        reaches = list(self.reaches)
        if any(None in atom.coefs for atom in atoms):
            if set(indices) != set(range(size)):
                raise Unknown("a part is taken of elements that read different places by no rule")
            rest = self.lost(dim)
            [atom] = rest.dims[dim]
            return rest.replaced(dim, (atom._replace(size=len(indices)),))
        if len(atoms) == 1 and isinstance(indices, range) and indices.step > 0 and indices:
            [atom] = atoms
            for axis, coef in enumerate(atom.coefs):
                reaches[axis] = shifted(reaches[axis], (coef or 0) * indices[0])
            # beyond a cut the image does not go on: padding stands for nothing there
            cut = indices[0] >= indices.step or indices[-1] + indices.step < size
            taken = Atom(len(indices), scaled(atom.coefs, indices.step), atom.closed or cut)
            return self.settled(put(self.dims, dim, (taken,)), reaches)
        if not indices:
            return self.replaced(dim, self._free(0))
        every = places(atoms)
        wanted = [every[index] for index in indices]
        found = factored(wanted)
        if found is not None:
            for axis, place in enumerate(wanted[0]):
                reaches[axis] = shifted(reaches[axis], place)
            closed = any(atom.closed for atom in atoms) or len(indices) < size
            kept = tuple(atom._replace(closed=closed) for atom in found)
            return self.settled(put(self.dims, dim, kept), reaches)
        if (
            all(self.alone(axis, dim) for axis in self.axes_of(dim))
            and len(indices) <= PERIOD_LIMIT
        ):
            return self.simple(dim)._tabled(dim, [(index,) for index in indices])
        lost: list[int | None] = []
        for axis in range(len(reaches)):
            offsets = sorted({place[axis] for place in wanted})
            reaches[axis] = through(reaches[axis], Taps(1, 1, (offsets,)))
            lost.append(None if len(offsets) > 1 else 0)
        return self.settled(put(self.dims, dim, (Atom(len(indices), tuple(lost)),)), reaches)

    def windowed(self, dim: int, taps: Taps, units: int) -> Dependence:
        """After an operation that reads windows along a dimension.

        Args:
            dim: The dimension.
            taps: What each output index reads.
            units: The size that the dimension has then.
        """
        atoms = self.dims[dim]
        if all(atom.free for atom in atoms):
            return self.replaced(dim, self._free(units))
        size = prod(atom.size for atom in atoms)
        if taps == _SAME and units == size:
            return self
        closed = any(atom.closed for atom in atoms) and not _inside(taps, size, units)
        if len(atoms) > 1 or taps.period > 1 or closed or atoms[0].mirror:
            plain = self.simple(dim)
            if plain is not self:
                return plain.windowed(dim, taps, units)
        [atom] = atoms
        if atom.mirror and not (_inside(taps, size, units) and self._wide(dim, taps)):
            return self.opened(dim).windowed(dim, taps, units)
        if closed:
            return self._tabled(dim, _reads(taps, size, units), taps)
        coefs: list[int | None] = []
        reaches = list(self.reaches)
        moved = True
        for axis, coef in enumerate(atom.coefs):
            if coef is None:
                _check_covered(taps, atom.size, units)
                coefs.append(None)
            elif coef == 0:
                coefs.append(0)
            elif taps.period > 1 or (coef == 1 and self.alone(axis, dim)):
                reaches[axis] = through(reaches[axis], taps)
                coefs.append(1)
                moved = moved and bool(reaches[axis]) and reaches[axis][0].advance > 0
            else:
                reads = _times_each(taps.reads[0], coef)
                reaches[axis] = through(reaches[axis], Taps(1, 1, (reads,)))
                coefs.append(coef * taps.advance)
                moved = False
        dims = put(self.dims, dim, (Atom(units, tuple(coefs), atom.closed),))
        if moved:  # nothing that could be put more simply
            return Dependence(self.lengths, dims, tuple(reaches))
        return self.settled(dims, reaches)

    def mirrored(self, dim: int, before: int, after: int, *, repeat: bool) -> Dependence:
        """After a padding that reflects the border, or repeats its last pixel."""
        size = self.shape[dim] + before + after
        ends = Mirror(before, after, repeat)
        atoms = self.dims[dim]
        if ends.width == 0 or all(atom.free for atom in atoms):
            return self.replaced(dim, self._free(size)) if ends.width else self
        if any(atom.closed or atom.mirror for atom in atoms):
            sources = [source - before for source in ends.sources(size)]
            return self.gathered(dim, sources)
        wide = self.simple(dim).windowed(dim, Taps(1, 1, (range(-before, 1 - before),)), size)
        [atom] = wide.dims[dim]
        return wide if atom.free else wide.replaced(dim, (atom._replace(mirror=ends),))

    def unfolded(self, dim: int, size: int, step: int) -> Dependence:
        """After `Tensor.unfold`: windows of a dimension, laid along a new last one."""
        plain = self if len(self.dims[dim]) == 1 else self.simple(dim)
        [atom] = plain.dims[dim]
        units = (atom.size - size) // step + 1
        if atom.mirror:
            return self.opened(dim).unfolded(dim, size, step)
        if None in atom.coefs:
            raise Unknown("windows are cut out of elements that read different places by no rule")
        moved = Atom(units, scaled(atom.coefs, step), atom.closed)
        dims = [*put(plain.dims, dim, (moved,)), (Atom(size, atom.coefs, atom.closed),)]
        return plain.settled(dims, plain.reaches)

    def simple(self, dim: int) -> Dependence:
        """With a dimension as one atom of coefficients 1, and its image axes in no other one.

        Other dimensions along the same axes lose their rule.
        """
        atoms = self.dims[dim]
        axes = self.axes_of(dim)
        if len(atoms) == 1 and all(
            atoms[0].coefs[axis] in (1, None) and self.alone(axis, dim) for axis in axes
        ):
            return self
        other: Dependence = self
        for axis in axes:
            other = other.forgotten(axis, lambda d, a: d != dim)
            if any(a.coefs[axis] is None for a in atoms):
                other = other.forgotten(axis, lambda d, a: d == dim)
        atoms, reaches = other.dims[dim], list(other.reaches)
        size, lower = prod(a.size for a in atoms), prod(a.size for a in atoms[1:])
        coefs: list[int | None] = [0] * len(reaches)
        if lower > PLACES:
            raise Unknown("too many elements are rearranged")
        closed = any(atom.closed for atom in atoms)
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
            # rows that follow one another, overlap or repeat: beyond them the image does not go on
            closed = closed or places[-1] >= max(steps[0], 1)
            reaches[axis] = through(reaches[axis], taps)
            coefs[axis] = 1
        atom = Atom(size, tuple(coefs), closed, atoms[0].mirror)
        return other.settled(put(other.dims, dim, (atom,)), reaches)

    def place(self, index: Sequence[int], axis: int) -> int:
        """The place of an element on an image axis; all coefficients must be known."""
        place = 0
        for digit, dim in zip(index, self.dims, strict=True):
            for atom in reversed(dim):
                digit, low = divmod(digit, atom.size)
                place += (atom.coefs[axis] or 0) * low
        return place

    def _free(self, size: int) -> Dim:
        return free(size, len(self.lengths))

    def replaced(self, dim: int, new: Dim) -> Dependence:
        """With another list of atoms for a dimension, as it is."""
        return Dependence(self.lengths, put(self.dims, dim, new), self.reaches)

    def axes_of(self, dim: int) -> list[int]:
        """The image axes that a dimension moves along."""
        atoms = self.dims[dim]
        return [axis for axis in range(len(self.lengths)) if any(a.coefs[axis] != 0 for a in atoms)]

    def _tabled(
        self, dim: int, reads: Sequence[Sequence[int]], like: Taps | None = None
    ) -> Dependence:
        """With a simple dimension's indices replaced by what is read of them, one by one."""
        [atom] = self.dims[dim]
        units, reaches = len(reads), list(self.reaches)
        if units > PERIOD_LIMIT:
            raise Unknown("too many elements are rearranged")
        if None in atom.coefs and not {i for some in reads for i in some}.issuperset(
            range(atom.size)
        ):
            raise Unknown("a part is taken of elements that read different places by no rule")
        for axis, coef in enumerate(atom.coefs):
            if coef:
                reaches[axis] = table(reaches[axis], reads, like or Taps(1, 1, (range(1),)))
        return self.settled(put(self.dims, dim, (Atom(units, atom.coefs, True),)), reaches)

    def opened(self, dim: int) -> Dependence:
        """With a mirroring padding as what it is: copies, not the image going on."""
        plain = self.simple(dim)
        [atom] = plain.dims[dim]
        if atom.mirror is None:
            return plain
        sources = atom.mirror.sources(atom.size)
        plain = plain.replaced(dim, (atom._replace(mirror=None),))
        return plain._tabled(dim, [(source,) for source in sources])

    def _wide(self, dim: int, taps: Taps) -> bool:
        """Whether windows reach from all copies of a mirroring padding to what they copy."""
        [atom] = self.dims[dim]
        reads = taps.reads[0]
        wide = taps.period == 1 and len(reads) > 0 and atom.mirror is not None
        if not wide or atom.mirror is None or max(reads) - min(reads) < atom.mirror.width:
            return False
        return all(coef is not None for coef in atom.coefs) and all(
            rising(self.reaches[axis]) for axis in self.axes_of(dim)
        )

    def alone(self, axis: int, dim: int) -> bool:
        """Whether no other dimension moves along an axis by a rule."""
        return not any(atom.coefs[axis] for i, d in enumerate(self.dims) if i != dim for atom in d)

    def forgotten(self, axis: int, which: Callable[[int, int], bool]) -> Dependence:
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
                    if atom.size > 1:
                        reads = range(0, coef * atom.size, coef)
                        reaches[axis] = through(reaches[axis], Taps(1, 1, (reads,)))
                    coefs = list(atom.coefs)
                    coefs[axis] = None if atom.size > 1 else 0
                    atom = atom._replace(coefs=tuple(coefs))
                atoms.append(atom)
            dims.append(tuple(atoms))
        return Dependence(self.lengths, tuple(dims), tuple(reaches))

    def _same(self, dims: Iterable[Dim]) -> Dependence:
        """With other dimensions, along which nothing changes."""
        return Dependence(self.lengths, tuple(dims), self.reaches)

    def _read_all(self, gone: set[int]) -> dict[int, Sequence[int]]:
        """The places along each image axis that all elements along these dimensions read together."""
        reads: dict[int, Sequence[int]] = {}
        for dim in gone:
            for size, coefs, *_ in self.dims[dim]:
                for axis, coef in enumerate(coefs):
                    if not coef:
                        if coef is None:
                            reads.setdefault(axis, range(1))
                        continue
                    own = range(0, coef * size, coef)
                    other = reads.get(axis, range(1))
                    if other == range(1):
                        reads[axis] = own
                    else:
                        reads[axis] = sorted({i + k for i in other for k in own})
        return reads

    def settled(
        self,
        dims: Sequence[Dim],
        reaches: Sequence[Reaches],
        reads: Mapping[int, Sequence[int]] | None = None,
    ) -> Dependence:
        """The same with the least coefficients, and constants for what no dimension moves.

        Args:
            dims: The dimensions.
            reaches: What is read at each place of an image axis.
            reads: Of which places from its own an element reads all, for some axes.
        """
        result = list(reaches)
        scales: list[int] = []
        for axis, length in enumerate(self.lengths):
            coefs = {atom.coefs[axis] for dim in dims for atom in dim}
            found = result[axis]
            moving = [coef for coef in coefs if coef]
            scale = gcd(*moving) if moving else 0
            wide = reads.get(axis) if reads else None
            if wide is not None or scale > 1 or not (scale or all(r.constant for r in found)):
                # at once: there are fewer phases to follow then
                found = through(found, Taps(1, scale, (wide or range(1),)))
            if scale:
                carrying = [atom for dim in dims for atom in dim if atom.coefs[axis]]
                if all(atom.closed for atom in carrying):
                    steps = (atom.coefs[axis] or 0 for atom in carrying)
                    most = zip(steps, (atom.size - 1 for atom in carrying), strict=True)
                    found = _bounded(found, sum(a * b for a, b in most) // scale + 1, length)
            if any(covers(reach, length) for reach in found):
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


def _bounded(reaches: Reaches, count: int, length: int) -> Reaches:
    """The same for so many places, with no more phases; one constant if they all read everything."""
    spans = (at(reaches, place) for place in range(count))
    if all(span and span[0] <= 0 and span[1] >= length - 1 for span in spans):
        return (Reach(1, 0, ((0, length - 1),)),)
    if all(reach.period <= count for reach in reaches):
        return reaches
    return table(reaches, [(place,) for place in range(count)], _SAME)


def _times_each(indices: Sequence[int], factor: int) -> Sequence[int]:
    if isinstance(indices, range):
        return range(indices.start * factor, indices.stop * factor, indices.step * factor)
    return [index * factor for index in indices]


def _read_each(atom: Atom, reaches: list[Reaches]) -> None:
    """Changes what is read at a place to what is read at all places from there along an atom."""
    for axis, coef in enumerate(atom.coefs):
        if coef and atom.size != 1:
            reads = range(0, coef * atom.size, coef)
            reaches[axis] = through(reaches[axis], Taps(1, 1, (reads,)))


def _parted(dims: list[Dim], reaches: Sequence[Reaches]) -> list[Dim]:
    """Without steps along an image axis that change nothing of what is read.

    Where tokens of rows and columns were looked up one by one, a reshape tells them apart again.
    """
    for axis, own in enumerate(reaches):
        atoms = [(i, k) for i, dim in enumerate(dims) for k, a in enumerate(dim) if a.coefs[axis]]
        steps = [dims[i][k].coefs[axis] or 0 for i, k in atoms]
        sizes = [dims[i][k].size for i, k in atoms]
        if len(atoms) < 2 or not all(dims[i][k].closed for i, k in atoms):
            continue
        if prod(sizes) > PERIOD_LIMIT:
            continue
        spans = {
            digits: at(own, sum(step * digit for step, digit in zip(steps, digits, strict=True)))
            for digits in product(*map(range, sizes))
        }
        for number, (i, k) in enumerate(atoms):
            first = ((*d[:number], 0, *d[number + 1 :]) for d in spans)
            if all(spans[d] == spans[f] for d, f in zip(spans, first, strict=True)):
                atom = dims[i][k]
                coefs = (*atom.coefs[:axis], 0, *atom.coefs[axis + 1 :])
                dims[i] = (*dims[i][:k], atom._replace(coefs=coefs), *dims[i][k + 1 :])
    return dims


def _reads(taps: Taps, size: int, units: int) -> list[list[int]]:
    """What each output index reads of those that there are."""
    found = []
    for unit in range(units):
        turn, phase = divmod(unit, taps.period)
        indices = (taps.advance * turn + index for index in taps.reads[phase])
        found.append([index for index in indices if 0 <= index < size])
    return found


def _inside(taps: Taps, size: int, units: int) -> bool:
    """Whether nothing is read beyond the ends of a dimension."""
    read = [
        taps.advance * (unit // taps.period) + index
        for unit in range(units)
        for index in taps.reads[unit % taps.period]
    ]
    return not read or (min(read) >= 0 and max(read) < size)


def _check_covered(taps: Taps, size: int, units: int) -> None:
    """Raises unless all the outputs together read all of a dimension."""
    read = {index for indices in _reads(taps, size, units) for index in indices}
    if not read.issuperset(range(size)):
        raise Unknown("a window skips some of the elements that read different places by no rule")
