"""What is read where several tensors meet: element-wise operations and concatenations.

Two tensors may lie on the image in different ways. They are brought to the same atoms and
coefficients; where that cannot be, elements lose their rule but not what they read together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd, prod

from cnnvis.atoms import Atom, Dim, free, merged, places, put, scaled
from cnnvis.dependence import Dependence
from cnnvis.reach import (
    PERIOD_LIMIT,
    Reaches,
    Taps,
    Unknown,
    covers,
    hull,
    interleave,
    row,
    shifted,
    spread,
    through,
)

# channels that read differently are followed one by one up to this many
_VARIANTS = 1024


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
    filled = [part for part in parts if part.shape[dim]]
    if len(filled) < 2:
        return (filled or parts)[0]
    moving = {axis for part in filled for axis in part.axes_of(dim)}
    elsewhere = {
        axis
        for part in filled
        for axis in moving
        if any(a.coefs[axis] != 0 for i, d in enumerate(part.dims) if i != dim for a in d)
    }
    if moving and not elsewhere:
        return _in_a_row(filled, dim, moving)
    pieces = [found for part in filled for found in _pieces(part, dim)]
    first, _ = pieces[0]
    total, grain = sum(size for _, size in pieces), gcd(*(size for _, size in pieces))
    if all(piece == first for piece, _ in pieces) and not _lost_in(filled, dim):
        return first.replaced(dim, free(total, len(first.lengths)))
    flat = [piece for piece, _ in pieces]
    joined = hull_of({id(piece): piece for piece in flat}.values(), flat[0].shape)
    if total // grain <= _VARIANTS and not _lost_in(filled, dim):
        woven = _interleaved(pieces, joined, dim, grain)
        if woven is not None:
            return woven
    axes = range(len(first.lengths))
    different = [
        any(piece.reaches[axis] != joined.reaches[axis] for piece in flat)
        or any(atom.coefs[axis] is None for part in filled for atom in part.dims[dim])
        for axis in axes
    ]
    return joined.settled(
        put(joined.dims, dim, (Atom(total, tuple(None if d else 0 for d in different)),)),
        joined.reaches,
    )


def _in_a_row(parts: Sequence[Dependence], dim: int, moving: set[int]) -> Dependence:
    """Parts that move along image axes in the dimension in which they are joined, and in no other."""
    plain = [part.simple(dim) for part in parts]
    sizes = [part.shape[dim] for part in parts]
    flat = []
    for part in plain:
        rest = [() if axis in moving else own for axis, own in enumerate(part.reaches)]
        flat.append(part.settled(put(part.dims, dim, free(1, len(rest))), rest))
    joined = hull_of(flat, flat[0].shape)
    if sum(sizes) > PERIOD_LIMIT or any(
        part.dims[dim][0].coefs[axis] is None for part in plain for axis in moving
    ):
        whole = hull_of([part.reduced([dim], keep=True) for part in plain], flat[0].shape)
        coefs = tuple(None if axis in moving else 0 for axis in range(len(joined.lengths)))
        return whole.settled(put(whole.dims, dim, (Atom(sum(sizes), coefs),)), whole.reaches)
    result, every = list(joined.reaches), list[int | None](())
    for axis, own in enumerate(joined.reaches):
        if axis in moving:
            result[axis] = row([(p.reaches[axis], n) for p, n in zip(plain, sizes, strict=True)])
            every.append(1)
        else:
            every.append(None if any(part.reaches[axis] != own for part in flat) else 0)
    return joined.settled(put(joined.dims, dim, (Atom(sum(sizes), tuple(every), True),)), result)


def _interleaved(
    pieces: Sequence[tuple[Dependence, int]], joined: Dependence, dim: int, grain: int
) -> Dependence | None:
    """Channels that read differently, each with its own rule; None where there is no such list."""
    choices: list[list[Reaches]] = [[] for _ in joined.lengths]
    dims = joined.dims
    known: dict[int, tuple[Reaches, ...]] = {}
    for piece, size in pieces:
        own = known.get(id(piece))
        if own is None:
            own_dims, own, _ = _aligned(piece, joined)
            if own_dims != dims:
                return None
            known[id(piece)] = own
        for chosen, reaches in zip(choices, own, strict=True):
            chosen += [reaches] * (size // grain)
    count, result = len(choices[0]), list(joined.reaches)
    moves = [any(reaches != chosen[0] for reaches in chosen) for chosen in choices]
    for axis, chosen in enumerate(choices):
        if moves[axis]:
            woven = interleave(chosen)
            if woven is None:
                return None
            result[axis] = woven
    finer = [
        tuple(
            atom._replace(
                coefs=tuple(
                    c * count if c and move else c
                    for c, move in zip(atom.coefs, moves, strict=True)
                )
            )
            for atom in old
        )
        for old in dims
    ]
    made = [Atom(count, tuple(map(int, moves)), True), Atom(grain, (0,) * len(moves))]
    return joined.settled(put(finer, dim, merged(a for a in made if a.size > 1)), result)


def _lost_in(parts: Sequence[Dependence], dim: int) -> bool:
    return any(None in atom.coefs for part in parts for atom in part.dims[dim])


def _hull_of(a: Dependence, b: Dependence) -> Dependence:
    a = _swallowed(a, b)
    b = _swallowed(b, a)
    dims, own, other = _aligned(a, b)
    both = [hull((*mine, *yours)) for mine, yours in zip(own, other, strict=True)]
    return a.settled(dims, both)


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
        if inside or covers(cover[0], a.lengths[axis]):
            reaches = list(a.reaches)
            reaches[axis] = ()
            a = a.settled(a.dims, reaches)
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
        tuple(
            x._replace(closed=x.closed or y.closed, mirror=x.mirror or y.mirror)
            for x, y in zip(p, q, strict=True)
        )
        for p, q in zip(a.dims, b.dims, strict=True)
    )
    return dims, a.reaches, b.reaches


def _refined(a: Dependence, b: Dependence, dim: int) -> tuple[Dependence, Dependence]:
    """With atoms of the same sizes in a dimension."""
    p, q = a.dims[dim], b.dims[dim]
    if p[0].mirror != q[0].mirror and not all(atom.free for atom in (p if q[0].mirror else q)):
        a, b = a.opened(dim), b.opened(dim)
        p, q = a.dims[dim], b.dims[dim]
    if [x.size for x in p] == [y.size for y in q]:
        return a, b
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
        Dependence(a.lengths, put(a.dims, dim, p), a.reaches),
        Dependence(b.lengths, put(b.dims, dim, q), b.reaches),
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
                upper = scaled(atom.coefs, size)
                rest.append(Atom(atom.size // size, upper, atom.closed))
        done.append((Atom(size, x.coefs, x.closed), Atom(size, y.coefs, y.closed)))
    done.reverse()
    return tuple(x for x, _ in done), tuple(y for _, y in done)


def _level(a: Dependence, b: Dependence, axis: int) -> tuple[Dependence, Dependence]:
    """With the same coefficients along an axis; the atoms have the same sizes already."""
    for _ in range(4):
        a, b = _coarse(a, axis), _coarse(b, axis)
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
    result = a.forgotten(axis, lambda _, number: number in which)
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


def _coarse(a: Dependence, axis: int) -> Dependence:
    """With the least coefficients along an axis."""
    coefs = _coefs(a, axis)
    scale = gcd(*(coef for coef in coefs if coef))
    if scale < 2:
        return a
    reaches = list(a.reaches)
    reaches[axis] = shifted(reaches[axis], 0, scale)
    coarse = [coef and coef // scale for coef in coefs]
    return _recoefed(Dependence(a.lengths, a.dims, tuple(reaches)), axis, coarse)


def _finer(a: Dependence, axis: int, times: int) -> Dependence:
    """With so many places along an axis for each one; the coefficients are still to be set."""
    reaches = list(a.reaches)
    reaches[axis] = spread(reaches[axis], times)
    return Dependence(a.lengths, a.dims, tuple(reaches))


def _pieces(part: Dependence, dim: int) -> list[tuple[Dependence, int]]:
    """Runs along a dimension that read the same, with their lengths; all as one if there are many."""
    atoms = list(part.dims[dim])
    run = 1
    while atoms and atoms[-1].free:
        run *= atoms.pop().size
    base = part.replaced(dim, free(1, len(part.lengths)))
    if not atoms:
        return [(base, run)]
    count = prod(atom.size for atom in atoms)
    if count > _VARIANTS or any(None in atom.coefs for atom in atoms):
        return [(part.reduced([dim], keep=True), run * count)]
    # the other dimensions' steps, at once: there are fewer phases to follow then
    scales = [gcd(*(c for c in _coefs(base, axis) if c)) for axis in range(len(base.lengths))]
    for axis, scale in enumerate(scales):
        base = _recoefed(base, axis, [c and c // scale for c in _coefs(base, axis)])
    made: dict[tuple[Reaches, ...], Dependence] = {}
    pieces = []
    for place in places(atoms):
        reaches = tuple(
            through(own, Taps(1, scale, ((p,),)))
            for own, p, scale in zip(base.reaches, place, scales, strict=True)
        )
        if reaches not in made:
            made[reaches] = base.settled(base.dims, reaches)
        pieces.append((made[reaches], run))
    return pieces
