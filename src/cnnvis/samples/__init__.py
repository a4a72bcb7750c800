"""A small trained network and a photograph, shipped so that everything works with no network.

What they are and where they come from stands in README.md beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

import safetensors
import torch
from PIL import Image

if TYPE_CHECKING:
    from cnnvis.samples.network import SampleNet

_FOLDER = resources.files(__name__)


def model() -> SampleNet:
    """The trained network, in eval mode, float32, on the CPU; each call gives a new one.

    It takes (N, 3, H, W) normalized as ImageNet's networks do, and tells which of the photographs
    that it was trained on a picture was cut from; `labels` names them.
    """
    from cnnvis.samples.network import SampleNet  # its classes are only needed here

    with _weights() as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network = SampleNet(len(labels()))
    network.load_state_dict(
        {name: v.to(torch.float32) if v.is_floating_point() else v for name, v in state.items()}
    )
    return network.eval()


def labels() -> list[str]:
    """What each output of the network stands for."""
    with _weights() as file:
        known: list[str] = json.loads(file.metadata()["labels"])
    return known


def image() -> Image.Image:
    """The photograph of a cat, RGB, 451 x 300 pixels."""
    with resources.as_file(_FOLDER / "photo.jpg") as path, Image.open(path) as picture:
        return picture.convert("RGB")


@contextmanager
def _weights() -> Generator[Any]:
    """The open weights' file."""
    path = _FOLDER / "sample.safetensors"
    with resources.as_file(path) as real, safetensors.safe_open(real, "pt") as file:
        yield file
