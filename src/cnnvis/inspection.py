"""`inspect(model, image)`: one model looked at with one input; all that is known of it.

Nothing here knows of notebooks. The widget is a live view of an `Inspection`, the report a frozen one.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnvis import frame
from cnnvis.capture import ForwardError
from cnnvis.choice import Chosen, LayerChoice, choose_layers, unknown_layer
from cnnvis.image import Batch, as_batch
from cnnvis.labels import own_labels
from cnnvis.layers import Layer
from cnnvis.look import Coded, Look, Progress
from cnnvis.notes import Note, notes_of
from cnnvis.operation import tensors
from cnnvis.preprocessing import Recipe, recipe_of, spatial_of, unscaled
from cnnvis.run import LayerRun
from cnnvis.structure import Structure
from cnnvis.tiles import filter_tiles, map_tiles
from cnnvis.weights import bias, by_filter, filters

__all__ = ["DEFAULT_MEMORY_MB", "Inspection", "LayerRun", "Note", "Prediction", "inspect"]

DEFAULT_MEMORY_MB = 768

_DETECTION = "torchvision.models.detection."
_DEFAULT = (
    "The model does not say how its images were prepared in training: this is ImageNet's way. "
    "If it was trained on others, pass transform=."
)


@dataclass(frozen=True)
class Prediction:
    """One of the model's answers.

    Attributes:
        index: Which output.
        label: Its label, or "class 7" where labels are not known.
        probability: Its softmax.
    """

    index: int
    label: str
    probability: float


class Inspection:
    """One model looked at with one input. Made by `inspect`.

    Attributes:
        model: The model, as it was.
        layers: The layers in the order in which they first ran; those that never ran come last.
        output: What the model returned.
        preprocessing: What was done to the image, in a sentence.
        input_shapes: Shape of each tensor given to the model.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Any,
        *,
        chosen: Chosen,
        labels: Sequence[str] | None,
        preprocessing: str,
        batch: Batch | None,
        notes: Sequence[Note],
        memory_mb: float,
        progress: Progress | None = None,
        partial: bool = False,
        structure: Structure,
        recipe: Recipe | None,
        spatial: int | None,
        like: Inspection | None = None,
    ) -> None:
        self.model = model
        self._chosen, self._structure = chosen, structure
        self._recipe, self._spatial = recipe, spatial
        self._look: Look
        self._runs: dict[str, LayerRun]
        self.preprocessing = preprocessing
        self._batch = batch
        self.input_shapes = [tuple(tensor.shape) for tensor in tensors(inputs)]
        self._labels = labels
        self._lock = threading.RLock()
        self._given = list(notes)
        try:
            look = self._look = Look(
                model,
                inputs,
                chosen.layers,
                memory_mb=memory_mb,
                chosen=chosen.function,
                progress=progress,
                partial=partial,
                like=None if like is None else like._look,
                modules=structure.modules,
            )
        except ForwardError as error:
            if chosen.layers:
                raise
            raise ValueError(chosen.nothing) from error
        self.output = look.output
        if like is not None and look.repeated:
            self.layers, self._runs = list(like._runs.values()), like._runs
            if labels is like._labels and "_known_labels" in vars(like):
                self._known_labels = (
                    like._known_labels
                )  # the model's own are among what is compared
            return
        functional = [layer for name, layer in look.trace.functional.items() if name in look.shapes]
        layers = [*chosen.layers, *functional]
        if not layers:
            raise ValueError(chosen.nothing)
        order = {name: i for i, name in enumerate(look.shapes)}
        layers.sort(key=lambda layer: order.get(layer.name, len(order)))
        self.layers = [self._run(layer) for layer in layers]
        self._runs = {run.name: run for run in self.layers}

    def __repr__(self) -> str:
        ran = sum(run.ran for run in self.layers)
        shapes = " and ".join(map(str, self.input_shapes))
        return f"Inspection({type(self.model).__name__}, {ran} of {len(self.layers)} layers ran on {shapes})"

    @property
    def first(self) -> LayerRun:
        """The layer to open on, the first that ran; where none did, the first there is."""
        return self.layers[0]

    @property
    def pictures(self) -> list[Image.Image]:
        """What the model saw, one RGB picture for each image of the batch; empty if not known."""
        return [] if self._batch is None else self._batch.pictures

    @property
    def picture_count(self) -> int:
        """How many `pictures` there are, without painting them."""
        return 0 if self._batch is None else len(self._batch.tensor)

    def layer(self, name: str) -> LayerRun:
        """The layer of that name.

        Raises:
            KeyError: There is none; the message has the nearest names.
        """
        try:
            return self._runs[name]
        except KeyError:
            raise KeyError(unknown_layer(name, list(self._runs))) from None

    def repeats(self, other: Inspection) -> bool:
        """Whether all but the values is that of an earlier look, which this one was told to be `like`."""
        return self._runs is other._runs

    def activation(self, name: str, call: int = 0) -> Tensor:
        """The exact output of one call of a layer, as the model computed it.

        What did not fit `memory_mb` is computed again by another forward pass on the same input, with
        the weights that the model has then.

        Args:
            name: Dotted name.
            call: Which call, from 0.

        Returns:
            A copy on the CPU, batch included, in the model's dtype.

        Raises:
            KeyError: No layer has that name.
            ValueError: The layer never ran, or not so often, or its output was no tensor.
        """
        kept = self._kept(name, call)
        # what was computed for this question alone is nobody else's
        return kept.to("cpu", copy=self._look.keeps(name, call))

    def filters(self, name: str) -> Tensor:
        """The weights `(out_channels, in_channels / groups, *kernel)` of a layer, on the CPU.

        Those of a module are read now; those of a convolution that is called as a function are what
        its first call was given.

        Raises:
            KeyError: No layer has that name.
            ValueError: The layer has no weights, or not yet.
        """
        return self._filters(name, copy=True)

    def tiles(
        self, name: str, view: str, call: int = 0, image: int = 0, *, copy: bool = True
    ) -> Tensor:
        """What the view draws of a layer, exact: (tiles, planes, height, width).

        Args:
            name: Of the layer.
            view: "feature_maps" or "filters".
            call: Which call of the layer.
            image: Which image of the batch.
            copy: Whether the result is the caller's own. False: it is written over by later looks, and
                is not to be held longer than the inspection.

        Raises:
            KeyError: No layer has that name.
            ValueError: The view is unknown, or the layer has nothing to show in it.
        """
        if view == frame.FILTERS:
            return filter_tiles(self._filters(name, copy))
        if view == frame.FEATURE_MAPS:
            tiles = map_tiles(self._kept(name, call), self.layer(name).layer, image)
            return tiles.clone() if copy else tiles
        raise ValueError(f"view {view!r} is unknown; choose one of {', '.join(frame.VIEWS)}")

    def kept_tiles(self, name: str, image: int = 0) -> Tensor | Coded | None:
        """The tiles of a layer's first call as they were kept, without another forward pass.

        Returns:
            The exact values, not to be held longer than the inspection, or their codes; None where
            neither was kept.
        """
        with self._lock:
            kept = self._look.kept(name, 0)
            if kept is not None:
                return map_tiles(kept, self.layer(name).layer, image)
            return self._look.coded(name, 0, image)

    def is_at_hand(self, name: str, view: str, call: int = 0, image: int = 0) -> bool:
        """Whether a frame of a layer can be had without another forward pass."""
        if view == frame.FILTERS:
            return True
        with self._lock:
            return self._look.keeps(name, call) or self._look.coded(name, call, image) is not None

    def figure(
        self,
        name: str | None = None,
        view: str = frame.FEATURE_MAPS,
        *,
        call: int = 0,
        image: int = 0,
        width: int = 1200,
        density: int = 1,
        **style: Any,
    ) -> Image.Image:
        """One layer as a static picture, in the colors of the view; see `cnnvis.figure.figure`.

        Args:
            name: Of the layer; None: the first.
            view: "feature_maps" or "filters".
            call: Which call of the layer.
            image: Which image of the batch.
            width: In pixels of density 1; the height follows.
            density: Pixels in one of them, 1 to 4.
            style: As `cnnvis.figure.Style`: colormap, scale, limits, clip, sort, hide, pinned, dark.

        Raises:
            KeyError: No layer has that name.
            ValueError: There is nothing to show, or a value is out of its range.
            TypeError: There is no such style.
        """
        from cnnvis.figure import Style, figure  # figure builds on this file

        return figure(
            self,
            name,
            view,
            call=call,
            image=image,
            style=Style(**style),
            width=width,
            density=density,
        )

    def frame(
        self,
        name: str,
        view: str = frame.FEATURE_MAPS,
        call: int = 0,
        *,
        image: int = 0,
        generation: int = 0,
        channels: list[int] | None = None,
        factor: int | None = None,
        max_bytes: int | None = None,
        cut: bool = False,
        stand_in: bool = False,
    ) -> bytes:
        """What a view needs of one layer, in bytes; see `cnnvis.frame.pack` for the arguments."""
        key = frame.FrameKey(name, view, call, image, generation)
        if view == frame.FEATURE_MAPS and channels is None and factor is None:
            self._check_call(name, call)
            coded = self._look.coded(name, call, image)
            if coded is not None and (max_bytes or frame.MAX_BYTES[view]) >= frame.MAX_BYTES[view]:
                return frame.encode(coded.quantized, key, None, coded.shape, coded.factor)
        tiles = self.tiles(name, view, call, image, copy=False)
        return frame.pack(
            tiles,
            key,
            channels=channels,
            factor=factor,
            max_bytes=max_bytes,
            cut=cut,
            stand_in=stand_in,
            bias=self._bias(name) if view == frame.FILTERS else None,
        )

    def predictions(self, k: int = 5, image: int = 0) -> list[Prediction]:
        """The k most probable classes; empty where the output is no table of class scores.

        Scores are read as logits: their softmax is given.
        """
        scores = self._scores()
        if scores is None or image >= len(scores):
            return []
        top = scores[image].to(torch.float64).softmax(0).topk(min(k, scores.shape[1]))
        if not bool(top.values.isfinite().all()):
            return []
        known = self._known_labels
        return [
            Prediction(index, known[index] if known else f"class {index}", probability)
            for index, probability in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ]

    def save_html(self, path: str | Path, **options: Any) -> Path:
        """Writes the interactive view as one file that needs no network.

        Args:
            path: The file; its folder has to exist.
            options: layers, views, max_mb, image, images, title, state, progress; see
                `cnnvis.report.save_html`.

        Raises:
            OSError: It cannot be written; a file that was there is as it was.
            ValueError: It does not fit max_mb.
        """
        from cnnvis.report import save_html  # report builds on this file

        return save_html(self, path, **options)

    def to_html(self, **options: Any) -> str:
        """The page that `save_html` writes; the same options."""
        from cnnvis.report import to_html

        return to_html(self, **options)

    def part(self, names: Sequence[str]) -> Inspection:
        """The same look, of some of its layers alone, in their order here.

        Raises:
            KeyError: No layer has one of the names.
            ValueError: There are none.
        """
        if not names:
            raise ValueError("layers takes at least one name of a layer, got none")
        wanted = {self.layer(name).name for name in names}
        part = copy.copy(self)
        part.layers = [run for run in self.layers if run.name in wanted]
        part.notes = [note for note in self.notes if not note.layer or note.layer in wanted]
        return part

    @cached_property
    def notes(self) -> list[Note]:
        """What the view has to say. Looks through all values when it is first asked for."""
        with self._lock:
            return [
                *self._given,
                *self._notes_of_labels(),
                *notes_of(self._look, self.layers),
            ]

    def _run(self, layer: Layer) -> LayerRun:
        look, name = self._look, layer.name
        trace, shapes = look.trace, tuple(look.shapes.get(layer.name, ()))
        macs = trace.macs.get(name)
        return LayerRun(
            layer,
            shapes,
            0 if not shapes else None if macs is None else macs // trace.images,
            tuple(trace.fields.get(name, ())) if shapes else (),
            trace.reasons.get(name, "") if shapes else "",
            trace.in_place.get(name),
            functional=name in trace.functional,
            bypassed=name in trace.bypassed,
            failure=look.failures.get(name, ""),
        )

    def _bias(self, name: str) -> Tensor | None:
        """What a layer adds to each channel now; None where it is no module, or adds nothing."""
        run = self.layer(name)
        if run.functional:
            return None
        with self._lock:
            return bias(run.layer.module)

    @cached_property
    def _known_labels(self) -> Sequence[str] | None:
        """A name for each score: those given, else the model's own; None where they do not fit."""
        scores = self._scores()
        if scores is None:
            return None
        count = scores.shape[1]
        if self._labels:
            return self._labels if len(self._labels) == count else None
        return own_labels(self.model, count)

    def _check_call(self, name: str, call: int) -> None:
        run = self.layer(name)
        if run.failure:
            raise ValueError(f"layer {name!r} ran but could not be taken: {run.failure}")
        if not 0 <= call < run.calls:
            often = f"it ran {run.calls} times" if run.ran else "it never ran for this input"
            raise ValueError(f"layer {name!r} has no call {call}: {often}")

    def _filters(self, name: str, copy: bool) -> Tensor:
        run = self.layer(name)
        layer = run.layer
        if layer.kind == "other":
            raise ValueError(f"layer {name!r} is a {layer.type}, which has no filters")
        with self._lock:
            if not run.functional:
                return filters(layer.module, copy=copy)
            weight = self._look.trace.weights[name].to("cpu", copy=copy)
            return (
                by_filter(weight, layer.groups or 1) if layer.kind == "conv_transpose" else weight
            )

    def _kept(self, name: str, call: int) -> Tensor:
        self._check_call(name, call)
        with self._lock:
            return self._look.activation(name, call)

    def _scores(self) -> Tensor | None:
        """The output, or its `logits`, where that can be a table of class scores (batch, classes)."""
        scores = self.output
        if isinstance(scores, Mapping):
            scores = scores.get("logits")
        if not isinstance(scores, Tensor) or scores.layout != torch.strided:
            return None
        is_table = scores.ndim == 2 and scores.shape[1] > 1 and scores.is_floating_point()
        return scores if is_table else None

    def _notes_of_labels(self) -> list[Note]:
        scores = self._scores()
        if not self._labels or scores is None or len(self._labels) == scores.shape[1]:
            return []
        text = (
            f"labels= has {len(self._labels)} names and the model gives {scores.shape[1]} scores, "
            "so the names are not shown."
        )
        return [Note(None, "labels", text)]


def inspect(
    model: nn.Module,
    image: Any = None,
    *,
    inputs: Tensor | Sequence[Any] | Mapping[str, Any] | None = None,
    transform: Callable[[Image.Image], Tensor] | None = None,
    layers: LayerChoice = None,
    labels: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    memory_mb: float = DEFAULT_MEMORY_MB,
    progress: Progress | None = None,
    partial: bool = False,
    like: Inspection | None = None,
) -> Inspection:
    """Looks at a model with one input: one forward pass, the model left as it was.

    Args:
        model: Any module that has a layer to show.
        image: A path, bytes, PIL image, HWC or CHW array, tensor (with or without batch), or a list
            of them; see `cnnvis.image.as_batch`. A tensor is given to the model as it is, as a list
            of images where the model is one of torchvision's detectors.
        inputs: Instead of an image: the exact arguments of the model's forward, a tensor, a sequence
            of positional or a mapping of keyword arguments.
        transform: From a PIL image to a tensor, such as torchvision's `weights.transforms()`. None:
            what the model says of itself (timm's `pretrained_cfg`), else ImageNet's evaluation
            recipe (shorter side to 256, centre 224 x 224, mean and standard deviation of ImageNet);
            `preprocessing` says which. torchvision's detectors get the picture as it is.
        layers: None: every convolution. "all": every layer. Else names, or a predicate on `Layer`.
        labels: Names of the classes, in the order of the output. None: those that the model itself
            has, if any: timm's `label_names`, Hugging Face's `id2label`, or an attribute
            `categories`, `classes` or `class_names`.
        device: Where the input is put; None: where the model's parameters are.
        memory_mb: How much of exact activations to keep, in MiB. Of what is beyond, the codes of a
            first frame are kept, and its numbers are computed again when they are asked for.
        progress: Called from the forward pass with how many layers have run and how many there are.
        partial: Where the forward pass raises after some layers have run, look at these; a note
            says so.
        like: An earlier look at the same model. Where the model is built as it was then and the input
            has the same form, what does not depend on values is taken over (shapes, receptive fields,
            multiply-adds, what follows in place), and the pass costs little more than a bare one.
            Whether the model looks at values, draws random numbers or holds a state that cannot be
            compared was seen in that look, and then nothing is. What a forward reads outside of the
            model and of torch, such as a global variable, is not seen.

    Raises:
        TypeError: model is no module.
        ValueError: It has no such layer, or the image cannot be read; the text says what to do.
        ForwardError: The forward pass raised.
    """
    if like is not None and (like.model is not model or not like._structure.holds()):
        like = None
    structure = Structure(model) if like is None else like._structure
    recipe, spatial = (None, None) if like is None else (like._recipe, like._spatial)
    if like is not None and like._chosen.is_of(layers):
        chosen = like._chosen
    else:
        chosen, like = choose_layers(model, layers), None
    modules = [module for _, module in structure.modules]
    parameters = [p for module in modules for p in module._parameters.values() if p is not None]
    if any(map(is_lazy, parameters)):
        raise ValueError(
            f"model {type(model).__name__} has lazy layers that are not initialized, and a look would "
            "fix their shapes for ever; run the model once on an input of the right shape first"
        )
    parameter = next((p for p in parameters if p.is_floating_point()), None)
    if parameter is not None and parameter.is_meta:
        raise ValueError(
            f"model {type(model).__name__} is on the meta device, which holds no numbers; "
            "load its weights with model.to_empty(device='cpu') and load_state_dict first"
        )
    notes: list[Note] = []
    if inputs is None:
        if image is None:
            raise TypeError(
                "inspect needs an image (a path, PIL image, array or tensor), or inputs= with the "
                "exact arguments of the model's forward; got neither"
            )
        takes_list = type(model).__module__.startswith(_DETECTION)
        if takes_list and transform is None:
            transform = unscaled
        if recipe is None:
            recipe, spatial = recipe_of(model), spatial_of(model)
        # a tensor goes to the model as it is, and the model says whether it fits
        channels = None if transform or isinstance(image, Tensor) else recipe.channels
        batch = as_batch(
            image,
            transform=transform,
            channels=channels,
            recipe=recipe,
            spatial=None if takes_list else spatial,
        )
        where = device or (parameter.device if parameter is not None else "cpu")
        dtype = parameter.dtype if parameter is not None else batch.tensor.dtype
        inputs = batch.tensor.to(where, dtype)
        preprocessing = batch.preprocessing
        if takes_list:
            inputs = (list(inputs),)
            if transform is unscaled:
                preprocessing = "Values from 0 to 1; the model resizes and normalizes them itself."
        notes += [Note(None, "image", text) for text in batch.notes]
        if batch.is_default:
            notes.append(Note(None, "default preprocessing", _DEFAULT))
        if len(batch.tensor) > 1:
            notes.append(Note(None, "batch", f"The batch has {len(batch.tensor)} images."))
    else:
        batch, preprocessing = None, "The model's inputs were given as they are."
    if any(getattr(module, "training", False) for module in modules):
        text = "The model is in training mode; it was looked at in eval mode."
        notes.append(Note(None, "train mode", text))
    return Inspection(
        model,
        inputs,
        chosen=chosen,
        labels=labels,
        preprocessing=preprocessing,
        batch=batch,
        notes=notes,
        memory_mb=memory_mb,
        progress=progress,
        partial=partial,
        structure=structure,
        recipe=recipe,
        spatial=spatial,
        like=like,
    )
