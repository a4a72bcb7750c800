"""What operations read that only put elements in another shape or order, take some, or join them."""

from __future__ import annotations

from math import prod

import torch

from cnnvis.dependence import Dependence
from cnnvis.joining import catenated
from cnnvis.reach import Unknown
from cnnvis.rulebook import Call, Result, listed, rule

# the same elements in another shape or order


@rule(
    "view _unsafe_view reshape _reshape_alias flatten unflatten view_as reshape_as ravel "
    "_unsafe_reshape"
)
def _viewed(call: Call) -> Result:
    x = call.only()
    if prod(x.shape) != call.out.numel():
        raise Unknown("bytes are read as another type")
    return x.viewed(call.out.shape)


@rule("permute")
def _permuted(call: Call) -> Result:
    x = call.only()
    return x.permuted([dim % len(x.dims) for dim in call.get("dims")])


@rule("transpose swapaxes swapdims t numpy_T adjoint mT")
def _transposed_dims(call: Call) -> Result:
    x = call.only()
    order = list(range(len(x.dims)))
    if call.name == "numpy_T" or (call.name == "t"):
        order.reverse()
    else:
        first = call.get("dim0", "axis0", default=-2)
        second = call.get("dim1", "axis1", default=-1)
        order[first], order[second] = order[second], order[first]
    return x.permuted(order)


@rule("movedim moveaxis")
def _moved(call: Call) -> Result:
    x = call.only()
    rank = len(x.dims)
    source = [dim % rank for dim in listed(call.get("source"))]
    target = [dim % rank for dim in listed(call.get("destination"))]
    order = [dim for dim in range(rank) if dim not in source]
    for place, dim in sorted(zip(target, source, strict=True)):
        order.insert(place, dim)
    return x.permuted(order)


@rule("squeeze")
def _squeezed(call: Call) -> Result:
    x = call.only()
    rank, shape = len(x.dims), x.shape
    chosen = call.get("dim")
    dims = range(rank) if chosen is None else [dim % rank for dim in listed(chosen) if rank]
    return x.dropped([dim for dim in dims if shape[dim] == 1])


@rule("unsqueeze")
def _unsqueezed(call: Call) -> Result:
    x = call.only()
    return x.inserted(call.get("dim") % (len(x.dims) + 1))


@rule("expand expand_as broadcast_to")
def _expanded(call: Call) -> Result:
    return call.given(call.args[0]).expanded(call.out.shape)


@rule("repeat tile")
def _repeated(call: Call) -> Result:
    x = call.only()
    times = list(call.get("repeats", "dims"))
    lead = max(len(times) - len(x.dims), 0)
    times = [1] * (len(x.dims) - len(times)) + times
    for _ in range(lead):
        x = x.inserted(0)
    shape = x.shape
    for dim in reversed(range(len(shape))):
        x = x.inserted(dim)
    pairs = [size for pair in zip(times, shape, strict=True) for size in pair]
    return x.expanded(pairs).viewed(call.out.shape)


@rule("repeat_interleave")
def _repeated_each(call: Call) -> Result:
    x, times, dim = call.only(), call.get("repeats"), call.get("dim")
    if not isinstance(times, int) or dim is None:
        raise Unknown("elements are repeated by no rule")
    dim %= len(x.dims)
    shape = x.shape
    return (
        x.inserted(dim + 1)
        .expanded((*shape[: dim + 1], times, *shape[dim + 1 :]))
        .viewed(call.out.shape)
    )


@rule("slice narrow select flip roll index_select")
def _taken(call: Call) -> Result:
    x = call.only()
    rank, shape = len(x.dims), x.shape
    if call.name in ("flip", "roll"):
        dims = [dim % rank for dim in listed(call.get("dims"))]
        moves = listed(call.get("shifts")) if call.name == "roll" else dims
        if not dims:
            raise Unknown("elements are moved across rows")
        for dim, move in zip(dims, moves, strict=True):
            size = shape[dim]
            indices = range(size - 1, -1, -1)
            if call.name == "flip":
                x = x.gathered(dim, indices)
            elif size and move % size:
                x = x.gathered(dim, [(i - move) % size for i in range(size)])
        return x
    dim = call.get("dim") % rank
    size = shape[dim]
    if call.name == "select":
        index = call.get("index") % size
        return x.gathered(dim, range(index, index + 1)).dropped([dim])
    if call.name == "narrow":
        start = int(call.get("start")) % max(size, 1)
        return x.gathered(dim, range(start, start + call.get("length")))
    if call.name == "index_select":
        return x.gathered(dim, call.get("index").reshape(-1).tolist())
    start, end, step = call.get("start"), call.get("end"), call.get("step")
    return x.gathered(dim, range(size)[slice(start, end, step)])


@rule("index")
def _indexed(call: Call) -> Result:
    x = call.only()
    given = [(dim, index) for dim, index in enumerate(call.get("indices")) if index is not None]
    if len(given) != 1 or given[0][1].dim() != 1:
        raise Unknown("elements are picked by several tables")
    [(dim, index)] = given
    if index.dtype in (torch.bool, torch.uint8):
        index = index.nonzero().reshape(-1)
    size = x.shape[dim]
    return x.gathered(dim, [i % size for i in index.tolist()])


@rule(
    "split split_with_sizes chunk unsafe_split unsafe_split_with_sizes unsafe_chunk tensor_split "
    "hsplit vsplit dsplit"
)
def _split(call: Call) -> Result:
    x = call.only()
    names = {"hsplit": 0 if len(x.dims) == 1 else 1, "vsplit": 0, "dsplit": 2}
    dim = names.get(call.name, call.get("dim", default=0)) % len(x.dims)
    parts: list[Dependence | None] = []
    start = 0
    for out in call.outs:
        parts.append(x.gathered(dim, range(start, start + out.shape[dim])))
        start += out.shape[dim]
    return parts


@rule("unbind")
def _unbound(call: Call) -> Result:
    x = call.only()
    dim = call.get("dim") % len(x.dims)
    return [x.gathered(dim, range(i, i + 1)).dropped([dim]) for i in range(len(call.outs))]


@rule("unfold")
def _unfolded(call: Call) -> Result:
    x = call.only()
    return x.unfolded(call.get("dimension") % len(x.dims), call.get("size"), call.get("step"))


@rule("cat concat concatenate stack")
def _joined(call: Call) -> Result:
    tensors = call.get("tensors", "qx")
    parts = [call.given(tensor) for tensor in tensors]
    dim = call.get("dim", "axis") % call.out.dim()
    if call.name == "stack":
        parts = [part.inserted(dim) for part in parts]
    else:  # an empty list of numbers may stand among them, whatever its shape
        parts = [part for part in parts if part.shape != (0,)] or parts
    return catenated(parts, dim)


@rule("pixel_shuffle")
def _shuffled(call: Call) -> Result:
    x, r = call.only(), call.get("upscale_factor")
    *lead, channels, height, width = x.shape
    n = len(lead)
    x = x.viewed((*lead, channels // r**2, r, r, height, width))
    x = x.permuted([*range(n), n, n + 3, n + 1, n + 4, n + 2])
    return x.viewed(call.out.shape)


@rule("pixel_unshuffle")
def _unshuffled(call: Call) -> Result:
    x, r = call.only(), call.get("downscale_factor")
    *lead, channels, height, width = x.shape
    n = len(lead)
    x = x.viewed((*lead, channels, height // r, r, width // r, r))
    x = x.permuted([*range(n), n, n + 2, n + 4, n + 1, n + 3])
    return x.viewed(call.out.shape)


@rule("channel_shuffle native_channel_shuffle")
def _channels_shuffled(call: Call) -> Result:
    x, groups = call.only(), call.get("groups")
    batch, channels, *rest = x.shape
    x = x.viewed((batch, groups, channels // groups, *rest))
    return x.permuted([0, 2, 1, *range(3, len(x.dims))]).viewed(call.out.shape)
