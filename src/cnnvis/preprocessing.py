"""How a picture becomes the numbers that a model takes: what the model says of it, and doing it.

Models of timm carry what they were evaluated with as `pretrained_cfg`, and that is followed to the
last bit. Others say nothing (torchvision keeps it with the weights), so they get ImageNet's recipe.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cnnvis.layers import Layer, find_layers, walk
from cnnvis.picture import ImageError

if TYPE_CHECKING:
    from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GRAY_MEAN, GRAY_STD = 0.5, 0.5

_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
_MODES = ("center", "squash", "border")
_MAX_SIDE = 8192
"""Of what a configuration may ask for; 1024 is the largest of timm's 1,371."""


@dataclass(frozen=True)
class Recipe:
    """What is done to a picture: resized to size / crop, its center cut out, normalized.

    Attributes:
        size: (height, width) of the result in pixels.
        crop: Share of the resized picture's sides that is kept, above 0. Above 1 the picture is
            smaller than the result, with black around it.
        crop_mode: What is brought to size / crop: "center" the side that needs it more, so that the
            rest is cut off; "squash" both sides, whatever becomes of the proportions; "border" the
            other side, so that nothing is lost, with the mean's color around it.
        interpolation: How it is resized: "bilinear", "bicubic", "nearest", "lanczos", "box" or
            "hamming", each antialiased as Pillow does it.
        mean: Of each channel, of values from 0 to 1: three numbers for RGB, one for gray.
        std: Standard deviation, alike.
        source: Where this was read, as the beginning of a sentence.
        is_default: Whether that is nowhere: the model did not say what it wants.
    """

    size: tuple[int, int] = (224, 224)
    crop: float = 0.875
    crop_mode: str = "center"
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    source: str = "The default"
    is_default: bool = True

    @property
    def channels(self) -> int:
        """How many the result has: 3 of RGB, or 1 of gray (ITU-R 601 luma)."""
        return len(self.mean)

    @property
    def resized(self) -> tuple[int, int]:
        """(height, width) that the picture is resized towards."""
        height, width = self.size
        return max(1, math.floor(height / self.crop)), max(1, math.floor(width / self.crop))

    def for_channels(self, channels: int) -> Recipe:
        """The same for a model of 1 or 3 channels; gray gets the means of what RGB has."""
        if channels == self.channels:
            return self
        mean: tuple[float, ...]
        std: tuple[float, ...]
        if self.is_default:
            mean = (GRAY_MEAN,) if channels == 1 else IMAGENET_MEAN
            std = (GRAY_STD,) if channels == 1 else IMAGENET_STD
        else:
            mean, std = _spread(self.mean, channels), _spread(self.std, channels)
        return replace(self, mean=mean, std=std)

    def describe(self) -> str:
        """A sentence that says where it comes from and what is done."""
        (tall, wide), (height, width) = self.resized, self.size
        if self.crop_mode == "squash":
            resized = f"to {wide} × {tall} whatever its proportions"
        elif tall != wide:
            resized = f"to {'fill' if self.crop_mode == 'center' else 'fit into'} {wide} × {tall}"
        else:
            side = "shorter" if self.crop_mode == "center" else "longer"
            resized = f"so that the {side} side is {tall} pixels"
        cut = f"cropped to the central {width} × {height}"
        if self.crop > 1:
            cut = f"padded with black to {width} × {height}"
        elif self.crop_mode == "border":
            cut = f"padded with the mean's color or cropped to {width} × {height}"
        if (self.mean, self.std) == (IMAGENET_MEAN, IMAGENET_STD):
            by = "ImageNet's mean and standard deviation"
        else:
            by = f"mean {_numbers(self.mean)} and standard deviation {_numbers(self.std)}"
        return (
            f"{self.source}: resized ({self.interpolation}) {resized}, {cut}, normalized with {by}."
        )


IMAGENET = Recipe()
"""How torchvision evaluates its ImageNet models: 256, 224, bilinear."""


def recipe_of(model: nn.Module) -> Recipe:
    """What a picture for this model should go through, as far as the model says.

    Args:
        model: Any module; it is only read. The outermost module with a usable `pretrained_cfg` (or
            `default_cfg`, as older timm called it) decides: timm's own models, and those that hold
            one. Where that is silent, timm's own defaults hold; where it holds what cannot be used,
            too, and `source` says so.

    Returns:
        Else ImageNet's, or that for gray pictures where the first convolution takes one channel.

    Raises:
        TypeError: model is not a module.
    """
    layers = find_layers(model)
    for name, _, module in walk(model):
        for attribute in ("pretrained_cfg", "default_cfg"):
            fields = _fields(module, attribute)
            if fields is not None:
                owner = f"the model's {attribute}" if not name else f"{attribute} of {name!r}"
                return _configured(fields, owner, _channels(layers, fields.get("first_conv"), name))
    return IMAGENET.for_channels(_channels(layers, None, "") or 3)


def spatial_of(model: nn.Module) -> int | None:
    """How many spatial dimensions the model's first convolution has; None where it has none.

    First in the order of registration, which is only a guess at what runs first.

    Raises:
        TypeError: model is not a module.
    """
    sizes = (layer.kernel_size for layer in find_layers(model) if layer.kind == "conv")
    return next((len(size) for size in sizes if size), None)


def unscaled(picture: Image.Image) -> Tensor:
    """A picture as values from 0 to 1, (channels, height, width): what detectors take."""
    pixels = torch.from_numpy(np.array(picture))
    return pixels.view(picture.height, picture.width, -1).permute(2, 0, 1).float() / 255


def prepare(picture: Image.Image, recipe: Recipe, max_pixels: int) -> tuple[Tensor, Image.Image]:
    """A picture as the model takes it, and as it looked before it was normalized.

    Args:
        picture: Mode L where the recipe has one channel, else RGB.
        recipe: What to do.
        max_pixels: The largest picture to make on the way.

    Returns:
        Float32 tensor (channels, height, width), bit for bit that of torchvision's Resize,
        CenterCrop, ToTensor and Normalize, and the picture (height, width) in its mode.

    Raises:
        ImageError: The picture is so narrow that it would grow beyond max_pixels.
    """
    cut = _cut(_resize(picture, recipe, max_pixels), recipe)
    pixels = torch.from_numpy(np.array(cut)).view(*recipe.size, -1)
    scaled = pixels.permute(2, 0, 1).contiguous().to(torch.float32).div_(255)
    mean, std = (
        torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
        for values in (recipe.mean, recipe.std)
    )
    return scaled.sub_(mean).div_(std), cut


def _resize(picture: Image.Image, recipe: Recipe, max_pixels: int) -> Image.Image:
    (width, height), (tall, wide) = picture.size, recipe.resized
    if recipe.crop_mode == "squash":
        new = wide, tall
    elif recipe.crop_mode == "center" and tall == wide:
        # torchvision's Resize(side): the longer side is rounded down
        longer = int(tall * max(width, height) / min(width, height))
        new = (tall, longer) if width <= height else (longer, tall)
    else:
        # timm's ResizeKeepRatio rounds to the nearest
        choose = min if recipe.crop_mode == "center" else max
        ratio = choose(height / tall, width / wide)
        new = max(1, round(width / ratio)), max(1, round(height / ratio))
    if new[0] * new[1] > max_pixels:
        raise ImageError(
            f"an image must not be so narrow, received {width} × {height} pixels, which would "
            f"become {new[0]} × {new[1]}; crop it, or pass a transform"
        )
    return (
        picture if new == picture.size else picture.resize(new, _RESAMPLING[recipe.interpolation])
    )


def _cut(picture: Image.Image, recipe: Recipe) -> Image.Image:
    """The center, with a border where the picture is too small."""
    height, width = recipe.size
    fill = [0] * recipe.channels
    if recipe.crop_mode == "border":
        fill = [round(255 * value) for value in recipe.mean]
    canvas = Image.new(picture.mode, (width, height), fill[0] if len(fill) == 1 else tuple(fill))
    canvas.paste(picture, (_offset(width, picture.width), _offset(height, picture.height)))
    return canvas


def _offset(outer: int, inner: int) -> int:
    """Where the picture begins in the result, rounded as torchvision's CenterCrop does."""
    return (outer - inner) // 2 if outer > inner else -round((inner - outer) / 2)


def _fields(module: nn.Module, attribute: str) -> Mapping[str, Any] | None:
    """A configuration that says at least one thing that can be used; None: there is none."""
    try:
        found = getattr(module, attribute, None)
        # timm keeps a dict on its models, and a dataclass in its registry
        fields = found if isinstance(found, Mapping) else vars(found)
        fields = {str(key): value for key, value in fields.items()}
    except Exception:  # a property of the user's that raises, an object without attributes
        return None
    word = _word(fields, "interpolation", _RESAMPLING)
    read = (_size(fields), _crop(fields), word, _numbers_of(fields, "mean"))
    return fields if any(value is not None for value in read) else None


def _configured(fields: Mapping[str, Any], owner: str, channels: int | None) -> Recipe:
    """What a configuration asks for; timm's defaults where it does not, or not sensibly."""
    size, crop = _size(fields), _crop(fields)
    interpolation = _word(fields, "interpolation", _RESAMPLING)
    mode = _word(fields, "crop_mode", _MODES)
    mean, std = _numbers_of(fields, "mean"), _numbers_of(fields, "std")
    if std is not None and min(std) <= 0:
        std = None
    read = (size, crop, mode, interpolation, mean, std)
    keys = ("input_size", "crop_pct", "crop_mode", "interpolation", "mean", "std")
    unusable = [
        key
        for key, value in zip(keys, read, strict=True)
        if value is None and fields.get(key) is not None
    ]
    source = f"Decided from {owner}"
    if unusable:
        source += f" (its {', '.join(unusable)} cannot be used, so timm's default is)"
    if channels is None:
        channels = size[0] if size is not None else 3
    return Recipe(
        size=size[1:] if size is not None else (224, 224),
        crop=crop or 0.875,
        crop_mode=mode or "center",
        interpolation=interpolation or "bicubic",
        mean=_spread(mean or IMAGENET_MEAN, channels),
        std=_spread(std or IMAGENET_STD, channels),
        source=source,
        is_default=False,
    )


def _size(fields: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """(channels, height, width), if a picture can have them."""
    try:
        channels, height, width = (operator.index(side) for side in fields["input_size"])
    except Exception:
        return None
    fits = channels in (1, 3) and min(height, width) >= 1 and max(height, width) <= _MAX_SIDE
    return (channels, height, width) if fits else None


def _crop(fields: Mapping[str, Any]) -> float | None:
    try:
        crop = float(fields["crop_pct"])
    except Exception:
        return None
    return crop if 0.05 <= crop <= 2 else None


def _word(fields: Mapping[str, Any], key: str, known: Collection[str]) -> str | None:
    word = fields.get(key)
    return word if isinstance(word, str) and word in known else None


def _numbers_of(fields: Mapping[str, Any], key: str) -> tuple[float, ...] | None:
    """One or three finite numbers."""
    value: Any = fields.get(key)
    try:
        numbers = tuple(float(n) for n in (value if np.ndim(value) else [value]))
    except Exception:
        return None
    return numbers if len(numbers) in (1, 3) and all(map(math.isfinite, numbers)) else None


def _channels(layers: Sequence[Layer], first: object, prefix: str) -> int | None:
    """What the first convolution takes, if that can be a picture: 1, 3, or None.

    A configuration names it; else it is the first 2-D one, a guess from the order of registration.
    """
    named = [first] if isinstance(first, str) else first if isinstance(first, list | tuple) else []
    paths = {f"{prefix}.{name}" if prefix else name for name in named}
    convs = [la for la in layers if la.kind == "conv" and len(la.kernel_size or ()) == 2]
    for conv in [la for la in convs if la.name in paths] or convs[:1]:
        if conv.in_channels in (1, 3):
            return conv.in_channels
    return None


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One number for each channel: repeated, or their mean for gray."""
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels


def _numbers(values: tuple[float, ...]) -> str:
    """As few digits as say them: 0.5 rather than (0.5, 0.5, 0.5)."""
    short = [f"{value:.4g}" for value in values]
    return short[0] if len(set(short)) == 1 else f"({', '.join(short)})"
