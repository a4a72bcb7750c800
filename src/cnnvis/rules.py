"""What the outputs of each operation read, from what its inputs read: one rule an operation.

A rule gets a `Call` and returns a `Dependence` for the first output, or a list for all of them; None
reads nothing of the image. It raises `Unknown` where it cannot say. An operation without a rule is
unknown: guessing is worse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from cnnvis.dependence import Dependence
from cnnvis.joining import catenated, hull_of
from cnnvis.reach import Taps, Unknown, adaptive, fitted, transposed, window


@dataclass(frozen=True, slots=True)
class Call:
    """One operation that ran.

    Attributes:
        name: Its name without namespace and overload, in its functional form: "relu" for relu_.
        names: Its arguments' places and defaults.
        args: As it was called.
        kwargs: As it was called.
        out: The first tensor that it gave.
        outs: All of them.
        lengths: Pixels along each image axis.
        find: What a tensor reads.
    """

    name: str
    names: Mapping[str, tuple[int, Any]]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outs: Sequence[Tensor]
    lengths: tuple[int, ...]
    find: Callable[[Any], Dependence | None]

    @property
    def out(self) -> Tensor:
        """The first tensor that it gave."""
        return self.outs[0]

    def get(self, *names: str, default: Any = None) -> Any:
        """An argument, by the first of its possible names that the operation has."""
        for name in names:
            if name in self.kwargs:
                return self.kwargs[name]
            if name in self.names:
                place, otherwise = self.names[name]
                return self.args[place] if place < len(self.args) else otherwise
        return default

    def read(self, value: Any) -> Dependence | None:
        """What an argument reads; None for what is no tensor."""
        return self.find(value) if isinstance(value, Tensor) else None

    def only(self) -> Dependence:
        """What the first argument reads, which must be the only one that reads anything."""
        rest = [*self.args[1:], *self.kwargs.values()]
        if any(self.read(tensor) is not None for tensor in flat(rest)):
            raise Unknown("more than the first argument depends on the image")
        return self.given(self.args[0])

    def given(self, value: Any) -> Dependence:
        """What a tensor reads, as a `Dependence` even where it reads nothing."""
        found = self.read(value)
        return Dependence.nothing(self.lengths, value.shape) if found is None else found

    def hull(self, values: Sequence[Any], shape: Sequence[int] | None = None) -> Dependence:
        """What an element-wise operation on these reads."""
        found = [part for part in map(self.read, values) if part is not None]
        to = self.out.shape if shape is None else shape
        return hull_of(found, to) if found else Dependence.nothing(self.lengths, to)


Result = Dependence | None | list[Dependence | None]
Rule = Callable[[Call], Result]

RULES: dict[str, Rule] = {}
"""From an operation's functional name to its rule."""


def rule(names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operations, named with spaces between."""

    def register(function: Rule) -> Rule:
        for name in names.split():
            RULES[name] = function
        return function

    return register


def flat(values: Any) -> list[Tensor]:
    """The tensors among arguments or results, also in lists of them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += flat(value)
    return found


# element by element


@rule(
    "clone _to_copy to contiguous detach alias lift lift_fresh positive type_as prelu _prelu_kernel "
    "native_dropout dropout alpha_dropout feature_dropout feature_alpha_dropout rrelu rrelu_with_noise "
    "log_sigmoid log_sigmoid_forward quantize_per_tensor quantize_per_channel dequantize "
    "fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask tril triu "
    "where masked_fill nan_to_num relu relu6 hardtanh hardswish silu mish selu conj resolve_conj "
    "resolve_neg bernoulli as_strided __and__ __or__ __xor__ real imag mul_relu add_relu celu threshold "
    "leaky_relu elu sigmoid tanh hardsigmoid softplus softsign tanhshrink subtract multiply divide "
    "true_divide square rsub add mul clip pin_memory cpu cuda float half double"
)
def pointwise(call: Call) -> Result:
    """Every element reads what the elements at its place read."""
    if call.name == "as_strided" and not _same_places(call.args[0], call.out):
        raise Unknown("memory is read in another order")
    shape = call.out.shape
    tensors = flat([*call.args, *call.kwargs.values()])
    return [call.hull([t for t in tensors if _fits(t, shape)], shape)] + [
        call.hull(tensors, out.shape) if out.shape == shape else None for out in call.outs[1:]
    ]


@rule("copy")
def _copied(call: Call) -> Result:
    return call.hull([call.get("src")])


@rule("fill")
def _filled(call: Call) -> Result:
    return call.hull([call.get("value")])


def _same_places(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors lie in memory element by element alike."""
    strides = [[s for n, s in zip(t.shape, t.stride(), strict=True) if n > 1] for t in (a, b)]
    same_start = bool(a.storage_offset() == b.storage_offset())
    return a.shape == b.shape and strides[0] == strides[1] and same_start


def _fits(tensor: Tensor, shape: Sequence[int]) -> bool:
    """Raises for a tensor that does not broadcast to a shape; true otherwise."""
    own = tensor.shape
    pairs = zip(reversed(own), reversed(shape), strict=False)
    if len(own) > len(shape) or any(a not in (1, b) for a, b in pairs):
        raise Unknown("an argument is no operand")
    return True


# windows


@rule(
    "convolution _convolution convolution_overrideable conv1d conv2d conv3d mkldnn_convolution "
    "cudnn_convolution miopen_convolution conv_transpose1d conv_transpose2d conv_transpose3d "
    "_slow_conv2d_forward _conv_depthwise2d conv_depthwise3d slow_conv3d"
)
def _convolution(call: Call) -> Result:
    weight, x = call.args[1], call.args[0]
    kernel = weight.shape[2:]
    padding = call.get("padding", default=0)
    dilation = _each(call.get("dilation", default=1), len(kernel))
    if padding == "valid":
        padding = 0
    if padding == "same":  # more at the end where it does not divide
        padding = [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    depthwise = call.name in ("_conv_depthwise2d", "conv_depthwise3d")
    image = convolved(
        call.given(x),
        kernel,
        _each(call.get("stride", default=1), len(kernel)),
        _each(padding, len(kernel)),
        dilation,
        groups=x.shape[1] if depthwise else call.get("groups", default=1),
        turned="transpose" in call.name or bool(call.get("transposed", default=False)),
        shape=call.out.shape,
    )
    made = [call.read(weight), call.read(call.get("bias"))]
    return _with_whole(image, made)


def convolved(
    x: Dependence,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    groups: int,
    turned: bool,
    shape: Sequence[int],
) -> Dependence:
    """What a convolution's output of this shape reads; its input may lack the batch."""
    first = len(shape) - len(kernel)
    channels = first - 1
    if groups == 1:
        x = x.reduced([channels], keep=True).expanded(
            (*x.shape[:channels], shape[channels], *x.shape[first:])
        )
    else:
        own = x.shape
        split = (*own[:channels], groups, own[channels] // groups, *own[first:])
        x = x.viewed(split).reduced([channels + 1], keep=True)
        each = shape[channels] // groups
        x = x.expanded((*own[:channels], groups, each, *own[first:]))
        x = x.viewed((*own[:channels], shape[channels], *own[first:]))
    make = transposed if turned else window
    for i, (k, s, p, d) in enumerate(zip(kernel, stride, padding, dilation, strict=True)):
        x = x.windowed(first + i, make(k, s, p, d), shape[first + i])
    return x


@rule(
    "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
    "max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d quantized_max_pool1d "
    "quantized_max_pool2d quantized_max_pool3d mkldnn_max_pool2d mkldnn_max_pool3d"
)
def _pooled(call: Call) -> Result:
    rank = int(call.name[call.name.index("pool") + 4])
    kernel = _each(call.get("kernel_size"), rank)
    stride = _each(call.get("stride") or kernel, rank)
    padding = _each(call.get("padding", default=0), rank)
    dilation = _each(call.get("dilation", default=1), rank)
    x = call.only()
    first = len(x.dims) - rank
    for i in range(rank):
        taps = window(kernel[i], stride[i], padding[i], dilation[i])
        x = x.windowed(first + i, taps, call.out.shape[first + i])
    return [x] * len(call.outs)


@rule(
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d "
    "_adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
    "mkldnn_adaptive_avg_pool2d"
)
def _pooled_to_a_size(call: Call) -> Result:
    rank = int(call.name[call.name.index("pool") + 4])
    x = call.only()
    shape = x.shape
    for dim in range(len(shape) - rank, len(shape)):
        units = call.out.shape[dim]
        if units and shape[dim]:
            x = x.windowed(dim, adaptive(shape[dim], units), units)
    return [x] * len(call.outs)


@rule(
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
    "upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"
)
def _resampled(call: Call) -> Result:
    x = call.only()
    shape, rank = x.shape, int(re.findall(r"\d", call.name)[0])
    align = call.get("align_corners")
    if "scale_factors" in call.names:  # the overload that takes either
        scales = [None] * rank if call.get("output_size") else call.get("scale_factors")
    elif rank == 1:
        scales = [call.get("scales")]
    else:
        scales = [call.get(f"scales_{axis}") for axis in "dhw"[3 - rank :]]
    for i in range(rank):
        dim = len(shape) - rank + i
        size, units = shape[dim], call.out.shape[dim]
        scale = scales[i] if scales else None
        x = x.windowed(dim, _resampling(call.name, rank, size, units, align, scale), units)
    return x


@lru_cache(maxsize=256)
def _resampling(
    name: str, rank: int, size: int, units: int, align: bool | None, scale: float | None
) -> Taps:
    """What a resampling reads along one dimension, as the operation itself says.

    Run on every single lit pixel, it lights what reads that pixel. That has all its conventions:
    where pixels lie, what is rounded, how wide a filter is.
    """
    if size * units > 1 << 24:
        raise Unknown(f"resampling {size} to {units} is too large to be looked at")
    nearest = "nearest" in name
    # double: what rounding alone lets through is not counted as read
    lit = torch.eye(size, dtype=torch.float32 if nearest else torch.float64)
    lit = lit.reshape(size, 1, *[1] * (rank - 1), size)
    function = getattr(torch.ops.aten, name).default
    arguments: list[Any] = [lit, [1] * (rank - 1) + [units]]
    arguments += [] if nearest else [align]
    arguments += [None] * (rank - 1) + [scale]
    weights = function(*arguments).reshape(size, units)
    columns = (weights.abs() > 1e-6).nonzero().tolist()
    reads: list[list[int]] = [[] for _ in range(units)]
    for pixel, unit in columns:
        reads[unit].append(pixel)
    rates = [Fraction(size, units)]
    if units > 1 and size > 1:
        rates.append(Fraction(size - 1, units - 1))
    if scale:
        rates.append(1 / Fraction(scale).limit_denominator(4096))
    return fitted(reads, rates)


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


@rule("im2col")
def _columns_of(call: Call) -> Result:
    x = call.only()
    batch = len(x.dims) == 4
    kernel, stride, padding, dilation = (
        _each(call.get(name), 2) for name in ("kernel_size", "stride", "padding", "dilation")
    )
    first = len(x.dims) - 2
    for i in range(2):
        size = x.shape[first + i] + 2 * padding[i]
        x = x.windowed(first + i, Taps(1, 1, (range(-padding[i], 1 - padding[i]),)), size)
    for i in range(2):
        wide = x.unfolded(first + i, dilation[i] * (kernel[i] - 1) + 1, stride[i])
        last = len(wide.dims) - 1
        x = wide.gathered(last, range(0, wide.shape[last], dilation[i]))
    # (batch, channels, rows, columns, kernel rows, kernel columns)
    order = [0, 1, 4, 5, 2, 3] if batch else [0, 3, 4, 1, 2]
    return x.permuted(order).viewed(call.out.shape)


# padding


@rule("constant_pad_nd zero_pad2d")
def _padded(call: Call) -> Result:
    # beyond the border the lattice goes on; channels, which have no lattice, get some that read nothing
    x, widths = call.only(), call.get("pad", "padding")
    for i in range(len(widths) // 2):
        dim = len(x.dims) - 1 - i
        before, after = widths[2 * i], widths[2 * i + 1]
        if before == after == 0:
            continue
        size = call.out.shape[dim]
        axes = x.axes_of(dim)
        lattice = axes and all(x.alone(axis, dim) for axis in axes)
        if not axes:  # nothing changes along it: after a global operation, or among channels
            still = not any(x.axes_of(other) for other in range(len(x.dims)))
            lattice = still or dim >= len(x.dims) - len(x.lengths)
        if not lattice and min(before, after) >= 0:
            x = catenated(
                [
                    Dependence.nothing(x.lengths, (*x.shape[:dim], before, *x.shape[dim + 1 :])),
                    x,
                    Dependence.nothing(x.lengths, (*x.shape[:dim], after, *x.shape[dim + 1 :])),
                ],
                dim,
            )
        elif before < 0 or after < 0:
            kept = range(max(-before, 0), x.shape[dim] - max(-after, 0))
            x = x.gathered(dim, kept)
            taps = Taps(1, 1, (range(-max(before, 0), 1 - max(before, 0)),))
            x = x.windowed(dim, taps, size)
        else:
            x = x.windowed(dim, Taps(1, 1, (range(-before, 1 - before),)), size)
    return x


@rule(
    "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
    "replication_pad3d"
)
def _mirrored(call: Call) -> Result:
    x, widths = call.only(), call.get("padding")
    for i in range(len(widths) // 2):
        before, after = widths[2 * i], widths[2 * i + 1]
        if before < 0 or after < 0:
            raise Unknown("a padding cuts off")
        dim = len(x.dims) - 1 - i
        x = x.mirrored(dim, before, after, repeat="replication" in call.name)
    return x


@rule("pad")
def _padded_by_mode(call: Call) -> Result:
    mode = call.get("mode")
    if mode == "constant":
        return _padded(call)
    if mode in ("reflect", "replicate"):
        x, widths = call.only(), call.get("pad")
        for i in range(len(widths) // 2):
            before, after = widths[2 * i], widths[2 * i + 1]
            if before < 0 or after < 0:
                raise Unknown("a padding cuts off")
            x = x.mirrored(len(x.dims) - 1 - i, before, after, repeat=mode == "replicate")
        return x
    raise Unknown("the padding wraps around")


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
    source = [dim % rank for dim in _list(call.get("source"))]
    target = [dim % rank for dim in _list(call.get("destination"))]
    order = [dim for dim in range(rank) if dim not in source]
    for place, dim in sorted(zip(target, source, strict=True)):
        order.insert(place, dim)
    return x.permuted(order)


@rule("squeeze")
def _squeezed(call: Call) -> Result:
    x = call.only()
    rank, shape = len(x.dims), x.shape
    chosen = call.get("dim")
    dims = range(rank) if chosen is None else [dim % rank for dim in _list(chosen) if rank]
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
        dims = [dim % rank for dim in _list(call.get("dims"))]
        moves = _list(call.get("shifts")) if call.name == "roll" else dims
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


# everything along some dimensions


@rule(
    "mean sum nansum nanmean amax amin max min var std var_mean std_mean prod logsumexp norm "
    "linalg_vector_norm frobenius_norm argmax argmin any all median nanmedian count_nonzero aminmax "
    "kthvalue mode"
)
def _reduced(call: Call) -> Result:
    if call.read(call.get("other")) is not None or len(flat(call.args)) > 1:
        return pointwise(call)  # max of two tensors
    x = call.only()
    rank = len(x.dims)
    chosen = call.get("dim")
    dims = list(range(rank)) if chosen in (None, []) else [d % max(rank, 1) for d in _list(chosen)]
    if rank == 0:
        return [x] * len(call.outs)
    keep = bool(call.get("keepdim", default=False))
    return [x.reduced(dims, keep=keep)] * len(call.outs)


@rule("_softmax softmax log_softmax _log_softmax _safe_softmax sort argsort msort renorm")
def _mixed(call: Call) -> Result:
    x = call.only()
    return [x.mixed([call.get("dim", default=-1) % len(x.dims)])] * len(call.outs)


@rule("topk")
def _chosen(call: Call) -> Result:
    x = call.only()
    dim = call.get("dim") % len(x.dims)
    return [x.reduced([dim], keep=True).expanded(call.out.shape)] * len(call.outs)


@rule("cumsum cumprod logcumsumexp cummax cummin _cummax_helper")
def _cumulated(call: Call) -> Result:
    x = call.only()
    return [x.lost(call.get("dim") % len(x.dims))] * len(call.outs)


@rule("glu")
def _gated(call: Call) -> Result:
    x = call.only()
    dim = call.get("dim") % len(x.dims)
    half = x.shape[dim] // 2
    halves = [x.gathered(dim, range(0, half)), x.gathered(dim, range(half, 2 * half))]
    return hull_of(halves, call.out.shape)


@rule("native_layer_norm layer_norm rms_norm _fused_rms_norm fused_layer_norm")
def _layer_normalized(call: Call) -> Result:
    x = call.given(call.args[0])
    rank = len(x.dims)
    x = x.mixed(range(rank - len(call.get("normalized_shape")), rank))
    parts = [x, call.read(call.get("weight")), call.read(call.get("bias"))]
    return hull_of([part for part in parts if part is not None], call.out.shape)


@rule("native_group_norm group_norm")
def _group_normalized(call: Call) -> Result:
    x = call.only()
    shape = x.shape
    groups = call.get("group", "num_groups")
    grouped = x.viewed((shape[0], groups, shape[1] // groups, *shape[2:]))
    return grouped.mixed(range(2, len(grouped.dims))).viewed(shape)


@rule(
    "native_batch_norm batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training "
    "_batch_norm_with_update _batch_norm_no_update _batch_norm_impl_index cudnn_batch_norm "
    "miopen_batch_norm"
)
def _batch_normalized(call: Call) -> Result:
    x = call.only()
    own = call.get("training", default="no_training" not in call.name)
    if own or call.get("running_mean") is None:
        return x.mixed([dim for dim in range(len(x.dims)) if dim != 1])
    return x


@rule("instance_norm")
def _instance_normalized(call: Call) -> Result:
    x = call.only()
    if call.get("use_input_stats"):
        return x.mixed(range(2, len(x.dims)))
    return x


# products


@rule("mm bmm matmul mv dot addmm baddbmm addbmm addmv _addmm_activation linear")
def _multiplied(call: Call) -> Result:
    first = call.get("batch1", "mat1", "mat", "self", "input")
    second = call.get("batch2", "mat2", "vec", "tensor", "other", "weight")
    bias = call.get("bias") if call.name == "linear" else None
    if call.name.startswith(("add", "badd", "_addmm")):
        bias = call.get("self")
    a, b = call.read(first), call.read(second)
    shape = tuple(call.out.shape)
    if call.name == "linear" and b is not None:
        b = b.permuted([1, 0]) if len(b.dims) == 2 else b.inserted(1)
    column = second.dim() == 1
    if column:
        shape = (*shape, 1)
    row = first.dim() == 1
    if row:
        shape = (*shape[:-1], 1, shape[-1]) if shape else (1, 1)
    parts = []
    if a is not None:
        a = a.inserted(0) if row else a
        parts.append(a.reduced([len(a.dims) - 1], keep=True))
    if b is not None:
        b = b.inserted(1) if column else b
        parts.append(b.reduced([len(b.dims) - 2], keep=True))
    if call.name == "addbmm":
        parts = [part.reduced([0], keep=False) for part in parts]
    product = hull_of(parts, shape) if parts else Dependence.nothing(call.lengths, shape)
    last = len(product.dims) - 1
    product = product.dropped([last] * column + [last - 1] * row)
    added = call.read(bias)
    return product if added is None else hull_of([product, added], call.out.shape)


@rule(
    "scaled_dot_product_attention _scaled_dot_product_attention_math "
    "_scaled_dot_product_attention_math_for_mps _scaled_dot_product_flash_attention "
    "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention "
    "_scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable"
)
def _attended(call: Call) -> Result:
    query, key, value = (call.read(call.get(name)) for name in ("query", "key", "value"))
    mask = call.read(call.get("attn_mask", "attn_bias"))
    last = call.out.dim() - 1
    if call.get("query").shape[:-2] != call.get("key").shape[:-2]:
        raise Unknown("heads share keys")
    parts = []
    if query is not None:
        parts.append(query.reduced([last], keep=True))
    if key is not None:
        parts.append(key.reduced([last - 1, last], keep=True))
    if value is not None:
        parts.append(value.reduced([last - 1], keep=True))
    if mask is not None:
        parts.append(mask.reduced([len(mask.dims) - 1], keep=True))
    # two of an image's rows and columns meet in a sum over keys, whatever a mask leaves out of it
    return hull_of(parts, call.out.shape)


@rule("_native_multi_head_attention")
def _multi_head_attention(call: Call) -> Result:
    parts = []
    for name in ("key", "value"):
        x = call.read(call.get(name))
        if x is not None:
            parts.append(x.reduced([1, 2], keep=True))
    query = call.read(call.get("query"))
    if query is not None:
        parts.append(query.reduced([2], keep=True))
    return hull_of(parts, call.out.shape)


@rule("_transformer_encoder_layer_fwd")
def _encoder_layer(call: Call) -> Result:
    return call.given(call.args[0]).reduced([1, 2], keep=True).expanded(call.out.shape)


# quantized models; the packed parameters say what the convolution is


@rule("quantized::conv quantized::conv_transpose")
def _quantized_convolution(call: Call) -> Result:
    x, packed = call.only(), call.args[1]
    rank = call.out.dim() - 2
    lengths = [list(get())[-rank:] for get in (packed.stride, packed.padding, packed.dilation)]
    return convolved(
        x,
        list(packed.unpack()[0].shape)[-rank:],
        *lengths,
        groups=packed.groups(),
        turned="transpose" in call.name,
        shape=call.out.shape,
    )


@rule("quantized::linear")
def _quantized_linear(call: Call) -> Result:
    x = call.only()
    return x.reduced([len(x.dims) - 1], keep=True).expanded(call.out.shape)


def _with_whole(x: Dependence, others: Sequence[Dependence | None]) -> Dependence:
    """With weights that were computed from the image: all of them count for every output."""
    parts = [o.reduced(range(len(o.dims)), keep=False) for o in others if o is not None]
    return hull_of([x, *parts], x.shape)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _each(value: Any, rank: int) -> list[int]:
    values = _list(value)
    return values * rank if len(values) == 1 else values
