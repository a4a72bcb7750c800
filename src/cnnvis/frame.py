"""The frame: every name, dtype and byte of one layer's picture that crosses to JavaScript.

A frame is a safetensors file in memory, which `js/frame.ts` reads:

    codes     U8  (tiles, planes * height, width)  see `quantize`
    bounds    F32 (tiles, 2)                       lo and hi of each tile
    stats     F32 (tiles, 4)                       mean, std, share of zeros, count of non-finite
    channels  I32 (tiles,)                         which channel each tile is
    bias      F32 (tiles,)                         what each filter adds; only where there is one

with metadata (all strings, numbers as JSON): protocol, generation, layer, view, call, image, shape
([tiles, planes, height, width] of the whole layer at full resolution), factor, stats, and stand_in
where the kernel has a better one, for which the page asks.

In the view "feature_maps" a tile is one channel of an output. In the view "filters" it is the filter
of one output channel, and its planes are its kernels, one below the other: row p * height + y of a
tile is row y of kernel p.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor

from cnnvis.quantize import STATISTICS, Quantized, quantize
from cnnvis.stages import stage

PROTOCOL: Final = 1
FEATURE_MAPS: Final = "feature_maps"
FILTERS: Final = "filters"
VIEWS: Final = (FEATURE_MAPS, FILTERS)

MAX_BYTES: Final = {FEATURE_MAPS: 1 << 20, FILTERS: 4 << 20}
"""What a frame may weigh before its tiles are averaged down. Filters get more: means of signed weights
cancel, so an averaged mosaic shows little. 512 x 512 kernels of 3 x 3 fit whole."""

_BYTES_PER_TILE = 2 * 4 + len(STATISTICS) * 4 + 4  # bounds, stats, channel
_HEADER_BYTES = 1024
_STATISTICS = json.dumps(STATISTICS)


@dataclass(frozen=True)
class FrameKey:
    """What a frame shows.

    Attributes:
        layer: Dotted name.
        view: `FEATURE_MAPS` or `FILTERS`.
        call: Which call of the layer, from 0, in one forward pass.
        image: Which image of the batch, from 0.
        generation: Counts the looks; a page drops frames of an older one.
    """

    layer: str
    view: str
    call: int = 0
    image: int = 0
    generation: int = 0


@dataclass(frozen=True)
class Frame:
    """An unpacked frame.

    Attributes:
        key: What it shows.
        codes: uint8 (tiles, planes * ceil(height / factor), ceil(width / factor)).
        bounds: float32 (tiles, 2).
        stats: float32 (tiles, 4).
        channels: int32 (tiles,).
        shape: (tiles, planes, height, width) of the whole layer at full resolution.
        factor: By how much each side was averaged down.
        bias: float32 (tiles,) of filters that add one; else None.
    """

    key: FrameKey
    codes: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
    bounds: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    stats: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    channels: np.ndarray[tuple[int], np.dtype[np.int32]]
    shape: tuple[int, int, int, int]
    factor: int
    bias: np.ndarray[tuple[int], np.dtype[np.float32]] | None
    metadata: dict[str, str] = field(repr=False)


def pack(
    tiles: Tensor,
    key: FrameKey,
    *,
    channels: list[int] | None = None,
    factor: int | None = None,
    max_bytes: int | None = None,
    cut: bool = False,
    bias: Tensor | None = None,
    stand_in: bool = False,
) -> bytes:
    """One frame of a layer's tiles.

    Args:
        tiles: Real tensor (tiles, planes, height, width), any device and dtype: the whole layer.
        key: What it shows. Filters get bounds symmetric about zero.
        channels: Only these tiles, in this order; None: all.
        factor: By how much to average each side down. None: the smallest that keeps the frame within
            max_bytes. One value per plane is where averaging ends: a layer of very many planes stays
            above max_bytes.
        max_bytes: The limit when factor is None; None: that of the view in `MAX_BYTES`.
        cut: Where averaging is not enough, keep only the channels that vary most, in their order.
        bias: What each filter of the whole layer adds, (tiles,); None: nothing.
        stand_in: Whether the frame says that there is a better one.

    Raises:
        ValueError: tiles has not four dimensions, or a channel does not exist.
    """
    if tiles.ndim != 4:
        raise ValueError(
            f"pack takes tiles (tiles, planes, height, width), got shape {tuple(tiles.shape)}"
        )
    count, planes, height, width = tiles.shape
    if max_bytes is None:
        max_bytes = MAX_BYTES[key.view]
    if cut and channels is None:
        channels = _strongest(tiles, max_bytes)
    picked = tiles
    if channels is not None:
        if not all(0 <= channel < count for channel in channels):
            raise ValueError(
                f"layer {key.layer!r} has channels 0 to {count - 1}, asked for {channels}"
            )
        picked = tiles[channels]
    if factor is None:
        factor = factor_for(tuple(picked.shape), max_bytes)
    with stage("quantize"):
        quantized = quantize(picked, factor=factor, symmetric=key.view == FILTERS)
    if bias is not None:
        chosen = slice(None) if channels is None else channels
        bias = bias.float()[chosen] if len(bias) == count else None
    shape = (count, planes, height, width)
    return encode(quantized, key, channels, shape, factor, bias, stand_in)


def encode(
    quantized: Quantized,
    key: FrameKey,
    channels: list[int] | None,
    shape: tuple[int, int, int, int],
    factor: int,
    bias: Tensor | None = None,
    stand_in: bool = False,
) -> bytes:
    """The frame of tiles that are quantized already.

    Args:
        quantized: The tiles.
        key: What it shows.
        channels: Which channel each tile is; None: all of the layer, in order.
        shape: (tiles, planes, height, width) of the whole layer at full resolution.
        factor: By how much each side was averaged down.
        bias: float32 (tiles,), what each filter adds; None: nothing.
        stand_in: Whether it says that there is a better one.
    """
    every = np.arange(shape[0], dtype=np.int32)  # a list takes longer than the rest of the frame
    arrays = {
        "codes": quantized.codes.numpy(),
        "bounds": quantized.bounds.numpy(),
        "stats": quantized.stats.numpy(),
        "channels": every if channels is None else np.asarray(channels, dtype=np.int32),
    }
    if bias is not None:
        arrays["bias"] = bias.numpy()
    metadata = {
        "protocol": str(PROTOCOL),
        "generation": str(key.generation),
        "layer": clean(key.layer),
        "view": key.view,
        "call": str(key.call),
        "image": str(key.image),
        "shape": json.dumps(shape),
        "factor": str(factor),
        "stats": _STATISTICS,
    }
    if stand_in:
        metadata["stand_in"] = "1"
    with stage("pack"):
        packed: bytes = safetensors.numpy.save(arrays, metadata)
    return packed


def unpack(frame: bytes) -> Frame:
    """The content of a frame that `pack` made.

    Raises:
        ValueError: The frame's protocol is another than this version's.
    """
    arrays = safetensors.numpy.load(frame)
    length = int.from_bytes(frame[:8], "little")
    metadata: dict[str, str] = json.loads(frame[8 : 8 + length])["__metadata__"]
    if metadata["protocol"] != str(PROTOCOL):
        raise ValueError(
            f"this cnnvis reads frames of protocol {PROTOCOL}, got {metadata['protocol']}"
        )
    count, planes, height, width = json.loads(metadata["shape"])
    return Frame(
        FrameKey(
            metadata["layer"],
            metadata["view"],
            int(metadata["call"]),
            int(metadata["image"]),
            int(metadata["generation"]),
        ),
        arrays["codes"],
        arrays["bounds"],
        arrays["stats"],
        arrays["channels"],
        (count, planes, height, width),
        int(metadata["factor"]),
        arrays.get("bias"),
        metadata,
    )


def clean(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate, which torch accepts in a name, becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def size_of(tiles: int, planes: int, height: int, width: int) -> int:
    """About how many bytes a frame takes, at most; height and width as coded."""
    return _HEADER_BYTES + tiles * (planes * height * width + _BYTES_PER_TILE)


def _strongest(tiles: Tensor, max_bytes: int) -> list[int] | None:
    """The channels with the largest variance, as many as fit with one value a plane; None: all."""
    count, planes = tiles.shape[:2]
    empty = size_of(0, planes, 1, 1)
    fitting = max(1, (max_bytes - empty) // (size_of(1, planes, 1, 1) - empty))
    if fitting >= count:
        return None
    spread = tiles.flatten(1).to(torch.float64).nan_to_num(0, 0, 0).var(1, correction=0)
    kept: list[int] = spread.topk(fitting).indices.tolist()
    return sorted(kept)


def factor_for(shape: tuple[int, ...], max_bytes: int) -> int:
    """The smallest factor with which a frame keeps within max_bytes."""
    count, planes, height, width = shape
    factor = 1
    while factor < max(height, width):
        if size_of(count, planes, -(-height // factor), -(-width // factor)) <= max_bytes:
            break
        factor += 1
    return factor
