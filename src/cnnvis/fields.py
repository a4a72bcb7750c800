"""Exact theoretical receptive fields of every tensor of a forward pass.

`Fields` is told of every operation after it ran and keeps, for every tensor, what each of its elements
reads of the image. That holds through branches, concatenations, reshapes and attention alike, since
it follows what ran and not what modules say. Where it cannot know it says so, and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from cnnvis import reshapes, rules, windows
from cnnvis.dependence import Dependence
from cnnvis.reach import Unknown, at
from cnnvis.rulebook import Call, Operation, flat
from cnnvis.storages import Part, State, Storage, geometry_of

# importing them puts their rules into the rule book
_CHAPTERS = (rules, windows, reshapes)


@dataclass(frozen=True)
class ReceptiveField:
    """Which input pixels the units of a tensor depend on; a unit is one place of its maps.

    Padding counts as if the image went on, so that sizes are the theoretical ones on an image of any
    size. Each tuple has one entry for each image axis, (y, x) for a picture.

    Attributes:
        size: Input pixels that a unit depends on, from the first to the last; the most of all units
            where they differ, as after up-sampling.
        stride: Input pixels from one unit to the next. A fraction after up-sampling, 0 after a
            global operation.
        start: First input pixel of unit 0, negative within the padding. Unit i depends on pixels
            b to b + size - 1 with b = floor(start + stride * i + 1e-6): on all of them where units
            are alike, and otherwise on a part; see `regular`.
        whole: Whether every unit depends on the whole image along an axis. After a global operation
            `size` is then the image's length.
        regular: Whether what is said of `start` holds. Seldom false: branches of different strides,
            several transposed convolutions.
    """

    size: tuple[int, ...]
    stride: tuple[int | float, ...]
    start: tuple[int | float, ...]
    whole: tuple[bool, ...]
    regular: bool = True
    _read: Dependence | None = field(default=None, repr=False, compare=False)

    def unit(self, index: Sequence[int], *, clip: bool = True) -> tuple[range, ...]:
        """The pixels that one unit depends on.

        Nothing else changes the unit. It may be a little more than what does at the border of a map,
        where padding counts as pixels, and in the gaps that a transposed convolution leaves in one of
        several branches; everywhere else it is exact.

        Args:
            index: The unit's place in its map.
            clip: Cuts the field to the image; else it may go on into the padding.

        Returns:
            A range for each image axis; all are empty where the unit depends on nothing, as between
            the windows of a transposed convolution.
        """
        read = self._read
        assert read is not None, "made by Fields.of"
        found = []
        for axis, length in enumerate(read.lengths):
            span = at(read.reaches[axis], read.place(index, axis))
            lo, hi = span if span is not None else (0, -1)
            found.append(range(max(lo, 0), min(hi, length - 1) + 1) if clip else range(lo, hi + 1))
        if not all(found):
            return (range(0),) * len(found)
        return tuple(found)


class Fields:
    """The receptive fields of one forward pass.

    Values that leave torch, as Python numbers, lists or NumPy arrays, are not followed: once that
    has happened to a value that depends on the image, nothing is known any more. Operations tell of
    numbers, `left` has to be told of lists and arrays.

    Args:
        images: The input tensors, all on one pixel lattice.
        spatial: How many of their last dimensions are the image's axes.
        constants: What depends on no image: parameters, buffers, other inputs.
    """

    def __init__(
        self, images: Sequence[Tensor], spatial: int, constants: Iterable[Tensor] = ()
    ) -> None:
        self._storages: dict[int, Storage] = {}
        self._ops: dict[Any, Operation] = {}
        self._stopped = ""
        self._lengths = tuple(images[0].shape[images[0].dim() - spatial :]) if images else ()
        for tensor in constants:
            storage = self._storage(tensor, new=True)
            if storage is not None:
                storage.constant = True
        for image in images:
            storage = self._storage(image, new=True)
            if storage is None:
                continue
            storage.constant = False
            own = tuple(image.shape[image.dim() - spatial :])
            same = own == self._lengths
            storage.states[geometry_of(image)] = (
                Dependence.image(image.shape, spatial)
                if same
                else "The inputs have different sizes."
            )

    def follow(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        """Takes note of an operation that ran; never raises.

        Args:
            func: The operation, a `torch._ops.OpOverload`.
            args: What it was called with.
            kwargs: What it was called with.
            out: What it gave.
        """
        try:
            self._follow(func, tuple(args), kwargs or {}, out)
        except Exception as error:
            reason = f"Following {func} failed: {type(error).__name__}: {error}"
            self._stopped = self._stopped or reason

    def left(self, tensor: Tensor, how: str) -> None:
        """Takes note that a tensor's values leave torch: what is made of them cannot be followed.

        Args:
            tensor: The tensor.
            how: The method, such as "numpy".
        """
        if not self._stopped and self._state(tensor) is not None:
            self._stopped = f"The model read values of a map into Python before it ({how})."

    def of(self, output: Tensor, spatial: int) -> ReceptiveField | None:
        """The receptive field of a tensor's units.

        Args:
            output: A tensor of this forward pass.
            spatial: How many of its last dimensions are a map, or of those before its channels if
                they come last. The field is that of all its channels and images together.

        Returns:
            None where it is not known; `reason` says why.
        """
        try:
            found = self._state(output)
            return _described(found, spatial) if isinstance(found, Dependence) else None
        except Exception:
            return None

    def reason(self, output: Tensor, spatial: int | None = None) -> str:
        """Why `of` gives None for a tensor, as a sentence; "" where it does not."""
        found = self._state(output)
        if isinstance(found, str):
            return found
        if found is None:
            return "It does not depend on the image."
        try:
            _described(found, min(len(self._lengths), output.dim()) if spatial is None else spatial)
        except Unknown as error:
            return f"{error}."
        except Exception as error:
            return f"Describing it failed: {type(error).__name__}: {error}"
        return ""

    def _follow(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any
    ) -> None:
        op = self._ops.get(func)
        if op is None:
            op = self._ops[func] = Operation(func)
        outs = (
            [out]
            if isinstance(out, Tensor)
            else flat(out if isinstance(out, (list, tuple)) else ())
        )
        tensors = flat(args)
        if kwargs:
            tensors += flat(kwargs.values())
        states = [self._state(tensor) for tensor in tensors]
        written = op.written(args, kwargs) if op.writes else []
        if self._stopped:
            results: Sequence[State] = [self._stopped] * len(outs)
        elif all(state is None for state in states) or op.fresh:
            results = [None] * len(outs)
        elif op.tells or (not outs and not written) or op.picks(args, self._state):
            self._stopped = f"The model read values of a map into Python before it ({op.name})."
            results = [self._stopped] * len(outs)
        else:
            results = self._results(op, args, kwargs, outs, tensors, states, written)
        targets = {id(tensor) for tensor in written}
        if written:
            for i, tensor in enumerate(written):
                value = results[i] if i < len(results) else results[0] if results else None
                if not outs:
                    value = f"What {op.name} writes is not known."
                self._write(tensor, value)
        for tensor, state in zip(outs, results, strict=True):
            if id(tensor) not in targets:
                self._record(tensor, state, op.view)
        if op.view and tensors and op.short in _PARTS:
            self._link(op, args, kwargs, tensors[0], outs)

    def _results(
        self,
        op: Operation,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        outs: Sequence[Tensor],
        tensors: Sequence[Tensor],
        states: Sequence[State],
        written: Sequence[Tensor],
    ) -> list[State]:
        overwritten = {id(t) for t in written} if op.overwrites else set()
        pairs = [(t, s) for t, s in zip(tensors, states, strict=True) if id(t) not in overwritten]
        given = {id(tensor): state for tensor, state in pairs}
        targets = list(outs) or list(written)
        reason = next((state for _, state in pairs if isinstance(state, str)), None)
        if reason is not None:
            whole = [s for _, s in pairs if isinstance(s, Dependence) and _whole(s)]
            if op.rule is rules.pointwise and whole and len(outs) == 1:
                return [whole[0].expanded(outs[0].shape)]  # more than everything it cannot be
            return [reason] * len(targets)
        if op.rule is None:
            return [f"What {op.name} reads is not known."] * len(targets)

        def find(tensor: Any) -> Dependence | None:
            state = given.get(id(tensor))
            assert not isinstance(state, str)
            return state

        call = Call(op.short, op.names, args, kwargs, targets, self._lengths, find)
        try:
            result = op.rule(call)
        except Unknown as error:
            return [f"In {op.name} {error}."] * len(targets)
        except Exception as error:
            return [f"Following {op.name} failed: {type(error).__name__}: {error}."] * len(targets)
        found: list[State] = list(result) if isinstance(result, list) else [result]
        found += [f"Side results of {op.name} are not followed."] * (len(targets) - len(found))
        for i, (state, tensor) in enumerate(zip(found, targets, strict=True)):
            if isinstance(state, Dependence) and not all(state.reaches):
                found[i] = None  # nothing but gaps
            elif isinstance(state, Dependence) and state.shape != tuple(tensor.shape):
                found[i] = f"Following {op.name} gave another shape."
        return found

    def _state(self, tensor: Tensor) -> State:
        if self._stopped:
            return self._stopped
        storage = self._storage(tensor)
        if storage is None:
            return "It is computed from a tensor of unknown origin."
        if storage.constant:
            return None
        return storage.look(geometry_of(tensor))

    def _storage(self, tensor: Tensor, *, new: bool = False) -> Storage | None:
        try:
            untyped = tensor.untyped_storage()
            found = self._storages.get(untyped._cdata)
            if found is None and new:
                # the reference sees to it that the number is not given out again
                found = self._storages[untyped._cdata] = Storage(StorageWeakRef(untyped))  # type: ignore[no-untyped-call]
        except (NotImplementedError, RuntimeError):
            return None  # a sparse tensor, or another one without ordinary memory
        return found

    def _record(self, tensor: Tensor, state: State, view: bool) -> None:
        storage = self._storage(tensor)
        if storage is None:
            storage = self._storage(tensor, new=True)
            if storage is not None:
                storage.constant = state is None
                if state is not None:
                    storage.states[geometry_of(tensor)] = state
            return
        if storage.constant and state is None:
            return
        geometry = geometry_of(tensor)
        old = storage.states.get(geometry, _MISSING)
        if old is _MISSING and not storage.constant:
            storage.states[geometry] = state
        elif not view and old != state:
            # memory that was known, and that an operation gives out with another content
            self._write(tensor, state)

    def _write(self, tensor: Tensor, state: State) -> None:
        """Notes that a tensor's memory has a new content, for its views as well."""
        if not isinstance(state, str) and self._state(tensor) == state:
            return  # what it reads is the same, and so it is for all other views
        storage = self._storage(tensor, new=True)
        if storage is None:
            return
        geometry = geometry_of(tensor)
        larger: list[tuple[Part, State]] = []
        place = geometry
        while place in storage.parts:
            part = storage.parts[place]
            larger.append((part, None if storage.constant else storage.look(part.base)))
            place = part.base
        storage.states, storage.constant, storage.overwritten = {geometry: state}, False, True
        for part, before in larger:
            if isinstance(before, str):
                state = before
            elif not isinstance(state, str):
                try:
                    state = part.put(state, before)
                except Unknown as error:
                    state = f"It was written in part, and {error}."
            storage.states[part.base] = state

    def _link(
        self,
        op: Operation,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        base: Tensor,
        outs: Sequence[Tensor],
    ) -> None:
        """Remembers which parts of a tensor its views are."""
        storage = self._storage(base)
        if storage is None:
            return
        call = Call(op.short, op.names, args, kwargs, outs, self._lengths, lambda _: None)
        dim = call.get("dim") % base.dim()
        size = base.shape[dim]
        taken = op.short in ("select", "unbind")
        at = call.get("index") % size if op.short == "select" else 0
        for out in outs:
            if op.short == "slice":
                indices = range(size)[slice(call.get("start"), call.get("end"), call.get("step"))]
            else:
                indices = range(at, at + (1 if taken else out.shape[dim]))
            at = indices.stop
            own, other = geometry_of(out), geometry_of(base)
            if own != other:
                storage.parts[own] = Part(other, tuple(base.shape), dim, indices, taken)


_MISSING = object()

_PARTS = {"slice", "select", "unbind", "split", "split_with_sizes", "chunk"}


def _whole(state: Dependence) -> bool:
    """Whether every element reads the whole image."""
    for axis, length in enumerate(state.lengths):
        reaches = state.reaches[axis]
        if len(reaches) != 1 or not reaches[0].constant or reaches[0].spans[0] != (0, length - 1):
            return False
        if any(atom.coefs[axis] is None for dim in state.dims for atom in dim):
            return False
    return True


def _described(state: Dependence, spatial: int) -> ReceptiveField:
    """A field from what a tensor reads; raises Unknown, with a sentence, where there is none."""
    rank = len(state.dims)
    if spatial > rank:
        raise Unknown(f"It has {rank} dimensions, fewer than its maps should have")
    axes, lead = len(state.lengths), rank - spatial
    own = [{rank - axes + axis} & set(range(lead, rank)) for axis in range(axes)]
    carrying = [_carrying(state, axis) for axis in range(axes)]
    read = state
    if spatial == axes and all(len(dims) == 1 for dims in carrying):
        (first, *_) = carrying[0]
        if carrying == [{first + axis} for axis in range(axes)]:  # channels may come last
            units = range(first, first + axes)
            read = read.permuted([*(dim for dim in range(rank) if dim not in units), *units])
            carrying = [set(dims) for dims in own]
    single = prod(read.shape[lead:]) == 1
    for dims, place in zip(carrying, own, strict=True):
        # channels may read different places; batches that do are parts of the image, not units
        if dims and (min(dims) < lead - 1 or not (dims & place or single)):
            raise Unknown("Its last dimensions are not the image's axes")
    read = read.reduced(range(lead), keep=False)
    for dim in range(spatial):
        read = read.opened(dim)
    sizes: list[int] = []
    strides: list[int | float] = []
    starts: list[int | float] = []
    wholes: list[bool] = []
    regular = True
    for axis, length in enumerate(state.lengths):
        reaches = read.reaches[axis]
        dim = axis + spatial - axes
        for i, atoms in enumerate(read.dims):
            for atom in atoms:
                if atom.coefs[axis] is None or (atom.coefs[axis] and i != dim):
                    raise Unknown("Its units read different places by no rule")
        count = prod(atom.size for atom in read.dims[dim]) if dim >= 0 else 1
        rate = max((Fraction(r.advance, r.period) for r in reaches), default=Fraction(0))
        # one function repeats after its period; several do not, so all units are looked at
        closed = dim >= 0 and any(atom.closed for atom in read.dims[dim])
        periodic = len(reaches) == 1 and not closed
        numbers = range(reaches[0].period if periodic else count)
        spans = [(i, span) for i in numbers if (span := at(reaches, i)) is not None]
        if not spans:
            raise Unknown("It does not depend on the image")
        size = max(hi - lo + 1 for _, (lo, hi) in spans)
        start = max(hi - rate * i for i, (_, hi) in spans) - size + 1
        regular = regular and all(start < lo + 1 - rate * i for i, (lo, _) in spans)
        sizes.append(size)
        strides.append(_number(rate))
        starts.append(_number(start))
        covered = [at(reaches, i) for i in range(count)]
        wholes.append(all(s is not None and s[0] <= 0 and s[1] >= length - 1 for s in covered))
    return ReceptiveField(tuple(sizes), tuple(strides), tuple(starts), tuple(wholes), regular, read)


def _carrying(state: Dependence, axis: int) -> set[int]:
    """The dimensions along which elements read different places of an image axis."""
    return {i for i, dim in enumerate(state.dims) for atom in dim if atom.coefs[axis] != 0}


def _number(value: Fraction | int) -> int | float:
    return int(value) if value == int(value) else float(value)
