"""`CNNVisWidget`: a live view of an `Inspection` in a notebook.

Traits carry small JSON and the current frame; the page asks for detail by messages with an id. This
is the one place where an error becomes a banner in the view.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from cnnvis import bundle
from cnnvis.choice import LayerChoice, unknown_layer
from cnnvis.describe import describe, picture
from cnnvis.frame import FEATURE_MAPS, VIEWS, clean
from cnnvis.inspection import DEFAULT_MEMORY_MB, Inspection, inspect

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor, nn

COLORMAPS = ("auto", "viridis", "magma", "inferno", "cividis", "gray", "RdBu", "PuOr")
SCALES = ("channel", "layer", "symmetric")
SORTS = ("index", "mean", "max", "std", "zeros")
THEMES = ("auto", "light", "dark")

# all that the page may write; the rest is the kernel's
_FROM_PAGE = {"layer", "view", "channels", "colormap", "scale", "sort"}


class CNNVisWidget(anywidget.AnyWidget):
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

    Attributes:
        layer: Dotted name of the layer shown. As all that follow: set it in Python and the view
            moves; a click in the view sets it in Python, and `observe` tells of it.
        view: "feature_maps" or "filters".
        channels: The channels picked by clicking, in the order of the clicks.
        colormap: One of `COLORMAPS`.
        scale: "channel" (each tile by its own bounds), "layer" or "symmetric" (about zero).
        sort: "index", "mean", "max", "std" or "zeros".

    Raises:
        TypeError: model is no module.
        ValueError: It has no such layer, or the image cannot be read; the text says what to do.
        ForwardError: The model's forward pass raised.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    metadata = traitlets.Dict().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    frame = traitlets.Bytes().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    layer = traitlets.Unicode().tag(sync=True)
    view = traitlets.Enum(VIEWS, FEATURE_MAPS).tag(sync=True)
    channels = traitlets.List(traitlets.Int()).tag(sync=True)
    colormap = traitlets.Enum(COLORMAPS, "auto").tag(sync=True)
    scale = traitlets.Enum(SCALES, "channel").tag(sync=True)
    sort = traitlets.Enum(SORTS, "index").tag(sync=True)
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
    ) -> None:
        self._lock = threading.RLock()  # messages can come on another thread while a cell runs
        self._generation = 0
        self._image, self._model_inputs = image, inputs
        self._options: dict[str, Any] = {
            "transform": transform,
            "layers": layers,
            "labels": labels,
            "device": device,
            "memory_mb": memory_mb,
        }
        self._inspection: Inspection | None = inspect(model, image, inputs=inputs, **self._options)
        super().__init__(layer=clean(self.inspection.first.name), theme=theme, height=height)
        with self.hold_sync():
            self._publish()
        self.on_msg(self._answer)

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
        self._image, self._model_inputs = image, None

    def refresh(self) -> None:
        """Looks again at the same input: after a training step, or any other change of the model."""
        self._look(self._image, self._model_inputs)

    def activation(self, name: str, call: int = 0) -> Tensor:
        """The exact output of a layer; see `Inspection.activation`."""
        with self._lock:
            return self.inspection.activation(name, call)

    def filters(self, name: str) -> Tensor:
        """The live weights of a layer; see `Inspection.filters`."""
        with self._lock:
            return self.inspection.filters(name)

    def save_html(self, path: str | Path, *, title: str | None = None, max_mb: float = 10) -> Path:
        """Writes the interactive view, opening as it is now; see `cnnvis.report.save_html`."""
        from cnnvis.report import save_html

        state = {name: getattr(self, name) for name in sorted(_FROM_PAGE | {"theme"})}
        with self._lock:
            return save_html(self.inspection, path, title=title, max_mb=max_mb, state=state)

    def __repr__(self) -> str:
        if self._inspection is None:
            return "CNNVisWidget(closed)"
        model = type(self._inspection.model).__name__
        return f"CNNVisWidget({model}, layer={self.layer!r}, view={self.view!r})"

    def close(self) -> None:
        """Takes the view away and lets go of the model and all that was captured."""
        with self._lock:
            self._inspection = None
            self._image = self._model_inputs = None
            layout = self.layout
            super().close()
            if layout is not None:
                layout.close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes what the page may write, one value at a time; what it may not have is sent back."""
        # the layer first: channels are those of a layer
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

    @traitlets.validate("channels")
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

    @traitlets.observe("layer")
    def _layer_changed(self, change: Any) -> None:
        if self._generation:  # not while the widget is being made
            with self.hold_sync():
                self.channels = []
                self._show()

    @traitlets.observe("view")
    def _view_changed(self, change: Any) -> None:
        if self._generation:
            self._show()

    def _name(self) -> str:
        """The shown layer's name in the model; on the wire it is cleaned."""
        return next(r.name for r in self.inspection.layers if clean(r.name) == self.layer)

    def _look(self, image: Any, inputs: Any) -> None:
        with self._lock:
            model = self.inspection.model
            self._inspection = inspect(model, image, inputs=inputs, **self._options)
            with self.hold_sync():
                self._publish()

    def _publish(self) -> None:
        """Sends all of a new look; the frame and the metadata carry the same generation."""
        self._generation += 1
        self.metadata = describe(self.inspection, self._generation)
        self.picture = picture(self.inspection)
        if self.layer in [clean(run.name) for run in self.inspection.layers]:
            self._show()
        else:  # the model was changed: its observer shows the layer that takes the place
            self.layer = clean(self.inspection.first.name)

    def _show(self) -> None:
        """The frame of the current layer and view, or the reason why there is none."""
        with self._lock:
            try:
                self.frame = self.inspection.frame(
                    self._name(), self.view, generation=self._generation
                )
                self.problem = ""
            except Exception as error:
                # the page asked for it: nobody stands by to catch what is raised here
                self.frame = b""
                self.problem = clean(str(error))

    def _answer(self, _: Any, message: Any, buffers: Any) -> None:
        """Answers a request of the page; every one gets an answer, an error included."""
        with self._lock:
            if self._inspection is None or not isinstance(message, dict) or "id" not in message:
                return
            reply = {"id": message["id"], "kind": message.get("kind")}
            try:
                if message.get("kind") != "detail":
                    raise ValueError(
                        f"unknown request {message.get('kind')!r}; this kernel knows 'detail'"
                    )
                detail = self._detail(message)
            except Exception as error:
                self.send({**reply, "error": clean(str(error))})
            else:
                self.send(reply, [detail])

    def _detail(self, message: dict[str, Any]) -> bytes:
        name = next(
            (r.name for r in self.inspection.layers if clean(r.name) == message["layer"]), ""
        )
        return self.inspection.frame(
            name,
            message["view"],
            int(message.get("call", 0)),
            generation=self._generation,
            channels=[int(channel) for channel in message["channels"]],
        )
