"""`CNNVisWidget`: a live view of an `Inspection` in a notebook.

Traits carry small JSON and the current frame; the page asks for detail by messages with an id.
What a trait holds is what a notebook stores: a frame too large for that goes by a message, and a
smaller one stands in for it. This is the one place where an error becomes a banner in the view.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from cnnvis import bundle, fallback, files
from cnnvis.answers import answer
from cnnvis.choice import LayerChoice, unknown_layer
from cnnvis.describe import describe, image_count, picture, remarks, seen, thumbnails
from cnnvis.frame import FEATURE_MAPS, clean
from cnnvis.inspection import DEFAULT_MEMORY_MB, Inspection, inspect
from cnnvis.later import later
from cnnvis.overview import overview
from cnnvis.progress import paced, said_in_a_line
from cnnvis.report import framed
from cnnvis.small import png, small_png
from cnnvis.stages import noted, running, stage
from cnnvis.view_state import VIEW_STATE, ViewState

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor, nn

THEMES = ("auto", "light", "dark")

# all that the page may write; the rest is the kernel's
_FROM_PAGE = {*VIEW_STATE, "height", "timing"}
# what a new look changes, in the order in which it is taken back: channels and call are a layer's
_OF_A_LOOK = (
    "layer", "channels", "pinned", "call", "batch_index", "metadata", "generation", "seen", "picture",
    "thumbnails", "overview", "notes", "frame", "problem",
)  # fmt: skip

_IDLE = -1.0

_PREVIEW_WIDTH = 420
_STATIC_MB = 2.0

_PATIENCE = 0.5
"""Seconds that what surrounds the frame may be behind it, in a cell that looks again and again."""

_STORED = 1_950_000
"""Bytes of JSON that the state of one widget and its small picture may weigh in a notebook's file."""

_PREVIEW = 80_000
"""Of these, what the picture may weigh, in base64; it may be there twice."""

_LEAST_FRAME = 1 << 16
_ALWAYS_STORED = 1 << 18
"""Bytes of a frame that fits whatever else is stored, so that nothing has to be counted for it."""


class CNNVisWidget(ViewState, anywidget.AnyWidget):
    """Every convolution of a model, its filters and its feature maps, on one image.

    Args:
        model: Any PyTorch module. It is run once, in eval mode and without gradients, and left as it
            was.
        image: A path, bytes, PIL image, HWC or CHW array, tensor (with or without batch), or a list
            of them.
        inputs: Instead of an image: the exact arguments of the model's forward.
        transform: From a PIL image to a tensor, such as torchvision's `weights.transforms()`. None:
            ImageNet's evaluation recipe (shorter side to 256, centre 224 x 224, ImageNet's mean and
            standard deviation), and the view says so. A tensor is taken as it is.
        layers: None: every convolution. "all": every layer. Else names, or a predicate on `Layer`.
        labels: Names of the classes, in the order of the model's output.
        device: Where the input is put; None: where the model's parameters are.
        theme: "auto" follows the notebook; or "light" or "dark".
        height: Of the view, in CSS pixels.
        memory_mb: How much of exact activations to keep, in MiB.
        partial: Where the forward pass raises after some layers have run, show these; a note says
            so.
        static: Whether a notebook's file also gets the view as a page of at most 2 MB, which works
            where no widgets do: in HTML made by nbconvert, without a network.

    Attributes:
        layer: Dotted name of the layer shown. As all that follow: set it in Python and the view
            moves; a click in the view sets it in Python, and `observe` tells of it.
        view: "feature_maps" or "filters".
        call: Which call of the layer is shown, from 0; another layer starts at 0.
        batch_index: Which image of the batch is shown, from 0: its maps, predictions and picture.
        channels: The channels picked by clicking, in the order of the clicks.
        colormap: One of `COLORMAPS`.
        scale: "channel" (each tile by its own bounds), "layer", "symmetric" (about zero), or "limits".
        limits: The values at the ends of the colors where the scale is "limits"; None: not given yet.
        clip: Percent of the values that the colors leave out at each end, below 50.
        sort: "index", "mean", "max", "std", "zeros" (share of them), "norm", or "similarity" to the
            channel picked first.
        hide: "none"; "dead": no tiles of zeros only; "constant": none of one value only.
        pinned: The channels that are shown, side by side; empty: all.
        overlay: How much of the input image shows through the maps, from 0 to 1.
        slice: Which slice of a map with a depth is shown, from 0.
        place: Where the view was zoomed and moved to; None: all of the layer is shown.
        view_state: All of these as one dict, to come back to.
        progress: While a look runs: how much of it is done, from 0 to 1; else -1.
        timing: Whether the view says what time each stage took, from what was asked for to what is
            painted. Of work on a GPU the stages say when it was handed on, not when it was done.
        spent: The kernel's part of that, of the frame shown: when it began and when the frame was
            handed on (`started` and `sent`, milliseconds since 1970), and `stages`, milliseconds by
            name; empty without `timing`.

    Raises:
        TypeError: model is no module.
        ValueError: It has no such layer, or the image cannot be read; the text says what to do.
        ForwardError: The model's forward pass raised.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    metadata = traitlets.Dict().tag(sync=True)
    generation = traitlets.Int(0).tag(sync=True)
    notes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    seen = traitlets.Dict().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    thumbnails = traitlets.Bytes().tag(sync=True)
    overview = traitlets.Bytes().tag(sync=True)
    frame = traitlets.Bytes().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    progress = traitlets.Float(_IDLE).tag(sync=True)
    timing = traitlets.Bool(False).tag(sync=True)
    spent = traitlets.Dict().tag(sync=True)

    theme = traitlets.Enum(THEMES, "auto").tag(sync=True)
    height = traitlets.Int(560, min=160).tag(sync=True)

    def __init__(
        self,
        model: nn.Module,
        image: Any = None,
        *,
        inputs: Any = None,
        transform: Callable[[Image.Image], Tensor] | None = None,
        layers: LayerChoice = None,
        labels: Sequence[str] | None = None,
        device: str | torch.device | None = None,
        theme: str = "auto",
        height: int = 560,
        memory_mb: float = DEFAULT_MEMORY_MB,
        partial: bool = False,
        static: bool = False,
    ) -> None:
        self._is_static = static
        self._lock = threading.RLock()  # messages can come on another thread while a cell runs
        self._behind: float | None = None  # since when what surrounds the frame is of another look
        self._told: Inspection | None = None  # the look that the notes are of
        self._shown: tuple[Any, ...] | None = None  # what the frame is of; None: there is none
        self._weighed: tuple[Any, int] = (None, 0)  # the metadata, and its bytes as JSON
        self._image, self._model_inputs = image, inputs
        self._options: dict[str, Any] = {
            "transform": transform,
            "layers": layers,
            "labels": labels,
            "device": device,
            "memory_mb": memory_mb,
            "partial": partial,
        }
        with said_in_a_line() as progress:
            inspection = inspect(model, image, inputs=inputs, progress=progress, **self._options)
        self._inspection: Inspection | None = inspection
        try:
            super().__init__(layer=clean(inspection.first.name), theme=theme, height=height)
            with self.hold_sync():
                self._publish()
            self.on_msg(self._answer)
        except BaseException:
            self.close()  # half a widget would stay in ipywidgets' registry for ever
            raise

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return bundle.read("widget.js")

    @traitlets.default("_css")
    def _default_css(self) -> str:
        return bundle.read("widget.css")

    @property
    def inspection(self) -> Inspection:
        """All that is known of the model with the current image.

        Raises:
            RuntimeError: The widget is closed.
        """
        if self._inspection is None:
            raise RuntimeError("this CNNVisWidget is closed; make a new one to look again")
        return self._inspection

    @property
    def image(self) -> Any:
        """The image as it was given. Set another one and the view follows.

        If the new one cannot be shown the error is raised and the view stays as it was.
        """
        return self._image

    @image.setter
    def image(self, image: Any) -> None:
        self._look(image, None)

    def refresh(self) -> None:
        """Looks again at the same input: after a training step, or any other change of the model."""
        with self._lock:
            self._look(self._image, self._model_inputs)

    def activation(self, name: str, call: int = 0) -> Tensor:
        """The exact output of a layer; see `Inspection.activation`."""
        with self._lock:
            return self.inspection.activation(name, call)

    def filters(self, name: str) -> Tensor:
        """The live weights of a layer; see `Inspection.filters`."""
        with self._lock:
            return self.inspection.filters(name)

    def save_html(self, path: str | Path, **options: Any) -> Path:
        """Writes the interactive view, opening as it is now, as one file that needs no network.

        Args:
            path: The file; its folder has to exist.
            options: layers, views, max_mb, image, images, title; see `cnnvis.report.save_html`.

        Raises:
            OSError: It cannot be written; a file that was there is as it was.
            ValueError: It does not fit max_mb.
        """
        with self._lock:
            return self.inspection.save_html(path, state=self._state(), **options)

    def to_html(self, **options: Any) -> str:
        """The page that `save_html` writes; the same options."""
        with self._lock:
            return self.inspection.to_html(state=self._state(), **options)

    def figure(
        self, name: str | None = None, view: str | None = None, **options: Any
    ) -> Image.Image:
        """A layer as a static picture, shown as the view shows it now.

        Args:
            name: Of the layer; None: the one shown.
            view: "feature_maps" or "filters"; None: the one shown.
            options: width, density, and what is to be otherwise than in the view; see
                `Inspection.figure`.

        Raises:
            KeyError: No layer has that name.
            ValueError: There is nothing to show.
        """
        with self._lock:
            shown = self._name()
            style: dict[str, Any] = {
                name: getattr(self, name)
                for name in ("colormap", "scale", "clip", "sort", "hide", "slice")
            }
            style["limits"] = None if self.limits is None else tuple(self.limits)
            style["dark"] = self.theme == "dark"
            if style["scale"] == "limits" and style["limits"] is None:
                style["scale"] = "channel"
            if name in (None, shown):
                style |= {"call": self.call, "pinned": tuple(self.pinned)}
                style["reference"] = self.channels[0] if self.channels else -1
            return self.inspection.figure(
                name or shown,
                view or self.view,
                **{"image": self.batch_index, **style, **options},
            )

    def save_png(
        self,
        path: str | Path,
        layer: str | None = None,
        view: str | None = None,
        density: int = 2,
        **options: Any,
    ) -> Path:
        """Writes a layer as a static picture, a PNG, shown as the view shows it now.

        Args:
            path: The file; its folder has to exist.
            layer: Its name; None: the one shown.
            view: "feature_maps" or "filters"; None: the one shown.
            density: Pixels in one of the picture's, 1 to 4.
            options: As for `figure`.

        Returns:
            The path that was written.

        Raises:
            OSError: It cannot be written; a file that was there is as it was.
            KeyError: No layer has that name.
            ValueError: There is nothing to show.
        """
        return files.replace(path, png(self.figure(layer, view, density=density, **options)))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Beside the widget what is shown where none is: a small picture, and words.

        With `static=True` also the interactive page, in a frame of its own.
        """
        found = super()._repr_mimebundle_(**kwargs)
        if found is None or self._inspection is None:
            return found
        data, metadata = found
        data["text/plain"] = f"{self!r}\n{self._inspection!r}"
        # without these the widget is shown all the same
        with contextlib.suppress(Exception):
            picture = small_png(self.figure(width=_PREVIEW_WIDTH), _PREVIEW * 3 // 4)
            data["image/png"] = base64.b64encode(picture).decode("ascii")
            if fallback.is_wanted():
                fallback.publish(data["image/png"])
        if self._is_static:
            data["text/html"] = framed(self.to_html(max_mb=_STATIC_MB), self.height)
        return data, metadata

    def _state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in sorted(_FROM_PAGE | {"theme"})}

    def __repr__(self) -> str:
        if self._inspection is None:
            return "CNNVisWidget(closed)"
        model = type(self._inspection.model).__name__
        return f"CNNVisWidget({model}, layer={self.layer!r}, view={self.view!r})"

    def close(self) -> None:
        """Takes the view away and lets go of the model and all that was captured."""
        with self._lock:
            self._inspection = self._told = None
            self._image = self._model_inputs = None
            layout = self.layout
            super().close()
            if layout is not None:
                layout.close()

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets a selection, checks it and sends what follows from it, as one step for all threads."""
        with contextlib.ExitStack() as stack:
            if name in _FROM_PAGE:
                stack.enter_context(self._lock)
                stack.enter_context(self._timed())
            super().__setattr__(name, value)

    def _timed(self) -> contextlib.AbstractContextManager[Any]:
        """Takes note of where the time goes until the frame is handed on, if that is asked for."""
        return noted() if self.timing else contextlib.nullcontext()

    def _together(self) -> Any:
        return self.hold_sync()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The synced traits, or those of some names. Defaults are among them whatever is asked.

        `ipywidgets.embed` leaves them out, its name of the view included: anywidget's page has no
        defaults of its own and would show nothing.
        """
        if key is None:  # to be stored
            self._catch_up()
        state: dict[str, Any] = super().get_state(key)
        return state

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes what the page may write, one value at a time; what it may not have is sent back."""
        with self._lock, self._timed():
            if self._inspection is None:
                return  # what was under way when the widget was closed
            # the layer first: channels and call are those of a layer
            for name in sorted(sync_data, key=lambda name: name != "layer"):
                if name in _FROM_PAGE:
                    try:
                        super().set_state({name: sync_data[name]})
                    except (traitlets.TraitError, ValueError, TypeError) as error:
                        self.problem = clean(str(error))
                        self.send_state(name)
                elif self.has_trait(name) and name in self.keys:
                    self.send_state(name)

    @traitlets.validate("layer")
    def _known_layer(self, proposal: Any) -> str:
        names = [clean(run.name) for run in self.inspection.layers]
        name = str(proposal["value"])
        if name not in names:
            raise traitlets.TraitError(unknown_layer(name, names))
        return name

    @traitlets.validate("channels", "pinned")
    def _known_channels(self, proposal: Any) -> list[int]:
        picked: list[int] = list(dict.fromkeys(proposal["value"]))
        count = self.inspection.layer(self._name()).layer.out_channels
        for channel in picked:
            if channel < 0 or (count is not None and channel >= count):
                raise traitlets.TraitError(
                    f"channel {channel} is not one of layer {self.layer!r}, "
                    f"which has channels 0 to {'?' if count is None else count - 1}"
                )
        return picked

    @traitlets.validate("call")
    def _known_call(self, proposal: Any) -> int:
        call: int = proposal["value"]
        calls = self.inspection.layer(self._name()).calls
        if not 0 <= call < max(calls, 1):
            often = f"ran {calls} time{'' if calls == 1 else 's'}" if calls else "never ran"
            raise traitlets.TraitError(
                f"call {call} is not one of layer {self.layer!r}, which {often} for this input; "
                f"set call to {_span(calls)}"
            )
        return call

    @traitlets.validate("batch_index")
    def _known_image(self, proposal: Any) -> int:
        image: int = proposal["value"]
        images = image_count(self.inspection)
        if not 0 <= image < images:
            raise traitlets.TraitError(
                f"batch_index {image} is not one of the batch, which has {images} "
                f"image{'' if images == 1 else 's'}; set batch_index to {_span(images)}"
            )
        return image

    @traitlets.observe("layer")
    def _layer_changed(self, change: Any) -> None:
        with self.hold_sync():
            self.channels, self.pinned, self.call = [], [], 0
            self.place = None
            self._show()

    @traitlets.observe("view", "call")
    def _other_frame(self, change: Any) -> None:
        self._show()

    @traitlets.observe("timing")
    def _timing_changed(self, change: Any) -> None:
        self.spent = {}  # what was not noted, or no longer is

    @traitlets.observe("batch_index")
    def _other_image(self, change: Any) -> None:
        if self.generation == 0:  # the widget is being made
            return
        with self.hold_sync():
            self._show()
            self._follow()

    def _name(self) -> str:
        """The shown layer's name in the model; on the wire it is cleaned."""
        return next(r.name for r in self.inspection.layers if clean(r.name) == self.layer)

    def _look(self, image: Any, inputs: Any) -> None:
        """Takes another look. If it fails or is interrupted, all stays as it was, in the page too."""
        with self._lock, self._timed():
            model = self.inspection.model
            try:
                with self._said_in_view() as progress:
                    look = inspect(
                        model,
                        image,
                        inputs=inputs,
                        progress=progress,
                        like=self.inspection,
                        **self._options,
                    )
            except BaseException:
                self.progress = _IDLE  # an interrupt can have come just before it was
                raise
            before = (self._inspection, self._image, self._model_inputs)
            state = {name: getattr(self, name) for name in _OF_A_LOOK}
            with self.hold_sync():
                try:
                    self._inspection, self._image, self._model_inputs = look, image, inputs
                    self._publish(like=before[0])
                except BaseException:
                    self._inspection, self._image, self._model_inputs = before
                    self._shown = None
                    for name, value in state.items():
                        with contextlib.suppress(Exception):  # of whoever observes it
                            setattr(self, name, value)
                    raise

    def _publish(self, like: Inspection | None = None) -> None:
        """Shows all of a new look, the frame first; it carries the generation that the page is told."""
        self._shown = None
        look = self.inspection
        if self.layer not in [clean(run.name) for run in look.layers]:  # the model was changed
            self.layer = clean(look.first.name)
        run = look.layer(self._name())
        count = run.layer.out_channels
        for name in ("channels", "pinned"):
            kept = [each for each in getattr(self, name) if count is None or each < count]
            setattr(self, name, kept)
        if self.call >= run.calls:
            self.call = 0
        if self.batch_index >= image_count(look):
            self.batch_index = 0
        self.generation += 1
        if like is None or not look.repeats(like):
            with stage("describe"):
                self.metadata = describe(look)
                # of a list of layers that is no more
                self.overview, self.notes = b"", []
        self._show()
        self._follow()

    def _follow(self) -> None:
        """Sees to it that what surrounds the frame follows, which nobody waits for."""
        now = time.monotonic()
        if self._behind is None:
            self._behind = now
            later(self._catch_up)
        elif now - self._behind > _PATIENCE:
            self._catch_up()

    def _catch_up(self) -> None:
        """What was done to the picked image, what the model said of it, and what there is to say."""
        with self._lock:
            look, image = self._inspection, self.batch_index
            if look is None or self._behind is None:
                return
            try:
                with self.hold_sync():
                    self.seen, self.picture = seen(look, image), picture(look, image)
                    self.overview = overview(look, image, self.generation)
                    if self._told is not look:
                        self.thumbnails, self.notes = thumbnails(look), remarks(look)
                        self._told = look
                    if len(self.frame) > _ALWAYS_STORED and len(self.frame) > self._room():
                        self._shown = None
                        self._show()  # in what these leave to it
            except Exception as error:
                self.problem = clean(str(error)) or type(error).__name__
            finally:
                self._behind = None  # so that the next look sees to it, also after an interrupt

    def _show(self) -> None:
        """The frame of what is picked, or the reason why there is none."""
        # filters are the same in every call and for every image
        which = (self.call, self.batch_index) if self.view == FEATURE_MAPS else (0, 0)
        wanted = (self.generation, self.layer, self.view, *which)
        if (
            self.generation == 0 or wanted == self._shown
        ):  # the widget is being made, or it is there
            return
        self._shown = None
        call, image = which
        if self.view == FEATURE_MAPS and not self.inspection.layer(self._name()).ran:
            self.frame, self.problem = b"", ""  # a fact about the layer, which the view tells
            return
        try:
            name, generation = self._name(), self.generation
            frame = self.inspection.frame(name, self.view, call, image=image, generation=generation)
            if len(frame) > _ALWAYS_STORED and len(frame) > (room := self._room()):
                frame = self.inspection.frame(
                    name,
                    self.view,
                    call,
                    image=image,
                    generation=generation,
                    max_bytes=room,
                    cut=True,
                    stand_in=True,
                )
            with self.hold_sync():
                if (stages := running()) is not None:
                    self.spent = {
                        "started": stages.started,
                        "sent": time.time() * 1e3,
                        "stages": dict(stages.spent),
                    }
                self.frame = frame
                self.problem = ""
        except BaseException as error:
            # no frame of what was shown before under the name of what was asked for
            self.frame = b""
            self.problem = clean(str(error)) or (
                f"{type(error).__name__} while layer {self.layer!r} was read; w.refresh() looks again"
            )
            if not isinstance(error, Exception):  # an interrupt; all else nobody stands by to catch
                raise
        else:
            self._shown = wanted

    def _room(self) -> int:
        """Bytes that the frame may have, so that all that a notebook stores of the widget stays small."""
        others = self.get_state([name for name in self.keys if name not in ("frame", "layout")])
        metadata = others.pop("metadata")
        if self._weighed[0] is not metadata:  # the most of it by far, and the same in one look
            self._weighed = metadata, len(json.dumps(metadata))
        text = {name: each for name, each in others.items() if not isinstance(each, bytes)}
        taken = (
            self._weighed[1]
            + len(json.dumps(text))
            + sum(_in_base64(len(each)) for each in others.values() if isinstance(each, bytes))
        )
        return max(_LEAST_FRAME, (_STORED - 2 * _PREVIEW - taken) * 3 // 4)

    @contextlib.contextmanager
    def _said_in_view(self) -> Iterator[Callable[[int, int], None]]:
        """How far a look is, as the trait `progress`; a quick look says nothing."""

        def say(done: int, total: int) -> None:
            self.progress = min(done / total, 1.0) if total else 0.0

        try:
            yield paced(say)
        finally:
            self.progress = _IDLE

    def _answer(self, _: Any, message: Any, buffers: Any) -> None:
        """Answers a request of the page; every one gets an answer, an error included."""
        with self._lock:
            if self._inspection is None or not isinstance(message, dict) or "id" not in message:
                return
            reply = {"id": message["id"], "kind": message.get("kind")}
            if message.get("kind") == "resend":  # what was sent before may be lost
                self.send_state([*_OF_A_LOOK, *VIEW_STATE])
                self.send(reply)
                return
            try:
                content = answer(self._inspection, message, self.generation)
            except Exception as error:
                self.send({**reply, "error": clean(str(error)) or type(error).__name__})
            else:
                self.send(reply, [] if content is None else [content])


def _in_base64(size: int) -> int:
    """How many characters so many bytes take."""
    return -(-size // 3) * 4


def _span(count: int) -> str:
    """The indices of so many things, in words."""
    return f"0 to {count - 1}" if count > 1 else "0"
