"""An image in any of its usual forms, as the batch of floats a model takes and the picture it saw.

Pictures are preprocessed, tensors are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cnnvis.picture import MAX_PIXELS, ImageError, check_pixels, open_picture

__all__ = ["Batch", "ImageError", "as_batch"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GRAY_MEAN, GRAY_STD = 0.5, 0.5
CROP = 224
"""Side of the default's square in pixels; the shorter side becomes 8 / 7 of it, 256."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What `as_batch` gives.

    Attributes:
        tensor: Float (N, C, H, W), in memory of its own.
        pictures: N RGB images of H x W pixels: what the model sees, normalization undone.
        preprocessing: What was done to the image, a sentence for each way it was done.
        notes: What a person might not expect, a sentence each.
    """

    tensor: Tensor
    pictures: list[Image.Image]
    preprocessing: str
    notes: tuple[str, ...]


def as_batch(
    image: Any,
    *,
    transform: Callable[[Image.Image], Tensor] | None = None,
    channels: int | None = 3,
    size: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Batch:
    """The batch that a model takes, from an image in any of its usual forms.

    Without a transform a picture is preprocessed as torchvision evaluates its ImageNet models: the
    shorter side resized to 256 pixels (bilinear, antialiased), the central 224 x 224 cropped,
    scaled to [0, 1], and normalized with ImageNet's mean and standard deviation per channel. For a
    model of one channel the picture becomes gray (ITU-R 601 luma), and mean and standard deviation
    are 0.5.

    Args:
        image: One of

            - what `cnnvis.picture.open_picture` reads: a path, bytes, a binary file object, a PIL
              image, or an array (H, W), (H, W, C) or (C, H, W). Several arrays may be stacked.
            - a tensor (H, W), (C, H, W) or (N, C, H, W): taken as it is, on its device, in its
              dtype if that is a float one, with no transform.
            - a list or tuple of these, whose results have one size.
        transform: From a PIL image (RGB; L for a model of one channel) to a float tensor
            (C, H, W), such as torchvision's `weights.transforms()`.
        channels: How many the model takes; None if unknown, and then 3 without a check.
        size: Side of the default's square in pixels, 224; a transform has its own.
        max_pixels: Largest picture to read, checked before it is decoded.

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
            f"size must be a positive number of pixels, received {size!r}; leave it out for {CROP}"
        )
    recipe = _Recipe(transform, channels, size or CROP, max_pixels)
    if isinstance(image, np.ndarray) and image.ndim == 4:
        image = list(image)
    if not isinstance(image, (list, tuple)):
        return recipe.apply(image)
    if not image:
        raise ImageError("a list of images must hold at least one, received an empty one")
    return _join([recipe.apply(item) for item in image])


@dataclass(frozen=True)
class _Recipe:
    """How one image becomes a batch."""

    transform: Callable[[Image.Image], Tensor] | None
    channels: int | None
    size: int
    max_pixels: int

    def apply(self, image: Any) -> Batch:
        if isinstance(image, Tensor):
            return self._tensor(image)
        picture, notes = open_picture(image, self.max_pixels)
        gray = self.channels == 1
        if gray and picture.mode != "L":
            notes += ("The model takes one channel: the picture was turned to gray (luma).",)
        elif not gray and picture.mode == "L":
            notes += ("The picture is gray: its one channel was repeated for red, green, blue.",)
        picture = picture.convert("L" if gray else "RGB")
        batch = self._default(picture) if self.transform is None else self._transformed(picture)
        _check_channels(batch.tensor.shape[1], self.channels)
        return replace(batch, notes=(*notes, *batch.notes))

    def _default(self, picture: Image.Image) -> Batch:
        if self.channels not in (None, 1, 3):
            raise ImageError(
                f"the image must have the {self.channels} channels that the model takes, received "
                f"a picture of 3; pass a tensor (N, {self.channels}, H, W), or a transform that "
                "makes them"
            )
        if picture.mode == "L":
            mean, std = _per_channel(GRAY_MEAN), _per_channel(GRAY_STD)
            by = f"mean {GRAY_MEAN} and standard deviation {GRAY_STD}"
        else:
            mean, std = _per_channel(IMAGENET_MEAN), _per_channel(IMAGENET_STD)
            by = "ImageNet's mean and standard deviation"
        side = round(self.size * 8 / 7)
        picture = _crop(_shorter_side(picture, side, self.max_pixels), self.size)
        pixels = torch.from_numpy(np.array(picture)).view(self.size, self.size, -1)
        scaled = pixels.permute(2, 0, 1).contiguous().float() / 255
        tensor = (scaled - mean) / std
        sentence = (
            f"The default: resized so that the shorter side is {side} pixels, cropped to the "
            f"central {self.size} × {self.size}, normalized with {by}."
        )
        return Batch(tensor[None], [picture.convert("RGB")], sentence, ())

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
        if result.dim() != 3 or not result.is_floating_point() or result.numel() == 0:
            raise ImageError(
                f"transform must give a float tensor (C, H, W), {name} gave {result.dtype} "
                f"{tuple(result.shape)}; end it with torchvision.transforms.ToTensor(), "
                "and add no batch dimension"
            )
        tensor = result.detach().clone()[None]
        pictures, shown, notes = _show(tensor, _normalization(self.transform, tensor.shape[1]))
        sentence = (
            f"Made a {_size(tensor)} tensor by the transform {_one_line(self.transform, name)}; "
            f"{shown}."
        )
        return Batch(tensor, pictures, sentence, notes)

    def _tensor(self, image: Tensor) -> Batch:
        if image.dim() not in (2, 3, 4) or image.numel() == 0 or image.is_complex():
            raise ImageError(
                "a tensor must be real, (H, W), (C, H, W) or (N, C, H, W), and not empty, received "
                f"{image.dtype} {tuple(image.shape)}; reshape it, or pass other inputs as inputs="
            )
        if image.is_meta:
            raise ImageError(
                "a tensor must hold values, received one on the meta device; pass one on the CPU "
                "or the model's device"
            )
        height, width = image.shape[-2:]
        check_pixels(width, height, self.max_pixels)
        _check_channels(1 if image.dim() == 2 else image.shape[-3], self.channels)
        notes = []
        if self.transform is not None:
            notes.append("A tensor is taken as it is: the transform was not applied to it.")
        tensor = image.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_quantized:
            notes.append("The quantized tensor was dequantized to float32.")
            tensor = tensor.dequantize()
        elif not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            notes.append(f"The {kind} tensor was converted to float32; its values are not scaled.")
            tensor = tensor.to(torch.float32)
        # cloned whatever happened above: a model may begin with an in-place layer
        tensor = tensor.clone().reshape((1,) * (4 - image.dim()) + tuple(image.shape))
        pictures, shown, more = _show(tensor, None)
        sentence = f"A {_size(tensor)} tensor taken as it is, without preprocessing; {shown}."
        return Batch(tensor, pictures, sentence, (*notes, *more))


def _shorter_side(picture: Image.Image, side: int, max_pixels: int) -> Image.Image:
    """Resized as torchvision's Resize(side) does; the longer side is rounded down."""
    width, height = picture.size
    longer = int(side * max(width, height) / min(width, height))
    if longer * side > max_pixels:
        raise ImageError(
            f"an image must not be so narrow, received {width} × {height} pixels, which would "
            f"become {side} × {longer}; crop it, or pass a transform"
        )
    new = (side, longer) if width <= height else (longer, side)
    return picture if new == picture.size else picture.resize(new, Image.Resampling.BILINEAR)


def _crop(picture: Image.Image, size: int) -> Image.Image:
    # rounded as torchvision's CenterCrop does
    left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
    return picture.crop((left, top, left + size, top + size))


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
) -> tuple[list[Image.Image], str, tuple[str, ...]]:
    """Pictures of a batch, how they are to be read, and notes."""
    values = tensor.float().cpu()
    finite = values.isfinite()
    notes = []
    if not finite.all():
        count = int((~finite).sum())
        notes.append(f"The input holds {count} values that are not finite; they are shown black.")
        values = torch.where(finite, values, values[finite].min() if finite.any() else 0.0)
    channels = values.shape[1]
    if channels not in (1, 3):
        used = "first 3" if channels > 3 else "first"
        notes.append(f"Of {channels} channels the picture shows the {used}.")
    values, shown = _in_unit_range(values, normalization)
    values = torch.where(finite, values, 0.0)
    rgb = values[:, :3] if channels >= 3 else values[:, :1].expand(-1, 3, -1, -1)
    codes = rgb.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return [Image.fromarray(pixels) for pixels in codes.numpy()], shown, tuple(notes)


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
        [picture for batch in batches for picture in batch.pictures],
        " ".join(dict.fromkeys(batch.preprocessing for batch in batches)),
        tuple(dict.fromkeys(note for batch in batches for note in batch.notes)),
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
