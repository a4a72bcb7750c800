"""An `Inspection` as the small JSON that the page gets beside the frames."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnvis._version import __version__
from cnnvis.frame import PROTOCOL, clean
from cnnvis.inspection import Inspection, LayerRun
from cnnvis.layers import Layer

if TYPE_CHECKING:
    from PIL import Image

PICTURE_SIDE = 448
"""Longest side, in pixels, of the input picture that the page shows."""

THUMBNAIL_SIDE = 72
"""Side, in pixels, of the square that stands for each image of a batch."""

MOST_THUMBNAILS = 64


def describe(inspection: Inspection) -> dict[str, Any]:
    """Names and shapes: what `js/wire.ts` reads. Plain JSON, no NaN, no lone surrogate.

    It is the same for all looks of which one repeats the other.
    """
    shapes = inspection.input_shapes
    described: dict[str, Any] = _json(
        {
            "protocol": PROTOCOL,
            "version": __version__,
            "model": type(inspection.model).__name__,
            "layers": [_layer(run) for run in inspection.layers],
            "input": {
                "shape": shapes[0] if shapes else [],
                "images": image_count(inspection),
            },
        }
    )
    return described


def remarks(inspection: Inspection) -> list[dict[str, Any]]:
    """The notes of a look as plain JSON. Looks through all values, when it is first asked for."""
    told: list[dict[str, Any]] = _json(
        [{"layer": note.layer, "kind": note.kind, "text": note.text} for note in inspection.notes]
    )
    return told


def seen(inspection: Inspection, image: int = 0) -> dict[str, Any]:
    """What was done to one image of the batch and what the model said of it, as plain JSON.

    The image is named in it.
    """
    told: dict[str, Any] = _json(
        {
            "image": image,
            "preprocessing": inspection.preprocessing,
            "predictions": [
                {"index": p.index, "label": p.label, "probability": p.probability}
                for p in inspection.predictions(image=image)
            ],
        }
    )
    return told


def image_count(inspection: Inspection) -> int:
    """How many images the batch has, at least 1.

    Of inputs that were given as they are nobody says which dimension counts images: it is how many
    outputs the first convolution gave at once.
    """
    if inspection.picture_count:
        return inspection.picture_count
    for run in inspection.layers:
        if run.ran and run.layer.kind in ("conv", "conv_transpose"):
            shape = run.output_shapes[0]
            return max(shape[0], 1) if len(shape) == len(run.layer.kernel_size or ()) + 2 else 1
    return 1


def picture(inspection: Inspection, image: int = 0) -> bytes:
    """What the model saw, as a PNG of at most `PICTURE_SIDE` pixels a side; empty if not known."""
    if not inspection.picture_count:
        return b""
    shown = inspection.pictures[image].copy()
    shown.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    # a third of the time of the usual level, for 3 % more bytes of a photograph
    return _encoded(shown, "PNG", compress_level=1)


def thumbnails(inspection: Inspection) -> bytes:
    """The images of the batch side by side as squares, a JPEG; empty for one image alone.

    Of a large batch only the first `MOST_THUMBNAILS`.
    """
    if inspection.picture_count < 2:
        return b""
    pictures = inspection.pictures[:MOST_THUMBNAILS]
    squares = [_square(each) for each in pictures]
    strip = squares[0].resize((THUMBNAIL_SIDE * len(squares), THUMBNAIL_SIDE))
    for index, square in enumerate(squares):
        strip.paste(square, (THUMBNAIL_SIDE * index, 0))
    return _encoded(strip, "JPEG")


def _square(image: Image.Image) -> Image.Image:
    """The middle of an image; a small one becomes larger."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    middle = (left, top, left + side, top + side)
    return image.convert("RGB").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), box=middle)


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def describe_layer(layer: Layer) -> dict[str, Any]:
    """What a layer is, whether it ran or not: sizes and counts under the names of `Layer`."""
    return {
        "name": layer.name,
        "kind": layer.kind,
        "type": layer.type,
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "kernel_size": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "padding_mode": layer.padding_mode,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "bias": layer.bias,
        "parameters": layer.parameters,
    }


def _layer(run: LayerRun) -> dict[str, Any]:
    layer = run.layer
    fields = getattr(run, "receptive_fields", ())
    return {
        **describe_layer(layer),
        "name": run.name,
        "dtype": _short(getattr(layer, "dtype", None)),
        "device": _short(getattr(layer, "device", None)),
        "macs": run.macs,
        "ran": run.ran,
        "calls": run.calls,
        "output_shapes": run.output_shapes,
        "filters_shape": _filters_shape(layer),
        "receptive_field": _field(getattr(run, "receptive_field", None)),
        # later calls may see more than the first
        "receptive_fields": [_field(each) for each in fields] if len(fields) > 1 else [],
        "field_reason": getattr(run, "field_reason", "") or "",
        "in_place": getattr(run, "in_place", None),
        "functional": bool(getattr(run, "functional", False)),
    }


def _field(field: Any) -> dict[str, Any] | None:
    """A receptive field, in pixels of the input, one entry for each axis of the image."""
    if field is None:
        return None
    whole = field.whole
    return {
        "size": list(field.size),
        "stride": list(field.stride),
        "start": list(field.start),
        "whole": all(whole) if isinstance(whole, Sequence) else bool(whole),
        "regular": field.regular,
    }


def _short(value: Any) -> str:
    """A dtype or a device as a person writes it: "float32", "cuda:0"; empty where there is none."""
    return "" if value is None else str(value).removeprefix("torch.")


def _filters_shape(layer: Layer) -> tuple[int, ...] | None:
    """The shape that `filters` has, without reading it; None: no weights, or not yet."""
    if layer.kind == "other" or layer.in_channels is None or layer.out_channels is None:
        return None
    own = layer.in_channels // (layer.groups or 1)
    return (layer.out_channels, own, *(layer.kernel_size or ()))


def _json(value: Any) -> Any:
    """The same value with lists for tuples, text that UTF-8 can carry, and None for NaN."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
