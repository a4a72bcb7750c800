"""What a page asks the kernel for by a message, and the bytes that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch

from cnnvis.frame import clean
from cnnvis.inspection import Inspection

MAX_VALUES = 1 << 18
"""How many exact values one answer may have: 2 MiB of float64."""


def answer(inspection: Inspection, message: Mapping[str, Any], generation: int) -> bytes | None:
    """The bytes that a request asks for; None where the answer itself is all.

    Args:
        inspection: What is shown.
        message: `kind` and what belongs to it: "detail" (full resolution of some channels, a frame),
            "whole" (the frame that a smaller one stood in for), "ahead" (the same of a layer that may
            be picked next), "values" (exact values of a part of a plane, see `values`), or "ping" (is
            anyone there).
        generation: Counts the looks, as in the frames' metadata.

    Raises:
        ValueError: The kind is unknown, or there is no such layer, channel or part.
        KeyError: A part of the request is missing.
    """
    kind = message.get("kind")
    if kind == "detail":
        return detail(inspection, message, generation)
    if kind == "whole":
        return whole(inspection, message, generation)
    if kind == "ahead":
        return ahead(inspection, message, generation)
    if kind == "values":
        return values(inspection, message, generation)
    if kind == "ping":
        return None
    raise ValueError(
        f"unknown request {kind!r}; this kernel knows 'detail', 'whole', 'ahead', 'values', 'ping' and "
        "'resend'. Restart it and reload the page, so that both are of one version of cnnvis"
    )


def detail(inspection: Inspection, message: Mapping[str, Any], generation: int) -> bytes:
    """A frame of some channels in full resolution."""
    return _frame(inspection, message, generation, [int(each) for each in message["channels"]])


def whole(inspection: Inspection, message: Mapping[str, Any], generation: int) -> bytes:
    """The frame of a layer, as large as a live view has it."""
    return _frame(inspection, message, generation, None)


def ahead(inspection: Inspection, message: Mapping[str, Any], generation: int) -> bytes | None:
    """As `whole`; None where that takes another forward pass, which nobody has asked for yet."""
    name, view = _layer(inspection, message), message["view"]
    call, image = int(message.get("call", 0)), int(message.get("image", 0))
    if not inspection.is_at_hand(name, view, call, image):
        return None
    return whole(inspection, message, generation)


def _frame(
    inspection: Inspection,
    message: Mapping[str, Any],
    generation: int,
    channels: list[int] | None,
) -> bytes:
    return inspection.frame(
        _layer(inspection, message),
        message["view"],
        int(message.get("call", 0)),
        image=int(message.get("image", 0)),
        generation=generation,
        channels=channels,
    )


def values(inspection: Inspection, message: Mapping[str, Any], generation: int) -> bytes:
    """Exact values of a part of one plane of a tile, as safetensors: `values`, F64 (rows, columns).

    Float64 holds every value of the smaller types exactly, and integers up to 2**53.

    Args:
        inspection: What is shown.
        message: layer, view, call, image, channel, plane, and `rows` and `columns`, each the first
            and the one after the last; `generation`, the look that the page shows.
        generation: Counts the looks.

    Raises:
        ValueError: There is no such part, it has more than `MAX_VALUES` values, or the page shows
            another look than this one, whose values are not those asked for.
        KeyError: A part of the request is missing.
    """
    if int(message.get("generation", generation)) != generation:
        raise ValueError("the model was looked at anew since; ask again for what is shown now")
    name = _layer(inspection, message)
    tiles = inspection.tiles(
        name, message["view"], int(message.get("call", 0)), int(message.get("image", 0))
    )
    where = (
        range(int(message["channel"]), int(message["channel"]) + 1),
        range(int(message["plane"]), int(message["plane"]) + 1),
        range(*map(int, message["rows"])),
        range(*map(int, message["columns"])),
    )
    for axis, span, size in zip(_AXES, where, tiles.shape, strict=True):
        if not 0 <= span.start < span.stop <= size:
            raise ValueError(
                f"layer {name!r} has {axis} 0 to {size - 1}, asked for {span.start} to {span.stop - 1}"
            )
    if len(where[2]) * len(where[3]) > MAX_VALUES:
        raise ValueError(
            f"asked for {len(where[2])} x {len(where[3])} values at once; at most {MAX_VALUES} go"
        )
    part = tiles[tuple(slice(span.start, span.stop) for span in where)][0, 0]
    part = (part.dequantize() if part.is_quantized else part).detach()
    exact = part.to("cpu", torch.float64).contiguous()
    packed: bytes = safetensors.torch.save({"values": exact})
    return packed


_AXES = ("channels", "planes", "rows", "columns")


def _layer(inspection: Inspection, message: Mapping[str, Any]) -> str:
    """The name in the model of the layer that a page names; on the wire names are cleaned."""
    wanted = message["layer"]
    for run in inspection.layers:
        if clean(run.name) == wanted:
            return run.name
    raise ValueError(f"there is no layer {wanted!r} in this look; pick one of the list")
