"""One forward pass, and what is kept of it within a budget of memory.

Exact activations are kept as long as they fit, the last used ones longest. Of what does not fit, the
codes of its first frame are kept, so that every layer can be drawn, and the numbers are computed
again when they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnnvis.buffers import Buffers
from cnnvis.capture import Activations, ForwardError, capture, clone
from cnnvis.frame import FEATURE_MAPS, MAX_BYTES, factor_for
from cnnvis.layers import Layer, unwrap, walk
from cnnvis.quantize import Quantized, quantize
from cnnvis.stages import stage, timed
from cnnvis.structure import form_of
from cnnvis.tiles import map_tiles
from cnnvis.trace import Trace

_CODES_MB = 256
"""What codes may take, beside the budget of the exact activations."""

# values of an output before which it is worth asking whether there is room, which a trace does
_LARGE = 16 << 20

Progress = Callable[[int, int], None]
Key = tuple[str, int]


@dataclass(frozen=True)
class Coded:
    """The maps of one call and image in codes: a frame that is not packed yet.

    Attributes:
        quantized: The tiles.
        shape: (tiles, planes, height, width) at full resolution.
        factor: By how much each side was averaged down.
    """

    quantized: Quantized
    shape: tuple[int, int, int, int]
    factor: int


class Look:
    """What the layers of a model gave in one forward pass.

    Args:
        model: The model.
        inputs: The arguments of its forward; copied for every pass, as a model may write into them.
        layers: The layers to take.
        memory_mb: How much of exact activations to keep, in MiB.
        chosen: Whether to take a convolution that is called as a function.
        progress: Called with how many layers have run, and how many there are.
        partial: Whether what had run is enough where the pass raises.
        modules: The model's modules with their names, where these are known.
        like: An earlier look at the same layers of the same model, which is built as it was. If the pass
            takes the same course, what was found out about that one is taken over, and this one runs
            with hooks alone.

    Attributes:
        repeated: Whether all but the values is that of `like`.
        shapes: From layer name to the shape of each call's output, in the order of the first calls.
        trace: What ran, by operations.
        failures: From layer name to why its output could not be taken.
        output: What the model returned; None where it raised.
        stopped: What it raised, if it did and `partial` was asked for; else "".
        replaced: Names of the buffers that the model itself replaced.
        foreign: Names of the layers that had hooks of someone else.
        left_fast_path: A module that torch runs by a fused kernel where it has no hooks inside; "".
        compiled: Whether a part of the model is compiled, whose code was not used.

    Raises:
        ForwardError: The forward pass raised.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Any,
        layers: Sequence[Layer],
        *,
        memory_mb: float,
        chosen: Callable[[Layer], bool],
        progress: Progress | None = None,
        partial: bool = False,
        like: Look | None = None,
        modules: Sequence[tuple[str, nn.Module]] | None = None,
    ) -> None:
        self._form = form_of(inputs)
        self.shapes: dict[str, list[tuple[int, ...]]] = {}
        self.failures: dict[str, str] = {}
        self._model, self._inputs, self._layers = model, inputs, list(layers)
        self._budget = int(memory_mb * 2**20)
        self._room, self._room_for_codes = self._budget, _CODES_MB << 20
        self._buffers: Buffers = Buffers() if like is None else like._buffers
        self._kept: dict[Key, Tensor] = {}
        self._buffers.reuse(self, self._kept)
        self._coded: dict[tuple[str, int, int], Coded] = {}
        self._total, self._progress = len(layers), progress
        self.repeated = like is not None and self._repeats(like, modules)
        if self.repeated:
            self._buffers.clear()  # of another model's layers, or of a larger batch
            return
        self.foreign = {la.name for la in layers if la.module.__dict__.get("_forward_hooks")}
        self.left_fast_path = _left_fast_path(model, layers)
        self.compiled = any(_is_compiled(module) for _, _, module in walk(model))
        self.compiled |= unwrap(model) is not model and hasattr(model, "_orig_mod")
        ran, self.trace = self._pass(layers, timed("hook", self._take), chosen, partial)
        self.output, self.stopped, self.replaced = ran.output, ran.stopped, ran.replaced
        self.failures.update(ran.failures)

    def _repeats(self, like: Look, modules: Sequence[tuple[str, nn.Module]] | None) -> bool:
        """Takes the values alone, if the pass takes the course of an earlier one; else leaves nothing."""
        if (
            not like.trace.repeats
            or like.stopped
            or like.failures
            or like.replaced
            or self._form is None
            or self._form != like._form
            or max(map(_values, like.shapes.values()), default=0) > _LARGE
        ):
            return False
        budget, codes = self._room, self._room_for_codes
        take = timed("hook", self._take)
        try:
            with stage("forward"):
                ran = capture(
                    self._model, copied(self._inputs), self._layers, take, modules=modules
                )
        except ForwardError:  # what it says is found out again, more exactly
            ran = None
        same = ran is not None and list(self.shapes.items()) == list(like.shapes.items())
        if ran is None or not same or ran.failures or self.failures or ran.replaced:
            self.shapes, self.failures, self._coded = {}, {}, {}
            self._kept.clear()
            self._room, self._room_for_codes = budget, codes
            return False
        self.foreign, self.left_fast_path = like.foreign, like.left_fast_path
        self.compiled, self.trace = like.compiled, like.trace
        self.output, self.stopped, self.replaced = ran.output, "", ran.replaced
        return True

    def coded(self, name: str, call: int, image: int) -> Coded | None:
        """The codes of one call and image, where they are what was kept; else None."""
        return self._coded.get((name, call, image))

    def activation(self, name: str, call: int) -> Tensor:
        """The exact output of one call, on its device; another pass if it was not kept.

        That pass uses the weights that the model has then.

        Raises:
            ForwardError: That pass raised.
            KeyError: The layer did not run so often.
        """
        kept = self._kept.pop((name, call), None)
        if kept is None:
            kept = self._again(name, call)
        else:
            self._room += _size(kept)
        self._keep((name, call), kept)
        return kept

    def codes(self, name: str) -> list[tuple[int, int, Coded]]:
        """The calls and images of a layer whose codes were kept, and these."""
        return [(c, i, coded) for (layer, c, i), coded in self._coded.items() if layer == name]

    def keeps(self, name: str, call: int) -> bool:
        """Whether the exact output of a call is among what is kept now."""
        return (name, call) in self._kept

    def kept(self, name: str, call: int) -> Tensor | None:
        """The exact output of a call on its device, if it is kept; it does not count as used."""
        return self._kept.get((name, call))

    def exact(self, name: str) -> list[tuple[int, Tensor]]:
        """The calls of a layer whose outputs were kept, and these, on their device."""
        return [(call, kept) for (layer, call), kept in self._kept.items() if layer == name]

    def _take(self, layer: Layer, output: Tensor) -> None:
        output = _dense(output)
        calls = self.shapes.setdefault(layer.name, [])
        calls.append(tuple(output.shape))
        if self._progress is not None:
            self._progress(min(len(self.shapes), self._total), self._total)
        try:
            size = _size(output)
            if size <= self._room:
                self._kept[layer.name, len(calls) - 1] = self._copy(output)
                self._room -= size
            else:
                self._code(layer, len(calls) - 1, output)
        except Exception as error:
            self.failures[layer.name] = f"{type(error).__name__}: {error}"

    def _copy(self, output: Tensor) -> Tensor:
        # a quantized tensor's copy_ would quantize anew; a subclass has its own ways
        plain = type(output) is Tensor and not output.is_quantized
        return self._buffers.copy(output) if plain else output.detach().clone()

    def _keep(self, key: Key, tensor: Tensor) -> None:
        """Notes an activation as the last used one; the first of the others give way to it."""
        if _size(tensor) > self._budget:
            return
        while _size(tensor) > self._room:
            first = next(iter(self._kept))
            self._room += _size(self._kept.pop(first))
        self._room -= _size(tensor)
        self._kept[key] = tensor

    def _code(self, layer: Layer, call: int, output: Tensor) -> None:
        images = len(output) if output.ndim > 1 else 1
        for image in range(images):
            tiles = map_tiles(output, layer, image)
            count, planes, height, width = tiles.shape
            shape = (count, planes, height, width)
            factor = factor_for(shape, MAX_BYTES[FEATURE_MAPS])
            size = count * planes * -(-height // factor) * -(-width // factor)
            if size > self._room_for_codes:
                return
            self._room_for_codes -= size
            coded = Coded(quantize(tiles, factor=factor), shape, factor)
            self._coded[layer.name, call, image] = coded

    def _again(self, name: str, call: int) -> Tensor:
        found: list[Tensor] = []
        calls = 0

        def take(layer: Layer, output: Tensor) -> None:
            nonlocal calls
            if layer.name == name:
                if calls == call:
                    found.append(clone(layer, _dense(output)))
                calls += 1

        layers = [layer for layer in self._layers if layer.name == name]
        self._pass(layers, take, lambda layer: True, partial=True)
        if not found:
            raise KeyError(f"layer {name!r} did not run again in another pass on the same input")
        return found[0]

    def _pass(
        self,
        layers: Sequence[Layer],
        take: Callable[[Layer, Tensor], None],
        chosen: Callable[[Layer], bool],
        partial: bool,
    ) -> tuple[Activations, Trace]:
        inputs = copied(self._inputs)
        names = {layer.name for layer in layers}

        def wanted(layer: Layer, output: Tensor) -> None:
            if layer.name in names or (layer.name in trace.functional and chosen(layer)):
                take(layer, output)

        trace = Trace(self._model, inputs, wanted)
        with stage("forward"):
            ran = capture(self._model, inputs, layers, trace.called, during=trace, partial=partial)
        trace.release()  # else it would hold this look, for all that are like it
        return ran, trace


def _values(shapes: list[tuple[int, ...]]) -> int:
    return max(map(math.prod, shapes))


def copied(inputs: Any) -> Any:
    """The same arguments with tensors of their own: a model may write into what it is given."""
    if isinstance(inputs, Tensor):
        return inputs.clone()
    if isinstance(inputs, Mapping):
        return {name: copied(value) for name, value in inputs.items()}
    if isinstance(inputs, list):
        return [copied(value) for value in inputs]
    if isinstance(inputs, tuple):
        values = [copied(value) for value in inputs]
        return type(inputs)(*values) if hasattr(inputs, "_fields") else tuple(values)
    return inputs


def _left_fast_path(model: nn.Module, layers: Sequence[Layer]) -> str:
    """The first of torch's transformer layers that holds one of the layers; "" for none."""
    for name, _, module in walk(model):
        inside = f"{name}." if name else ""
        if isinstance(module, nn.TransformerEncoderLayer) and any(
            layer.name.startswith(inside) for layer in layers
        ):
            return name or type(module).__name__
    return ""


def _is_compiled(module: nn.Module) -> bool:
    return module.__dict__.get("_compiled_call_impl") is not None


def _dense(output: Tensor) -> Tensor:
    return output if output.layout == torch.strided else output.to_dense()


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
