"""What operations read that go through windows: convolution, pooling, resampling, padding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import torch

from cnnvis.dependence import Dependence
from cnnvis.joining import catenated, hull_of
from cnnvis.reach import Taps, Unknown, adaptive, fitted, transposed, window
from cnnvis.rulebook import Call, Result, each, rule

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
    dilation = each(call.get("dilation", default=1), len(kernel))
    if padding == "valid":
        padding = 0
    if padding == "same":  # more at the end where it does not divide
        padding = [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    depthwise = call.name in ("_conv_depthwise2d", "conv_depthwise3d")
    image = convolved(
        call.given(x),
        kernel,
        each(call.get("stride", default=1), len(kernel)),
        each(padding, len(kernel)),
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
    kernel = each(call.get("kernel_size"), rank)
    stride = each(call.get("stride") or kernel, rank)
    padding = each(call.get("padding", default=0), rank)
    dilation = each(call.get("dilation", default=1), rank)
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


@rule("im2col")
def _columns_of(call: Call) -> Result:
    x = call.only()
    batch = len(x.dims) == 4
    kernel, stride, padding, dilation = (
        each(call.get(name), 2) for name in ("kernel_size", "stride", "padding", "dilation")
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


def _with_whole(x: Dependence, others: Sequence[Dependence | None]) -> Dependence:
    """With weights that were computed from the image: all of them count for every output."""
    parts = [o.reduced(range(len(o.dims)), keep=False) for o in others if o is not None]
    return hull_of([x, *parts], x.shape)
