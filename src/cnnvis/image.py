"""An image in any of its usual forms, as the batch of floats a model takes and the picture it saw.

Pictures are preprocessed, tensors are taken as they are: also those that are no pictures, signals
(C, L) and videos or volumes (C, T, H, W).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cnnvis.picture import MAX_PIXELS, ImageError, check_pixels, open_picture, open_stack
from cnnvis.preprocessing import IMAGENET, IMAGENET_MEAN, IMAGENET_STD, Recipe, prepare

__all__ = ["Batch", "ImageError", "as_batch"]

_FORMS: dict[int | None, tuple[str, ...]] = {
    None: ("(H, W)", "(C, H, W)", "(N, C, H, W)", "(N, C, T, H, W)"),
    1: ("(L)", "(C, L)", "(N, C, L)"),
    2: ("(H, W)", "(C, H, W)", "(N, C, H, W)"),
    3: ("(T, H, W)", "(C, T, H, W)", "(N, C, T, H, W)"),
}
"""Shapes of a tensor by the number of spatial dimensions; T may as well be a volume's depth."""

_LANES, _LANE = 4, 64
"""A signal's picture: so many channels at most, each so many pixels tall."""
_COLUMNS = (256, 1024)
"""Its width in pixels, at least and at most."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What `as_batch` gives.

    Attributes:
        tensor: Float (N, C, H, W), of a signal (N, C, L), of a video (N, C, T, H, W), in memory of
            its own.
        paint: Makes `pictures`.
        preprocessing: What was done to the image, a sentence for each way it was done.
        notes: What a person might not expect, a sentence each.
        is_default: Whether a picture went through a recipe that nobody asked for: neither a
            transform, nor the model.
    """

    tensor: Tensor
    paint: Callable[[], list[Image.Image]]
    preprocessing: str
    notes: tuple[str, ...]
    is_default: bool = False

    @cached_property
    def pictures(self) -> list[Image.Image]:
        """N RGB images: what the model sees, H x W pixels with normalization undone.

        Of a video the middle frame, of a signal its waveform. Painted when they are first asked for.
        """
        return self.paint()


def as_batch(
    image: Any,
    *,
    transform: Callable[[Image.Image], Tensor] | None = None,
    channels: int | None = 3,
    size: int | None = None,
    max_pixels: int = MAX_PIXELS,
    recipe: Recipe | None = None,
    spatial: int | None = None,
) -> Batch:
    """The batch that a model takes, from an image in any of its usual forms.

    Without a transform and a recipe a picture is preprocessed as torchvision evaluates its ImageNet
    models: the shorter side resized to 256 pixels (bilinear, antialiased), the central 224 x 224
    cropped, scaled to [0, 1], and normalized with ImageNet's mean and standard deviation per
    channel. For a model of one channel the picture becomes gray (ITU-R 601 luma), and mean and
    standard deviation are 0.5.

    Args:
        image: One of

            - what `cnnvis.picture.open_picture` reads: a path, bytes, a binary file object, a PIL
              image, or an array (H, W), (H, W, C) or (C, H, W). Several arrays may be stacked.
            - a tensor (H, W), (C, H, W), (N, C, H, W) or (N, C, T, H, W): taken as it is, on its
              device, in its dtype if that is a float one, with no transform.
            - a list or tuple of these, whose results have one size.
        transform: From a PIL image (RGB; L for a model of one channel) to a float tensor
            (C, H, W), such as torchvision's `weights.transforms()`.
        channels: How many the model takes; None if unknown, and then a picture gets the recipe's
            without a check.
        size: Side of the recipe's square in pixels instead of its own; a transform has its own.
        max_pixels: Largest picture to read, checked before it is decoded.
        recipe: What is done to a picture where there is no transform, see
            `cnnvis.preprocessing.recipe_of`. None: ImageNet's.
        spatial: How many spatial dimensions the model's first convolution has. With 1 a tensor is
            (L), (C, L) or (N, C, L), with 3 it is (T, H, W), (C, T, H, W) or (N, C, T, H, W), an
            array is taken as a tensor is, and a picture needs a transform. None or 2: as above.

    Raises:
        ImageError: a ValueError; the image cannot be read or does not fit.
        TypeError: image is none of these, or transform does not give a tensor.
    """
    if transform is not None and not callable(transform):
        raise TypeError(
            "transform must be callable, from a PIL image to a tensor, received "
            f"{type(transform).__name__}; of torchvision's weights pass weights.transforms()"
        )
    if size is not None and not (isinstance(size, int) and size >= 1):
        raise ImageError(
            f"size must be a positive number of pixels, received {size!r}; leave it out for "
            f"{IMAGENET.size[0]}"
        )
    if spatial not in _FORMS:
        raise ImageError(
            f"spatial must be 1, 2 or 3 dimensions of a convolution, received {spatial!r}; "
            "leave it out for pictures"
        )
    recipe = recipe or IMAGENET
    if size is not None:
        recipe = replace(recipe, size=(size, size))
    way = _Way(transform, channels, recipe, spatial, max_pixels)
    if isinstance(image, np.ndarray) and image.ndim == 4 and spatial in (None, 2):
        return _join([way.picture(*opened) for opened in open_stack(image, max_pixels)])
    if not isinstance(image, (list, tuple)):
        return way.apply(image)
    if not image:
        raise ImageError("a list of images must hold at least one, received an empty one")
    return _join([way.apply(item) for item in image])


@dataclass(frozen=True)
class _Way:
    """How one image becomes a batch."""

    transform: Callable[[Image.Image], Tensor] | None
    channels: int | None
    recipe: Recipe
    spatial: int | None
    max_pixels: int

    def apply(self, image: Any) -> Batch:
        if isinstance(image, Tensor):
            return self._tensor(image, "tensor")
        if isinstance(image, np.ndarray) and self.spatial in (1, 3):
            return self._tensor(_tensor_of(image), "array")
        return self.picture(*open_picture(image, self.max_pixels))

    def picture(self, picture: Image.Image, notes: tuple[str, ...]) -> Batch:
        """The batch of a picture that was opened with these notes."""
        gray = (self.recipe.channels if self.channels is None else self.channels) == 1
        if gray and picture.mode != "L":
            notes += ("The model takes one channel: the picture was turned to gray (luma).",)
        elif not gray and picture.mode == "L":
            notes += ("The picture is gray: its one channel was repeated for red, green, blue.",)
        picture = picture.convert("L" if gray else "RGB")
        batch = self._prepared(picture) if self.transform is None else self._transformed(picture)
        _check_channels(batch.tensor.shape[1], self.channels)
        return replace(batch, notes=(*notes, *batch.notes))

    def _prepared(self, picture: Image.Image) -> Batch:
        if self.spatial in (1, 3):
            kind = "signals" if self.spatial == 1 else "videos or volumes"
            raise ImageError(
                f"the model's first convolution has {self.spatial} spatial dimensions, so it takes "
                f"{kind}, received a picture; pass a tensor {_forms(self.spatial)}, or a transform "
                "that makes one"
            )
        if self.channels not in (None, 1, 3):
            raise ImageError(
                f"the image must have the {self.channels} channels that the model takes, received "
                f"a picture of 3; pass a tensor (N, {self.channels}, H, W), or a transform that "
                "makes them"
            )
        recipe = self.recipe.for_channels(1 if picture.mode == "L" else 3)
        tensor, seen = prepare(picture, recipe, self.max_pixels)
        sentence = recipe.describe()
        return Batch(tensor[None], lambda: [seen.convert("RGB")], sentence, (), recipe.is_default)

    def _transformed(self, picture: Image.Image) -> Batch:
        assert self.transform is not None
        name = getattr(self.transform, "__name__", type(self.transform).__name__)
        mode = picture.mode
        try:
            result = self.transform(picture)
        except Exception as error:
            raise ImageError(
                f"transform must turn a PIL image (mode {mode}) into a tensor, {name} raised "
                f"{type(error).__name__}: {error}; try it alone: transform(image.convert({mode!r}))"
            ) from error
        if not isinstance(result, Tensor):
            raise TypeError(
                f"transform must give a tensor, {name} gave {type(result).__name__}; "
                "end it with torchvision.transforms.ToTensor()"
            )
        # (C, H, W) fits all: that a model takes another form is only read from its first convolution
        wanted = {3, (self.spatial or 2) + 1}
        if result.dim() not in wanted or not result.is_floating_point() or result.numel() == 0:
            raise ImageError(
                f"transform must give a float tensor {_FORMS[self.spatial][1]}, {name} gave "
                f"{result.dtype} "
                f"{tuple(result.shape)}; end it with torchvision.transforms.ToTensor(), "
                "and add no batch dimension"
            )
        tensor = result.detach().clone()[None]
        paint, shown, notes = _show(tensor, _normalization(self.transform, tensor.shape[1]))
        sentence = (
            f"Made a {_size(tensor)} tensor by the transform {_one_line(self.transform, name)}; "
            f"{shown}."
        )
        return Batch(tensor, paint, sentence, notes)

    def _tensor(self, image: Tensor, what: str) -> Batch:
        forms, spatial = _forms(self.spatial), self.spatial or 2
        if image.is_nested:
            raise ImageError(
                f"a tensor must be {forms}, received a nested one; pass one of its parts"
            )
        if not spatial <= image.dim() <= 5 or image.numel() == 0 or image.is_complex():
            raise ImageError(
                f"a tensor must be real, {forms}, and not empty, received "
                f"{image.dtype} {tuple(image.shape)}; reshape it, or pass other inputs as inputs="
            )
        if image.is_meta:
            raise ImageError(
                "a tensor must hold values, received one on the meta device; pass one on the CPU "
                "or the model's device"
            )
        height, width = image.shape[-2:] if spatial > 1 else (1, image.shape[-1])
        check_pixels(width, height, self.max_pixels)
        if image.dim() <= spatial + 2:  # of more, who knows which dimension holds the channels
            received = 1 if image.dim() == spatial else image.shape[-spatial - 1]
            _check_channels(received, self.channels)
        notes = []
        if self.transform is not None:
            notes.append(f"A {what} is taken as it is: the transform was not applied to it.")
        tensor = image.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_quantized:
            notes.append("The quantized tensor was dequantized to float32.")
            tensor = tensor.dequantize()
        elif not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            notes.append(f"The {kind} {what} was converted to float32; its values are not scaled.")
            tensor = tensor.to(torch.float32)
        # cloned whatever happened above: a model may begin with an in-place layer
        tensor = tensor.clone().reshape((1,) * (spatial + 2 - image.dim()) + tuple(image.shape))
        paint, shown, more = _show(tensor, None)
        made = _size(tensor) if tensor.dim() > 3 else f"{_size(tensor)} (channels × length)"
        sentence = f"A {made} {what} taken as it is, without preprocessing; {shown}."
        return Batch(tensor, paint, sentence, (*notes, *more))


def _forms(spatial: int | None) -> str:
    *others, last = _FORMS[spatial]
    return f"{', '.join(others)} or {last}"


def _tensor_of(array: np.ndarray[Any, Any]) -> Tensor:
    """An array's numbers as a tensor of its own, in its dtype where torch has it."""
    if array.dtype.kind not in "biuf":
        raise ImageError(
            f"an array must hold bool, integer or float numbers, received dtype {array.dtype}; "
            "convert it with array.astype('float32')"
        )
    native = np.dtype(np.float64) if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(array, dtype=native, order="C"))


def _normalization(transform: object, channels: int) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation that a transform, or its last step that has them, applies."""
    steps = getattr(transform, "transforms", None)
    for step in (*reversed(steps if isinstance(steps, Sequence) else ()), transform):
        try:
            mean, std = _per_channel(step.mean), _per_channel(step.std)
        except Exception:  # it has none, or calls something else so
            continue
        if mean.numel() in (1, channels) and std.numel() == mean.numel():
            return mean, std
    return None


def _per_channel(values: Any) -> Tensor:
    """One number a channel, or one for all, as it broadcasts over (C, H, W)."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)


def _show(
    tensor: Tensor, normalization: tuple[Tensor, Tensor] | None
) -> tuple[Callable[[], list[Image.Image]], str, tuple[str, ...]]:
    """What paints the pictures of a batch, how they are to be read, and notes."""
    if tensor.dim() == 3:
        return _waveforms(tensor)
    notes = []
    while tensor.dim() > 4:
        frames = tensor.shape[2]
        tensor = tensor[:, :, frames // 2]
        notes.append(
            f"The input has {frames} frames (or slices): the picture shows the middle one, "
            f"number {frames // 2 + 1}."
        )
    values = tensor.float().cpu()
    finite = None
    if not torch.stack(values.aminmax()).isfinite().all():
        finite = values.isfinite()
        count = int((~finite).sum())
        notes.append(f"The input holds {count} values that are not finite; they are shown black.")
        values = torch.where(finite, values, values[finite].min() if finite.any() else 0.0)
    channels = values.shape[1]
    if channels not in (1, 3):
        used = "first 3" if channels > 3 else "first"
        notes.append(f"Of {channels} channels the picture shows the {used}.")
    values, shown = _in_unit_range(values, normalization)

    def paint() -> list[Image.Image]:
        known = values if finite is None else torch.where(finite, values, 0.0)
        rgb = known[:, :3] if channels >= 3 else known[:, :1].expand(-1, 3, -1, -1)
        codes = rgb.clamp(0, 1).mul_(255).round_().to(torch.uint8).permute(0, 2, 3, 1)
        return [Image.fromarray(pixels) for pixels in codes.numpy()]

    return paint, shown, tuple(notes)


def _waveforms(tensor: Tensor) -> tuple[Callable[[], list[Image.Image]], str, tuple[str, ...]]:
    """What draws signals (N, C, L) from left to right, a channel below the other, words and notes."""
    channels, length = tensor.shape[1:]
    values = tensor[:, :_LANES].to(torch.float64).cpu()
    notes = []
    if not tensor.isfinite().all():
        count = int((~tensor.isfinite()).sum())
        notes.append(f"The input holds {count} values that are not finite; they are left out.")
    if channels > _LANES:
        notes.append(f"Of {channels} channels the picture shows the first {_LANES}.")
    if length < _COLUMNS[0]:  # steps: between its values a signal has none
        values = torch.nn.functional.interpolate(values, _COLUMNS[0], mode="nearest")
    signals = values.numpy()
    finite = np.isfinite(signals)
    low, high = (float(f(signals[finite])) if finite.any() else 0.0 for f in (np.min, np.max))
    columns = min(signals.shape[2], _COLUMNS[1])
    starts = np.arange(columns) * signals.shape[2] // columns
    depth = (high - signals) / ((high - low) or 1.0) * (_LANE - 1)  # in pixels from a lane's top
    ends = []
    for extreme, none in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        drawable = np.where(finite, depth, none)
        end = extreme.reduceat(drawable, starts, axis=2)
        # a line without gaps: each column reaches as far as the next one's beginning
        own = end[:, :, :-1]
        np.copyto(own, extreme(own, drawable[:, :, starts[1:]]), where=np.isfinite(own))
        ends.append(end[:, :, None])
    rows = np.arange(_LANE)[:, None]
    drawn = (rows > ends[0] - 1) & (rows < ends[1] + 1)
    pixels = np.where(drawn, 0, 255).astype(np.uint8).reshape(len(signals), -1, drawn.shape[3])
    shown = f"the picture draws it from left to right, {low:g} (bottom) to {high:g} (top)"

    def paint() -> list[Image.Image]:
        return [Image.fromarray(lanes).convert("RGB") for lanes in pixels]

    return paint, shown, tuple(notes)


def _in_unit_range(
    values: Tensor, normalization: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, str]:
    """Finite values (N, C, H, W) brought to 0 to 1 as far as can be, and how, in words."""
    if normalization is not None:
        mean, std = normalization
        return values * std + mean, "the picture shows it with its normalization undone"
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return values, "the picture shows its values from 0 to 1"
    if values.shape[1] == 3:
        undone = values * _per_channel(IMAGENET_STD) + _per_channel(IMAGENET_MEAN)
        if undone.min() >= -0.02 and undone.max() <= 1.02:
            shown = (
                "the picture shows it with ImageNet's normalization undone, which its values fit"
            )
            return undone, shown
    shown = f"the picture shows its values stretched from lowest to highest ({low:g} to {high:g})"
    lows, highs = values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)
    # halves: the range of extreme values would be infinite
    span = (highs / 2 - lows / 2).clamp_min(torch.finfo(torch.float32).tiny)
    return (values / 2 - lows / 2) / span, shown


def _join(batches: list[Batch]) -> Batch:
    first = batches[0].tensor
    for i, batch in enumerate(batches):
        tensor = batch.tensor
        if tensor.shape[1:] != first.shape[1:] or tensor.device != first.device:
            raise ImageError(
                "the images of a list must give tensors of one size on one device, received "
                f"{_size(first)} on {first.device} at position 0 and {_size(tensor)} on "
                f"{tensor.device} at position {i}; pass a transform that resizes and crops, or "
                "look at them one by one"
            )
    return Batch(
        torch.cat([batch.tensor for batch in batches]),
        lambda: [picture for batch in batches for picture in batch.pictures],
        " ".join(dict.fromkeys(batch.preprocessing for batch in batches)),
        tuple(dict.fromkeys(note for batch in batches for note in batch.notes)),
        any(batch.is_default for batch in batches),
    )


def _check_channels(received: int, expected: int | None) -> None:
    if expected is None or received == expected:
        return
    step = "convert the picture, or its transform, to what the model was trained on"
    if received == 1 and expected == 3:
        step = "repeat it three times, of (1, H, W) with tensor.expand(3, -1, -1)"
    elif received == 3 and expected == 1:
        step = "turn it to gray, with tensor.mean(-3, keepdim=True) or a transform that does"
    raise ImageError(
        f"the input must have as many channels as the model takes, {expected}, "
        f"received {received}; {step}"
    )


def _one_line(transform: object, name: str) -> str:
    """A transform's steps where its repr says them (torchvision's do), else its name."""
    try:
        text = " ".join(repr(transform).split())
    except Exception:  # the user's class
        return name
    return name if text.startswith("<") or len(text) > 500 else text


def _size(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape[1:]))
