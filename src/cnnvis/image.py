"""Whatever a person calls an image, as the batch of floats a model takes and the picture it saw.

Files, bytes, PIL images and arrays are pictures: they are brought to 8-bit gray or RGB and then
preprocessed. Tensors are taken as they are. Nothing is fetched over a network.
"""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GRAY_MEAN, GRAY_STD = (0.5,), (0.5,)
CROP = 224
"""Side of the default's square in pixels; the shorter side becomes 8 / 7 of it, 256."""

MAX_PIXELS = 50_000_000
"""Of one picture. As float RGB that is 600 MB; Pillow itself warns at 89 million only."""

# no EPS, whose reader runs Ghostscript on what may come from anywhere
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")

_KINDS = (
    "a path, bytes, a binary file, a PIL image, an array (H, W), (H, W, C) or (C, H, W), a tensor "
    "(H, W), (C, H, W) or (N, C, H, W), or a list of these"
)
_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]+://|data:")


class ImageError(ValueError):
    """The image cannot be read, or does not fit the model."""


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

            - a path of a regular file, bytes, or a binary file object (read from where it stands,
              and set back there), in a format of `FORMATS`. Of an animation, the first frame.
            - a PIL image of any mode. EXIF orientation is applied, transparency laid on white.
            - an array (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels, or several stacked.
              bool: white where true. uint8: 0 to 255. uint16: 0 to 65535. Other integers: 0 to 255,
              or to 65535 where one is above 255. Floats: 0 to 1, or to 255 where one is above 1.
              They are rounded to 8 bits; anything outside these ranges, NaN included, is refused.
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
        notes: list[str] = []
        picture = _plain(_open(image, self.max_pixels, notes), notes)
        gray = self.channels == 1
        if gray and picture.mode != "L":
            notes.append("The model takes one channel: the picture was turned to gray (luma).")
        elif not gray and picture.mode == "L":
            notes.append("The picture is gray: its one channel was repeated for red, green, blue.")
        picture = picture.convert("L" if gray else "RGB")
        batch = self._default(picture) if self.transform is None else self._transformed(picture)
        _check_channels(batch.tensor.shape[1], self.channels)
        return Batch(batch.tensor, batch.pictures, batch.preprocessing, (*notes, *batch.notes))

    def _default(self, picture: Image.Image) -> Batch:
        gray = picture.mode == "L"
        if self.channels not in (None, 1, 3):
            raise ImageError(
                f"the image must have the {self.channels} channels that the model takes, received "
                f"a picture of 3; pass a tensor (N, {self.channels}, H, W), or a transform that "
                "makes them"
            )
        mean, std = (GRAY_MEAN, GRAY_STD) if gray else (IMAGENET_MEAN, IMAGENET_STD)
        side = round(self.size * 8 / 7)
        picture = _crop(_shorter_side(picture, side, self.max_pixels), self.size)
        pixels = torch.from_numpy(np.array(picture)).reshape(self.size, self.size, -1)
        scaled = pixels.permute(2, 0, 1).to(torch.float32, copy=True).contiguous().div_(255)
        column = (-1, 1, 1)
        tensor = scaled.sub_(torch.tensor(mean).view(column)).div_(torch.tensor(std).view(column))
        by = "mean 0.5 and standard deviation 0.5"
        if not gray:
            by = f"ImageNet's mean {mean} and standard deviation {std}"
        sentence = (
            f"Resized so that the shorter side is {side} pixels (bilinear, antialiased), cropped "
            f"to the central {self.size} × {self.size}, scaled to [0, 1] and normalized with {by}."
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
        _check_pixels(width, height, self.max_pixels)
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


def _open(image: Any, max_pixels: int, notes: list[str]) -> Image.Image:
    """The image as PIL has it, decoded, upright, in any mode; the user's own stays as it is."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _decode(bytes(image), "the bytes", max_pixels, notes)
    if isinstance(image, (str, os.PathLike)):
        return _decode(_checked_path(image), _quote(image), max_pixels, notes)
    if isinstance(image, Image.Image):
        return _upright(image, "the PIL image", max_pixels, notes)
    if callable(getattr(image, "read", None)):
        return _decode(_read_file(image), "the file object", max_pixels, notes)
    if hasattr(image, "__array__") and not isinstance(image, type):
        return _picture(np.asarray(image), max_pixels, notes)
    raise TypeError(f"image must be {_KINDS}, received {type(image).__name__}; pass one of those")


def _checked_path(path: str | os.PathLike[Any]) -> Path:
    text = os.fsdecode(path)
    if not text:
        raise ImageError("a path must name a file, received an empty string; pass the file's path")
    if "\0" in text:
        raise ImageError(
            f"a path must hold no NUL character, received {_quote(text)}; "
            "if these are the file's bytes, pass them as bytes"
        )
    if isinstance(path, str) and _URL.match(text):
        raise ImageError(
            f"a path must name a file on this machine, received the URL {_quote(text)}; "
            "nothing is downloaded here: fetch it first and pass its bytes"
        )
    try:
        status = Path(text).stat()
    except FileNotFoundError:
        raise ImageError(
            f"a path must name a file that exists, received {_quote(text)}; "
            f"check it against the working directory, {_quote(Path.cwd())}"
        ) from None
    except (OSError, ValueError) as error:
        raise ImageError(
            f"a path must name a file that can be read, received {_quote(text)} ({error}); "
            "check the path and its permissions"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(
            f"a path must name a file, received the directory {_quote(text)}; "
            "for several images pass a list of paths"
        )
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(
            f"a path must name a regular file, received {_quote(text)}, a pipe, socket or device; "
            "read it yourself and pass the bytes"
        )
    return Path(text)


def _read_file(file: Any) -> bytes:
    try:
        start = file.tell() if file.seekable() else None
        content = file.read()
        if start is not None:
            file.seek(start)
    except (OSError, ValueError, AttributeError) as error:
        raise ImageError(
            f"a file object must be open for reading, received {type(file).__name__} ({error}); "
            "open it with open(path, 'rb')"
        ) from error
    if not isinstance(content, (bytes, bytearray)):
        raise TypeError(
            f"a file object must be binary, received one that reads {type(content).__name__}; "
            "open it with open(path, 'rb')"
        )
    return bytes(content)


def _decode(source: bytes | Path, what: str, max_pixels: int, notes: list[str]) -> Image.Image:
    empty = source.stat().st_size == 0 if isinstance(source, Path) else not source
    if empty:
        raise ImageError(
            f"an image must hold at least one byte, received {what}, which is empty; "
            "check that it was written, and that a file is read from its start"
        )
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings():
            # ours is the lower limit, and an error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(
                io.BytesIO(source) if isinstance(source, bytes) else source, formats=known
            )
        with opened:
            return _upright(opened, what, max_pixels, notes)
    except ImageError:
        raise
    except Exception as error:  # Pillow's readers raise a dozen types on broken files
        raise _unreadable(what, error) from error


def _upright(image: Image.Image, what: str, max_pixels: int, notes: list[str]) -> Image.Image:
    _check_pixels(*image.size, max_pixels)
    if 0 in image.size:
        raise ImageError(
            f"an image must have at least one pixel, received {what} of {image.width} × "
            f"{image.height}; check how it was cropped"
        )
    try:
        frames = getattr(image, "n_frames", 1)
        frame = image.tell() + 1 if frames > 1 else 1
        image.load()
    except Exception as error:
        raise _unreadable(what, error) from error
    if frames > 1:
        notes.append(f"Frame {frame} of {frames}: the others were not looked at.")
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        upright = ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block says nothing about the pixels
        return image.copy()
    if orientation in range(2, 9):
        notes.append("The picture was turned upright as its EXIF orientation says.")
    return upright


def _unreadable(what: str, error: Exception) -> ImageError:
    return ImageError(
        f"an image must be a whole file in one of the formats {', '.join(FORMATS)}, received "
        f"{what} ({type(error).__name__}: {error}); open it in an image viewer to check it, "
        "or save it again as PNG"
    )


def _picture(array: np.ndarray[Any, Any], max_pixels: int, notes: list[str]) -> Image.Image:
    """An array as an 8-bit PIL image: L, RGB or RGBA."""
    shape = array.shape
    if array.size == 0:
        raise ImageError(
            f"an array must hold at least one pixel, received shape {shape}; "
            "check how it was cropped"
        )
    if array.ndim == 3:
        last, first = shape[2] in (1, 3, 4), shape[0] in (1, 3, 4)
        if last and first:
            raise ImageError(
                "an array must be clearly (H, W, C) or (C, H, W) with 1, 3 or 4 channels, received "
                f"shape {shape}, which can be both; pass PIL.Image.fromarray(array) or a tensor "
                "(C, H, W)"
            )
        if first:
            array = array.transpose(1, 2, 0)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            "an array must be (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels, received "
            f"shape {shape}; for other inputs pass a tensor (N, C, H, W)"
        )
    _check_pixels(array.shape[1], array.shape[0], max_pixels)
    pixels = _eight_bits(array, notes)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _eight_bits(array: np.ndarray[Any, Any], notes: list[str]) -> np.ndarray[Any, Any]:
    """Brightness 0 to 255 by the one rule for numbers that `as_batch` states."""
    kind, dtype = array.dtype.kind, array.dtype.name
    if kind == "b":
        return array.astype(np.uint8) * 255
    if kind == "u" and array.dtype.itemsize == 1:
        return array
    if kind not in "iuf":
        raise ImageError(
            f"an array must hold bool, integer or float numbers, received dtype {dtype}; "
            "convert it with array.astype('uint8')"
        )
    if kind == "f" and not np.isfinite(array).all():
        raise ImageError(
            f"an array must hold finite numbers, received a {dtype} array with NaN or infinity; "
            "replace them with numpy.nan_to_num, or pass a tensor, which is taken as it is"
        )
    low, high = float(array.min()), float(array.max())
    if kind == "f":
        slack = 1e-3  # a resampled picture may overshoot a little
        top = 1.0 if high <= 1 + slack else 255.0
        fits = low >= -slack * top and high <= top * (1 + slack)
    else:
        deep = (kind == "u" and array.dtype.itemsize == 2) or high > 255
        top = 65535.0 if deep else 255.0
        fits = low >= 0 and high <= top
    if not fits:
        rule = "[0, 1] or [0, 255]" if kind == "f" else "[0, 255] or [0, 65535]"
        raise ImageError(
            f"a {dtype} image must lie in {rule}, received values from {low:g} to {high:g}; "
            "scale it, or pass a tensor, which is taken as it is"
        )
    if kind != "f" and top > 255 and high <= 255:
        notes.append(
            f"No value is above 255, yet {dtype} means 0 to 65535: the picture is almost black. "
            "If it holds 0 to 255, pass it as uint8."
        )
    elif top != 255:
        notes.append(f"The values, {dtype} from 0 to {top:g}, were rounded to 8 bits.")
    scaled = array.astype(np.float64) * (255 / top)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _plain(image: Image.Image, notes: list[str]) -> Image.Image:
    """Any mode as L or RGB: colors converted, depth scaled, transparency laid on white."""
    if image.mode.startswith(("I", "F")):
        # convert() would clip at 255
        return Image.fromarray(_eight_bits(np.asarray(image), notes))
    if image.has_transparency_data:
        opaque = image.convert("LA") if image.mode == "La" else image
        opaque = opaque.convert("RGBA")
        if opaque.getchannel("A").getextrema() != (255, 255):
            notes.append("Transparent parts were laid on white.")
        white = Image.new("RGBA", opaque.size, "white")
        rgb = Image.alpha_composite(white, opaque).convert("RGB")
        return rgb.convert("L") if image.mode in ("1", "L", "LA", "La") else rgb
    if image.mode == "LAB":
        return _from_lab(image)
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms  # not in every build of Pillow

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    assert converted is not None  # None is for inPlace=True
    return converted


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


def _normalization(transform: Any, channels: int) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation that a transform, or its last step that has them, applies."""
    steps = getattr(transform, "transforms", None)
    for step in (*reversed(steps if isinstance(steps, Sequence) else ()), transform):
        try:
            mean, std = (
                torch.tensor(getattr(step, k), dtype=torch.float32) for k in ("mean", "std")
            )
        except Exception:  # it has none, or calls something else so
            continue
        if mean.numel() in (1, channels) and std.numel() == mean.numel():
            return mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
    return None


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
    low, high = float(values.min()), float(values.max())
    imagenet = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    if normalization is not None:
        shown = "the picture shows it with its normalization undone"
        values = values * normalization[1] + normalization[0]
    elif low >= 0 and high <= 1:
        shown = "the picture shows its values from 0 to 1"
    elif channels == 3 and _in_unit_range(values * imagenet[1] + imagenet[0]):
        shown = "the picture shows it with ImageNet's normalization undone, which its values fit"
        values = values * imagenet[1] + imagenet[0]
    else:
        shown = (
            f"the picture shows its values stretched from lowest to highest ({low:g} to {high:g})"
        )
        lows, highs = values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)
        # halves: the range of extreme values would be infinite
        span = (highs / 2 - lows / 2).clamp_min(torch.finfo(torch.float32).tiny)
        values = (values / 2 - lows / 2) / span
    values = torch.where(finite, values, 0.0)
    kept = values[:, :3] if channels >= 3 else values[:, :1]
    codes = kept.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    gray = codes.shape[3] == 1
    pixels = (codes.squeeze(3) if gray else codes).numpy()
    return [Image.fromarray(p).convert("RGB") for p in pixels], shown, tuple(notes)


def _in_unit_range(values: Tensor) -> bool:
    return float(values.min()) >= -0.02 and float(values.max()) <= 1.02


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


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(
            f"an image must have at most {max_pixels:,} pixels, received {width} × {height} = "
            f"{width * height:,}; shrink it first, or raise max_pixels"
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


def _quote(text: object) -> str:
    """A name as it can be shown anywhere: escaped, and cut if it is long."""
    name = repr(os.fsdecode(text) if isinstance(text, (str, bytes, os.PathLike)) else text)
    return name if len(name) <= 200 else f"{name[:120]}…{name[-60:]}"
