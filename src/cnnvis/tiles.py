"""Outputs and filters of any dimension as tiles: (tiles, planes, height, width)."""

from __future__ import annotations

import math

from torch import Tensor

from cnnvis.layers import Layer


def map_tiles(output: Tensor, layer: Layer, image: int = 0) -> Tensor:
    """One image's output as tiles (channels, planes, height, width); a view where it can be one.

    Args:
        output: What the layer gave: (batch, channels, [depth,] [height,] width), or the same without
            a batch, as the module takes it too. Of a linear layer (..., features): one tile for each
            feature, its picture a row of the positions. Complex values are shown by magnitude.
        layer: The layer, whose type tells the number of spatial dimensions.
        image: Which image of the batch.

    Raises:
        ValueError: The output has no channels, or the batch no such image.
    """
    output = output.abs() if output.is_complex() else output
    spatial = len(layer.kernel_size or ()) if layer.kind in ("conv", "conv_transpose") else None
    if spatial is None and layer.kind == "other" and output.ndim > 2:
        spatial = min(output.ndim - 2, 3)
    batched = output.ndim == spatial + 2 if spatial is not None else output.ndim > 1
    if batched:
        if not 0 <= image < len(output):
            raise ValueError(
                f"layer {layer.name!r} gave a batch of {len(output)}, asked for image {image}"
            )
        output = output[image]
    if output.ndim == 0:
        raise ValueError(
            f"layer {layer.name!r} gave a single number, which has no channels to show"
        )
    if spatial is None:  # features last: (positions..., features)
        return output.reshape(-1, output.shape[-1]).T[:, None, None, :]
    channels, *size = output.shape
    while len(size) < 3:
        size.insert(0, 1)
    depth, height, width = math.prod(size[:-2]), *size[-2:]
    return output.reshape(channels, depth, height, width)


def filter_tiles(weights: Tensor) -> Tensor:
    """Filters (out, in / groups, *kernel) as tiles (out, planes, height, width).

    A plane is a kernel; a three-dimensional kernel gives one plane for each step in depth. A linear
    layer's (out, in) is a row of 1 x 1 kernels. Complex weights are shown by magnitude.
    """
    weights = weights.abs() if weights.is_complex() else weights
    out, planes, *kernel = weights.shape
    while len(kernel) < 2:
        kernel.insert(0, 1)
    *depth, height, width = kernel
    return weights.reshape(out, planes * math.prod(depth), height, width)
