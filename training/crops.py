"""Crops of photographs: cut at many sizes, turned, mirrored, and changed in light and color."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

SIDE = 96
"""Of a crop, in pixels."""

HELD_OUT = 0.2
"""Share of each photograph's width, at the right, that is kept out of training."""

_MEAN = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
_STD = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Versions:
    """One photograph at falling sizes, so that a crop of any size is cut from pixels about its own."""

    train: list[Pixels]
    held_out: list[Pixels]


def versions(picture: Image.Image) -> Versions:
    """The photograph's two parts at sizes that fall by the square root of 2."""
    train: list[Pixels] = []
    held_out: list[Pixels] = []
    for level in range(5):
        width, height = (round(length * 2 ** (-level / 2)) for length in picture.size)
        if min(width * HELD_OUT, height) < 24 or min(width, height) < SIDE:
            break
        pixels = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
        cut = round(width * (1 - HELD_OUT))
        train.append(pixels[:, :cut])
        held_out.append(pixels[:, cut:])
    return Versions(train, held_out)


def square(parts: list[Pixels], random: np.random.Generator) -> Image.Image:
    """A square of 0.7 to 1.5 crops a side, from a version taken by chance."""
    pixels = parts[random.integers(len(parts))]
    height, width, _ = pixels.shape
    side = min(round(SIDE * math.exp(random.uniform(math.log(0.7), math.log(1.5)))), height, width)
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    return Image.fromarray(pixels[top : top + side, left : left + side])


def batch(
    photographs: list[Versions], size: int, random: np.random.Generator, *, train: bool
) -> Batch:
    """Crops (size, 3, SIDE, SIDE) uint8, which photograph each is from, and its quarter turns."""
    crops = torch.empty(size, 3, SIDE, SIDE, dtype=torch.uint8)
    which = random.integers(len(photographs), size=size)
    turns = random.integers(4, size=size)
    for i in range(size):
        parts = photographs[which[i]]
        picture = square(parts.train if train else parts.held_out, random)
        if train:  # a little of any angle beside the quarter turns, without empty corners
            picture = picture.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR)
            inset = round(0.1 * min(picture.size))
            picture = picture.crop((inset, inset, picture.width - inset, picture.height - inset))
        pixels = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        if train and random.random() < 0.5:
            pixels = pixels[:, ::-1]
        crops[i] = torch.from_numpy(np.rot90(pixels, turns[i]).copy()).permute(2, 0, 1)
    return crops, torch.from_numpy(which), torch.from_numpy(turns)


class Batches(IterableDataset[Batch]):
    """Training batches for ever; for a DataLoader, which makes them in another process."""

    def __init__(self, photographs: list[Versions], size: int, seed: int) -> None:
        self.photographs, self.size, self.seed = photographs, size, seed

    def __iter__(self) -> Iterator[Batch]:
        random = np.random.default_rng(self.seed)
        while True:
            yield batch(self.photographs, self.size, random, train=True)


def jittered(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Light, contrast, saturation and hue changed; a quarter turned gray. (N, 3, H, W) in [0, 1]."""

    def between(lo: float, hi: float) -> Tensor:
        return torch.empty(len(crops), 1, 1, 1).uniform_(lo, hi, generator=generator)

    gray = (crops * torch.tensor((0.299, 0.587, 0.114)).view(3, 1, 1)).sum(1, keepdim=True)
    saturation = between(0.3, 1.6) * (between(0, 1) > 0.25)
    crops = gray + (crops - gray) * saturation
    # a turn about the gray axis (Rodrigues' formula) is a change of hue
    angle = between(-0.7, 0.7).flatten()
    cos, sin = angle.cos(), angle.sin() / math.sqrt(3)
    third = (1 - cos) / 3
    rows = torch.stack((cos + third, third - sin, third + sin), 1)
    matrix = torch.stack((rows, rows.roll(1, 1), rows.roll(2, 1)), 1)
    crops = torch.einsum("nij,njhw->nihw", matrix, crops)
    mean = crops.mean((1, 2, 3), keepdim=True)
    crops = (crops - mean) * between(0.6, 1.4) + mean * between(0.6, 1.4)
    return crops.clamp(0, 1)


def normalized(crops: Tensor) -> Tensor:
    """Crops in [0, 1] as the network takes them: with ImageNet's mean and standard deviation."""
    return ((crops - _MEAN) / _STD).to(memory_format=torch.channels_last)
