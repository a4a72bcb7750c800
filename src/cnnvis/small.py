"""A picture as a PNG of no more than so many bytes: what is shown where nothing can be drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_COLORS = (64, 16)
_FAST = 2  # Pillow's Quantize.FASTOCTREE, which needs no import before a picture is drawn
_SHRINK = 0.75
_LEAST_WIDTH = 160


def small_png(picture: Image.Image, max_bytes: int) -> bytes:
    """The picture with fewer colors, and then fewer pixels, until it fits.

    Args:
        picture: Of mode RGB.
        max_bytes: What the PNG may weigh.

    Returns:
        The PNG; empty where it would be too small to be of use.
    """
    while picture.width >= _LEAST_WIDTH:
        for colors in _COLORS:
            content = png(picture.quantize(colors, _FAST))
            if len(content) <= max_bytes:
                return content
        width, height = (max(1, int(side * _SHRINK)) for side in picture.size)
        picture = picture.resize((width, height))
    return b""


def png(picture: Image.Image) -> bytes:
    """The picture as the bytes of a PNG."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
