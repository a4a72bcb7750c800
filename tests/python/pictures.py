"""Pictures for the tests, and what a refusal must say."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image


def photo(width: int = 300, height: int = 260, seed: int = 0) -> Image.Image:
    """Smooth colors and some noise."""
    noise = np.random.default_rng(seed).integers(0, 60, (height, width, 3))
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 190 // width, y * 190 // height, (x + y) % 190], 2)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def encoded(image: Image.Image, format: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **settings)
    return file.getvalue()


def encoded_deep(gray: np.ndarray[Any, Any], format: str) -> bytes:
    """A file of 16 bits a pixel, from uint16 (height, width)."""
    if format == "PPM":  # which older Pillows read, and do not write
        return b"P5\n%d %d\n65535\n" % gray.shape[::-1] + gray.astype(">u2").tobytes()
    return encoded(Image.fromarray(gray), format)


def fails(call: Callable[[], object], kind: type[Exception], *parts: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), str(caught.value)
