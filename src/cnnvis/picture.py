"""Whatever holds a picture, as an 8-bit PIL image of mode L or RGB, the right way up.

Files, bytes, PIL images and arrays are read here; nothing is fetched over a network.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

MAX_PIXELS = 50_000_000
"""Of one picture. As float RGB that is 600 MB; Pillow itself warns at 89 million only."""

# no EPS, whose reader runs Ghostscript on what may come from anywhere
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")

# Where Pillow before 10.3 makes 32-bit pictures of files that hold 16 bits: these mean 0 to 65535
# even if no pixel is above 255
_SIXTEEN_BITS = ("PNG", "PPM")

_MAX_BYTES = 1 << 30
"""Of a file object; an uncompressed picture of `MAX_PIXELS` with 16 bits a channel has 400 MB."""

_CHUNK = 1 << 20
"""Numbers that are scaled at once."""

_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]+://|data:")


class ImageError(ValueError):
    """The image cannot be read, or does not fit the model."""


def open_picture(image: Any, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture as mode L (gray) or RGB, and what a person might not expect of it.

    EXIF orientation is applied, transparency laid on white. What was passed stays as it was.

    Args:
        image: One of

            - a path of a regular file, bytes, or a binary file object (read from where it stands,
              and set back there), in a format of `FORMATS`. Of an animation, the first frame.
            - a PIL image of any mode; of an animation, the frame it stands at.
            - an array (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels.
              bool: white where true. uint8: 0 to 255. uint16: 0 to 65535. Other integers: 0 to 255,
              or to 65535 where one is above 255. Floats: 0 to 1, or to 255 where one is above 1.
              They are rounded to 8 bits; anything outside these ranges, NaN included, is refused.
        max_pixels: Largest picture to read, checked before it is decoded.

    Returns:
        The picture, in memory of its own, and notes of a sentence each.

    Raises:
        ImageError: It cannot be read.
        TypeError: image is none of these.
    """
    notes: list[str] = []
    opened = _open(image, max_pixels, notes)
    try:
        picture = _plain(opened, notes)
    except ImageError:
        raise
    except Exception as error:  # a palette or a transparency that does not fit the pixels
        raise _unreadable("a picture whose colors cannot be converted", error) from error
    return picture, tuple(notes)


def open_stack(
    stack: np.ndarray[Any, Any], max_pixels: int = MAX_PIXELS
) -> list[tuple[Image.Image, tuple[str, ...]]]:
    """What `open_picture` gives for each array of a stack (N, ...), all on one scale.

    A scene at night that holds 0 and 1 of 255 only would else be read as black and white.

    Raises:
        ImageError: They cannot be read.
    """
    if stack.size == 0:
        raise _empty(stack.shape)
    notes: list[str] = []
    top = _top(stack, notes)
    pictures = []
    for array in stack:
        more: list[str] = []
        picture = _plain(_from_array(array, max_pixels, more, top), more)
        pictures.append((picture, (*notes, *more)))
    return pictures


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Refuses what is larger, with an ImageError."""
    if width * height > max_pixels:
        raise ImageError(
            f"an image must have at most {max_pixels:,} pixels, received {width} × {height} = "
            f"{width * height:,}; shrink it first, or raise max_pixels"
        )


def _open(image: Any, max_pixels: int, notes: list[str]) -> Image.Image:
    """A decoded, upright copy in any mode. Notes are added to `notes`, here and below."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _decode(bytes(image), "the bytes", max_pixels, notes)
    if isinstance(image, (str, os.PathLike)):
        return _decode(_checked_path(image), _quote(image), max_pixels, notes)
    if isinstance(image, Image.Image):
        return _loaded(image, "the PIL image", max_pixels, notes)
    if callable(getattr(image, "read", None)):
        return _decode(_read_file(image), "the file object", max_pixels, notes)
    if hasattr(image, "__array__") and not isinstance(image, type):
        return _from_array(_asarray(image), max_pixels, notes)
    # as_batch takes tensors and lists itself: the sentence names all that a person may pass
    raise TypeError(
        "image must be a path, bytes, a binary file, a PIL image, an array (H, W), (H, W, C) or "
        "(C, H, W), a tensor (H, W), (C, H, W) or (N, C, H, W), or a list of these, "
        f"received {type(image).__name__}; pass one of those"
    )


def _asarray(image: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(image)
    except Exception as error:  # any library's array, or what calls itself one
        raise ImageError(
            f"an array must be readable by numpy.asarray, received {type(image).__name__} "
            f"({type(error).__name__}: {error}); convert it to a NumPy array first"
        ) from error


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
        step = "nothing is downloaded here: fetch it first and pass its bytes"
        if text.lower().startswith("file:"):
            step = "pass the path alone, without file://"
        raise ImageError(
            f"a path must name a file on this machine, received the URL {_quote(text)}; {step}"
        )
    file = Path(text)
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        step = f"check it against the working directory, {_working_directory()}"
        if text.startswith("~"):
            step = "write the home directory out, with pathlib.Path(path).expanduser()"
        raise ImageError(
            f"a path must name a file that exists, received {_quote(text)}; {step}"
        ) from None
    except (OSError, ValueError) as error:
        raise ImageError(
            f"a path must name a file that can be read, received {_quote(text)} ({error}); "
            "check the path and its permissions"
        ) from None
    if stat.S_ISDIR(mode):
        raise ImageError(
            f"a path must name a file, received the directory {_quote(text)}; "
            "for several images pass a list of paths"
        )
    if not stat.S_ISREG(mode):
        raise ImageError(
            f"a path must name a regular file, received {_quote(text)}, a pipe, socket or device; "
            "read it yourself and pass the bytes"
        )
    return file


def _read_file(file: Any) -> bytes:
    try:
        seekable = getattr(file, "seekable", None)
        start = file.tell() if callable(seekable) and seekable() else None
        content = file.read(_MAX_BYTES + 1)  # a device's file would never end
        if start is not None:
            file.seek(start)
    except Exception as error:  # whatever the file's own class raises
        raise ImageError(
            f"a file object must be open for reading, received {type(file).__name__} ({error}); "
            "open it with open(path, 'rb')"
        ) from error
    if not isinstance(content, (bytes, bytearray)):
        raise TypeError(
            f"a file object must be binary, received one that reads {type(content).__name__}; "
            "open it with open(path, 'rb')"
        )
    if len(content) > _MAX_BYTES:
        raise ImageError(
            f"a file object must hold at most {_MAX_BYTES:,} bytes, received "
            f"{type(file).__name__} with more; pass the path of the file"
        )
    return bytes(content)


def _working_directory() -> str:
    try:
        return _quote(Path.cwd())
    except OSError:  # it was removed
        return "which does not exist any more"


def _decode(source: bytes | Path, what: str, max_pixels: int, notes: list[str]) -> Image.Image:
    try:
        empty = source.stat().st_size == 0 if isinstance(source, Path) else not source
    except OSError as error:  # it was there a moment ago
        raise _unreadable(what, error) from error
    if empty:
        raise ImageError(
            f"an image must hold at least one byte, received {what}, which is empty; "
            "check that it was written, and that a file is read from its start"
        )
    Image.init()
    try:
        with warnings.catch_warnings():
            # ours is the lower limit, and an error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(
                io.BytesIO(source) if isinstance(source, bytes) else source,
                formats=[name for name in FORMATS if name in Image.OPEN],
            )
    except Exception as error:  # Pillow's readers raise a dozen types on broken files
        raise _unreadable(what, error) from error
    with opened:
        return _loaded(opened, what, max_pixels, notes)


def _loaded(image: Image.Image, what: str, max_pixels: int, notes: list[str]) -> Image.Image:
    """A copy with its pixels read, turned as its EXIF orientation says."""
    check_pixels(*image.size, max_pixels)
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
    # an icon is only now known to hold more than its header says
    check_pixels(*image.size, max_pixels)
    if image.mode == "I" and image.format in _SIXTEEN_BITS:
        image = image.convert("I;16")
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


def _empty(shape: tuple[int, ...]) -> ImageError:
    return ImageError(
        f"an array must hold at least one pixel, received shape {shape}; check how it was cropped"
    )


def _from_array(
    array: np.ndarray[Any, Any], max_pixels: int, notes: list[str], top: float | None = None
) -> Image.Image:
    """An array as an 8-bit PIL image: L, RGB or RGBA. top is what means white, None: see `_top`."""
    shape = array.shape
    if array.size == 0:
        raise _empty(shape)
    first, last = (array.ndim == 3 and shape[axis] in (1, 3, 4) for axis in (0, 2))
    if first and last:
        raise ImageError(
            "an array must be clearly (H, W, C) or (C, H, W) with 1, 3 or 4 channels, received "
            f"shape {shape}, which can be both; pass PIL.Image.fromarray(array) or a tensor "
            "(C, H, W)"
        )
    if not (first or last or array.ndim == 2):
        raise ImageError(
            "an array must be (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels, received "
            f"shape {shape}; for other inputs pass a tensor (N, C, H, W)"
        )
    if first:
        array = array.transpose(1, 2, 0)
    check_pixels(array.shape[1], array.shape[0], max_pixels)
    pixels = _eight_bits(array, _top(array, notes) if top is None else top)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _top(array: np.ndarray[Any, Any], notes: list[str]) -> float:
    """Which number means white, by the one rule that `open_picture` states; black is 0."""
    dtype, is_float = array.dtype.name, array.dtype.kind == "f"
    if dtype in ("bool", "uint8"):
        return 1 if dtype == "bool" else 255
    if array.dtype.kind not in "iuf":
        raise ImageError(
            f"an array must hold bool, integer or float numbers, received dtype {dtype}; "
            "convert it with array.astype('uint8')"
        )
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(
            f"an array must hold finite numbers, received a {dtype} array with NaN or infinity; "
            "replace them with numpy.nan_to_num, or pass a tensor, which is taken as it is"
        )
    small, large = (1, 255) if is_float else (255, 65535)
    slack = 1e-3 if is_float else 0  # a resampled picture may overshoot a little
    top = large if dtype == "uint16" or high > small * (1 + slack) else small
    if low < -slack * top or high > top * (1 + slack):
        raise ImageError(
            f"a {dtype} image must lie in [0, {small}] or [0, {large}], received values from "
            f"{low:g} to {high:g}; scale it, or pass a tensor, which is taken as it is"
        )
    if dtype == "uint16" and high <= 255:
        notes.append(
            f"No value is above 255, yet {dtype} means 0 to 65535: the picture is almost black. "
            "If it holds 0 to 255, pass it as uint8."
        )
    elif top != 255:
        notes.append(f"The values, {dtype} from 0 to {top}, were rounded to 8 bits.")
    return top


def _eight_bits(array: np.ndarray[Any, Any], top: float) -> np.ndarray[Any, Any]:
    """Brightness 0 to 255 of numbers from 0 to top."""
    if array.dtype == np.uint8:
        return array
    codes = np.empty(array.shape, np.uint8)
    # some rows at a time: as float64 the whole is 8 times larger
    step = max(1, _CHUNK // math.prod(array.shape[1:]))
    for row in range(0, len(array), step):
        scaled = array[row : row + step].astype(np.float64)
        scaled *= 255 / top
        codes[row : row + step] = np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled)
    return codes


def _plain(image: Image.Image, notes: list[str]) -> Image.Image:
    """Any mode as L or RGB: colors converted, depth scaled, transparency laid on white."""
    if image.mode.startswith(("I", "F")):
        # convert() would clip at 255
        values = np.asarray(image)
        return Image.fromarray(_eight_bits(values, _top(values, notes)))
    if image.has_transparency_data:
        # Pillow has no way from La to RGBA but this
        layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            notes.append("Transparent parts were laid on white.")
        white = Image.new("RGBA", layer.size, "white")
        rgb = Image.alpha_composite(white, layer).convert("RGB")
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


def _quote(path: str | os.PathLike[Any]) -> str:
    """A path as it can be shown anywhere: escaped, and cut if it is long."""
    name = repr(os.fsdecode(path))
    return name if len(name) <= 200 else f"{name[:120]}…{name[-60:]}"
