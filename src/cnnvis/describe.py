"""An `Inspection` as the small JSON that the page gets beside the frames."""

from __future__ import annotations

import io
import math
from typing import Any

from cnnvis._version import __version__
from cnnvis.frame import PROTOCOL, clean
from cnnvis.inspection import Inspection, LayerRun
from cnnvis.layers import Layer

PICTURE_SIDE = 448
"""Longest side, in pixels, of the input picture that the page shows."""


def describe(inspection: Inspection, generation: int = 0) -> dict[str, Any]:
    """Names, shapes and notes: what `js/metadata.ts` reads. Plain JSON, no NaN, no lone surrogate.

    Args:
        inspection: What is shown.
        generation: Counts the looks, as in the frames' metadata.
    """
    shapes = inspection.input_shapes
    notes: dict[str | None, list[str]] = {}
    for note in inspection.notes:
        notes.setdefault(note.layer, []).append(note.text)
    described: dict[str, Any] = _json(
        {
            "protocol": PROTOCOL,
            "version": __version__,
            "generation": generation,
            "model": type(inspection.model).__name__,
            "layers": [_layer(run, notes.get(run.name, [])) for run in inspection.layers],
            "input": {
                "shape": shapes[0] if shapes else [],
                "preprocessing": inspection.preprocessing,
                "images": max(len(inspection.pictures), 1),
            },
            "predictions": [
                {"index": p.index, "label": p.label, "probability": p.probability}
                for p in inspection.predictions()
            ],
            "notes": [
                {"layer": note.layer, "kind": note.kind, "text": note.text}
                for note in inspection.notes
            ],
        }
    )
    return described


def picture(inspection: Inspection, image: int = 0) -> bytes:
    """What the model saw, as a PNG of at most `PICTURE_SIDE` pixels a side; empty if not known."""
    if not inspection.pictures:
        return b""
    seen = inspection.pictures[image].copy()
    seen.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    file = io.BytesIO()
    seen.save(file, "PNG")
    return file.getvalue()


def _layer(run: LayerRun, notes: list[str]) -> dict[str, Any]:
    layer = run.layer
    return {
        "name": run.name,
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
        "macs": run.macs,
        "ran": run.ran,
        "calls": run.calls,
        "output_shapes": run.output_shapes,
        "filters_shape": _filters_shape(layer),
        "notes": notes,
    }


def _filters_shape(layer: Layer) -> tuple[int, ...] | None:
    """The shape that `filters` has, without reading it; None: no weights, or not yet."""
    if layer.kind == "other" or layer.in_channels is None or layer.out_channels is None:
        return None
    seen = layer.in_channels // (layer.groups or 1)
    return (layer.out_channels, seen, *(layer.kernel_size or ()))


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
