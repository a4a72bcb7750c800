"""What there is to say of a look: plain records, which the view shows as badges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnvis.frame import FEATURE_MAPS, MAX_BYTES, factor_for
from cnnvis.look import Look
from cnnvis.quantize import STATISTICS
from cnnvis.run import LayerRun
from cnnvis.tiles import map_tiles

_MOST_LISTED = 8


@dataclass(frozen=True)
class Note:
    """Something the view says about what it shows.

    Attributes:
        layer: Dotted name of the layer it is about; None: the whole look.
        kind: A short fixed word for what it is, such as "never ran".
        text: A sentence.
    """

    layer: str | None
    kind: str
    text: str


def notes_of(look: Look, runs: Sequence[LayerRun]) -> list[Note]:
    """Of the whole look first, then of each layer, in order.

    Args:
        look: The look.
        runs: Its layers. Dead and constant channels are looked for in the activations that were kept,
            values that are not finite in all.
    """
    notes = list(_of_the_look(look, runs))
    kept = [(run, call, output) for run in runs for call, output in look.exact(run.name)]
    remarkable = _remarkable(kept)
    for run in runs:
        notes += [Note(run.name, kind, text) for kind, text in _of_the_run(look, run)]
        for call, output in remarkable.get(run.name, ()):
            notes += [Note(run.name, kind, text) for kind, text in _of_values(run, call, output)]
        for call, image, coded in look.codes(run.name):
            count = int(coded.quantized.stats[:, STATISTICS.index("nonfinite")].sum())
            if count:
                where = f" in call {call + 1}" if run.calls > 1 else ""
                text = f"{count:,} values{where} of image {image + 1} are not finite (NaN or infinite)."
                notes.append(Note(run.name, "non-finite", text))
    return notes


def _of_the_look(look: Look, runs: Sequence[LayerRun]) -> Iterator[Note]:
    if look.stopped:
        text = f"The forward pass did not finish: what ran before is shown. {look.stopped}"
        yield Note(None, "stopped", text)
    if look.compiled:
        text = "The model is compiled; it was looked at without its compiled code."
        yield Note(None, "compiled", text)
    if look.left_fast_path:
        text = (
            f"torch computes {look.left_fast_path} by another way while it is looked into; values may "
            "differ in their last digits from those without a look."
        )
        yield Note(None, "fast path", text)
    if look.replaced:
        text = f"The model replaced buffers of its own in the pass: {_listed(look.replaced)}."
        yield Note(None, "model changed", text)
    if look.trace.problem:
        text = f"Not all of the forward pass could be followed: {look.trace.problem}"
        yield Note(None, "trace", text)
    unknown = [run for run in runs if run.field_reason]
    if unknown:
        text = (
            f"The receptive field of {len(unknown)} of {len(runs)} layers is not known, "
            f"the first is {unknown[0].name}: {unknown[0].field_reason}"
        )
        yield Note(None, "receptive field", text)


def _of_the_run(look: Look, run: LayerRun) -> Iterator[tuple[str, str]]:
    layer = run.layer
    if run.failure:
        yield "not taken", f"Its output could not be taken: {run.failure}"
        return
    if not run.ran:
        if run.name in look.trace.used:
            yield (
                "weights bypassed",
                "It was never called: the model gives its weights to a function, as attention does.",
            )
        elif "aux" in run.name:
            yield "never ran", "It never ran for this input: auxiliary heads are for training."
        else:
            yield "never ran", "It never ran for this input."
        return
    if run.functional:
        where = run.name.rpartition(".")[0] or "the model"
        yield "functional", f"A convolution that {where} calls as a function, not a module."
    if run.bypassed:
        scripted = isinstance(layer.module, torch.jit.ScriptModule)
        how = "TorchScript ran it" if scripted else "a function was given its weights"
        yield "bypassed", f"It was not called as a module: {how}."
    if run.calls > 1:
        yield "ran more than once", f"It ran {run.calls} times for this input."
    if run.in_place:
        yield (
            "in-place follower",
            f"{run.in_place} then overwrites its output; shown is what it was before.",
        )
    if run.name in look.foreign:
        yield "foreign hook", "It has hooks of its own; shown is what they passed on."
    if not run.output_shapes[0] or 0 in run.output_shapes[0]:
        return
    tiles = map_tiles(torch.empty(run.output_shapes[0], device="meta"), layer)
    factor = factor_for(tuple(tiles.shape), MAX_BYTES[FEATURE_MAPS])
    if factor > 1:
        yield (
            "averaged",
            f"Its maps are means of {factor} × {factor} values until they are zoomed in.",
        )


def _remarkable(
    kept: Sequence[tuple[LayerRun, int, Tensor]],
) -> dict[str, list[tuple[int, Tensor]]]:
    """By layer, the calls of whose values there may be something to say: few, and told at once.

    In all others each channel has a range that is a number above 0, beyond 0 where relu_ follows.
    """
    told: list[tuple[LayerRun, int, Tensor]] = []
    found: dict[str, list[tuple[int, Tensor]]] = {}
    ranges: list[Tensor] = []
    for run, call, output in kept:
        rest = [d for d in range(output.ndim) if d != _channel(run, output)]
        if output.dtype != torch.float32 or not output.numel() or not rest:
            found.setdefault(run.name, []).append((call, output))
            continue
        highs = output.amax(rest)
        spans = highs - output.amin(rest)
        least = torch.minimum(spans, highs) if run.in_place == "relu_" else spans
        told.append((run, call, output))
        ranges.append(torch.stack((least.amin(), spans.amax())))
    if told:
        low, high = torch.stack(ranges).unbind(1)
        plain = ((low > 0) & (high < torch.inf)).tolist()
        for (run, call, output), nothing in zip(told, plain, strict=True):
            if not nothing:
                found.setdefault(run.name, []).append((call, output))
    return found


def _channel(run: LayerRun, values: Tensor) -> int:
    """Which dimension of an output counts channels."""
    layer = run.layer
    if layer.kind == "linear":
        return values.ndim - 1
    if layer.kind == "other":
        return min(1, values.ndim - 1)
    return values.ndim - len(layer.kernel_size or ()) - 1


def _of_values(run: LayerRun, call: int, output: Tensor) -> Iterator[tuple[str, str]]:
    if not output.numel() or output.ndim == 0:
        return
    values = output.dequantize() if output.is_quantized else output
    values = values.abs() if values.is_complex() else values
    # bool has no extremes, float8 none either
    values = (
        values if values.dtype.itemsize > 1 or not values.is_floating_point() else values.float()
    )
    values = values.to(torch.uint8) if values.dtype == torch.bool else values
    channel = _channel(run, values)
    rest = [d for d in range(values.ndim) if d != channel]
    lows, highs = (values.amin(rest), values.amax(rest)) if rest else (values, values)
    where = f" in call {call + 1}" if run.calls > 1 else ""
    if values.is_floating_point() and not bool((lows.isfinite() & highs.isfinite()).all()):
        count = int((~values.isfinite()).sum())
        yield (
            "non-finite",
            f"{count:,} of {values.numel():,} values{where} are not finite (NaN or infinite).",
        )
    silent = highs <= 0 if run.in_place == "relu_" else (lows == 0) & (highs == 0)
    constant = (lows == highs) & ~silent
    if values.numel() // max(values.shape[channel], 1) < 2:
        return  # single numbers
    total = values.shape[channel]
    if bool(silent.any()):
        what = (
            "are nowhere above zero, so that relu_ leaves nothing of them"
            if run.in_place == "relu_"
            else "are zero everywhere"
        )
        yield "dead", f"{_channels(silent, total)}{where} {what} in this batch."
    if bool(constant.any()):
        yield "constant", f"{_channels(constant, total)}{where} have one value everywhere."


def _channels(mask: Tensor, total: int) -> str:
    indices = mask.nonzero().flatten().tolist()
    return f"{len(indices)} of {total} channels ({_listed([str(i) for i in indices])})"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
