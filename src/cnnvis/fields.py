"""Exact theoretical receptive fields of every tensor of a forward pass.

`Fields` is told of every operation after it ran and keeps, for every tensor, what each of its elements
reads of the image. That holds through branches, concatenations, reshapes and attention alike, since
it follows what ran and not what modules say. Where it cannot know it says so, and why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from cnnvis.dependence import Dependence
from cnnvis.joining import catenated
from cnnvis.reach import Taps, Unknown, at
from cnnvis.rules import RULES, Call, Rule, flat, pointwise

State = Dependence | None | str
"""What a tensor reads: something, nothing (None), or why it is not known."""

Geometry = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Offset, shape and strides: which part of its storage a tensor is."""


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
        """The pixels that one unit depends on, exactly.

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
        self._storages: dict[int, _Storage] = {}
        self._ops: dict[Any, _Operation] = {}
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
            storage.states[_geometry(image)] = (
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
            op = self._ops[func] = _Operation(func)
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
        op: _Operation,
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
            if op.rule is pointwise and whole and len(outs) == 1:
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
            if isinstance(state, Dependence) and state.shape != tuple(tensor.shape):
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
        return storage.look(_geometry(tensor))

    def _storage(self, tensor: Tensor, *, new: bool = False) -> _Storage | None:
        try:
            untyped = tensor.untyped_storage()
            found = self._storages.get(untyped._cdata)
            if found is None and new:
                # the reference sees to it that the number is not given out again
                found = self._storages[untyped._cdata] = _Storage(StorageWeakRef(untyped))  # type: ignore[no-untyped-call]
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
                    storage.states[_geometry(tensor)] = state
            return
        if storage.constant and state is None:
            return
        geometry = _geometry(tensor)
        old = storage.states.get(geometry, _MISSING)
        if old is _MISSING and not storage.constant:
            storage.states[geometry] = state
        elif not view and old != state:
            # memory that was known, and that an operation gives out with another content
            self._write(tensor, state)

    def _write(self, tensor: Tensor, state: State) -> None:
        """Notes that a tensor's memory has a new content, for its views as well."""
        if self._state(tensor) == state:
            return
        storage = self._storage(tensor, new=True)
        if storage is None:
            return
        geometry = _geometry(tensor)
        larger: list[tuple[_Part, State]] = []
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
        op: _Operation,
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
            own, other = _geometry(out), _geometry(base)
            if own != other:
                storage.parts[own] = _Part(other, tuple(base.shape), dim, indices, taken)


_MISSING = object()

_PARTS = {"slice", "select", "unbind", "split", "split_with_sizes", "chunk"}


class _Storage:
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
        self.parts: dict[Geometry, _Part] = {}
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
class _Part:
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


class _Operation:
    """What has to be known of an operation, looked up once.

    Attributes:
        name: As its rule and reasons name it, without the overload.
        short: In its functional form.
        rule: How it reads; None if there is no rule.
        names: The place and default of each argument.
        writes: Places and names of the arguments that it writes to.
        fresh: Its result takes only the shape of its arguments.
        view: Its result is a view.
        overwrites: What it writes to is not read.
        tells: Its result tells Python of values.
    """

    def __init__(self, func: Any) -> None:
        schema = func._schema
        space, _, name = schema.name.partition("::")
        self.name = name if space == "aten" else schema.name
        base = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        self.short = base if base == "_to_copy" else re.sub(r"_copy$", "", base)
        tags = getattr(func, "tags", ())
        if space == "quantized":
            self.short = _QUANTIZED.get(re.sub(r"(\dd)?(_relu6?|_dynamic)?$", "", name), name)
            self.rule: Rule | None = RULES.get(self.short)
        elif space in ("aten", "prims"):
            self.rule = RULES.get(self.short)
            if self.rule is None and torch.Tag.pointwise in tags:
                self.rule = pointwise
        else:
            self.rule = None
        self.names: dict[str, tuple[int, Any]] = {}
        self.writes: list[tuple[int, str]] = []
        for place, argument in enumerate(schema.arguments):
            self.names[argument.name] = (place, argument.default_value)
            if argument.alias_info is not None and argument.alias_info.is_write:
                self.writes.append((place, argument.name))
        aliases = [result.alias_info for result in schema.returns]
        self.view = not self.writes and any(alias is not None for alias in aliases)
        self.fresh = space == "aten" and base in _FRESH
        self.overwrites = any(name == "out" for _, name in self.writes) or base in (
            "copy",
            "fill",
            "zero",
        )
        telling = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
        self.tells = (base != "index" and any(tag in tags for tag in telling)) or base in _TELLING
        if base == "where" and len(self.names) == 1:
            self.tells = True

    def written(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
        """The tensors that a call wrote to."""
        found = []
        for place, name in self.writes:
            value = kwargs[name] if name in kwargs else args[place] if place < len(args) else None
            found += flat([value])
        return found

    def picks(self, args: tuple[Any, ...], state: Any) -> bool:
        """Whether a mask that depends on the image says how many elements there are."""
        if self.short != "index" or len(args) < 2:
            return False
        masks = [t for t in flat([args[1]]) if t.dtype in (torch.bool, torch.uint8)]
        return any(state(mask) is not None for mask in masks)


# what they give depends on no value of their arguments
_FRESH = {
    "empty_like",
    "zeros_like",
    "ones_like",
    "full_like",
    "rand_like",
    "randn_like",
    "randint_like",
}
_FRESH |= {"lift_fresh"}  # torch.tensor of a list; where its numbers come from is not seen
_FRESH |= {"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided", "zero"}

# tagged or not, they say how many elements there are, or what one is
_TELLING = {"item", "is_nonzero", "equal", "allclose", "nms", "unique", "unique_dim", "_unique2"}

# quantized models name element-wise operations as the others do
_QUANTIZED = {
    name: name for name in ("add", "mul", "cat", "relu", "hardswish", "leaky_relu", "sigmoid")
}
_QUANTIZED |= {name: f"quantized::{name}" for name in ("conv", "conv_transpose", "linear")}
_QUANTIZED |= {"batch_norm": "relu", "celu": "relu", "elu": "relu"}


def _geometry(tensor: Tensor) -> Geometry:
    shape, strides = tuple(tensor.shape), tensor.stride()
    if 1 in shape:  # there strides say nothing, and convolutions like to change them
        pairs = zip(shape, strides, strict=True)
        strides = tuple(0 if size == 1 else stride for size, stride in pairs)
    return int(tensor.storage_offset()), shape, strides


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
