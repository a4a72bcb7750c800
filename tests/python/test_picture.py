"""Pictures in every form: the laws of `open_picture`, Pillow as the judge, and its refusals."""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pictures import encoded, fails, photo
from PIL import Image, ImageOps

from cnnvis.picture import FORMATS, MAX_PIXELS, ImageError, open_picture


def picture(image: Any, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """What is opened, once its mode and notes are as they must be."""
    opened, notes = open_picture(image, max_pixels)
    assert opened.mode in ("L", "RGB")
    assert all(note.endswith(".") for note in notes)
    return opened


def same(a: Image.Image, b: Image.Image) -> bool:
    # not a == b, which compares what their files said besides
    return (a.mode, a.size, a.tobytes()) == (b.mode, b.size, b.tobytes())


# ---------------------------------------------------------------- files


def test_path_bytes_file_and_image_give_the_same(tmp_path: Path) -> None:
    content = encoded(photo(), "PNG")
    path = tmp_path / "a photo.png"
    path.write_bytes(content)
    file = io.BytesIO(b"head" + content)
    file.seek(4)
    forms = [path, str(path), content, bytearray(content), memoryview(content), file, photo()]
    with path.open("rb") as opened:
        for form in [*forms, opened]:
            assert same(picture(form), photo()), type(form)
    assert file.tell() == 4
    assert same(picture(Image.open(path)), photo())


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA"])
def test_each_usual_format_is_read(name: str) -> None:
    assert picture(encoded(photo(64, 64), name)).size == (64, 64)
    assert name in FORMATS


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(photo(32, 25), "PNG", exif=exif)
    opened, notes = open_picture(content)
    assert same(opened, ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert bool(notes) == (orientation > 1)
    if orientation > 1:
        assert "EXIF" in notes[0]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_hide_the_picture() -> None:
    content = encoded(photo(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\0")
    assert same(picture(content), picture(encoded(photo(), "JPEG")))


def test_an_animation_gives_its_first_frame_and_says_so() -> None:
    frames = [photo(64, 64, seed).convert("L") for seed in range(3)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    first, notes = open_picture(content)
    assert same(first, frames[0].convert("RGB"))
    assert notes == ("Frame 1 of 3: the others were not looked at.",)
    opened = Image.open(io.BytesIO(content))
    opened.seek(1)
    assert open_picture(opened)[1][0].startswith("Frame 2 of 3")
    assert opened.tell() == 1


def png_claiming(width: int, height: int) -> bytes:
    """A file of 67 bytes that says it holds so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [7_100, 9_000, 14_000, 60_000])
def test_too_many_pixels_are_refused_before_decoding(side: int) -> None:
    limit = () if side > 13_000 else ("at most 50,000,000 pixels", f"{side} × {side}", "shrink it")
    fails(lambda: open_picture(png_claiming(side, side)), ImageError, *limit)


def test_the_pixel_limit_is_an_argument_and_holds_for_arrays() -> None:
    huge = np.broadcast_to(np.uint8(0), (10**6, 10**6))
    fails(lambda: open_picture(huge), ImageError, "received 1000000 × 1000000", "raise max_pixels")
    fails(lambda: open_picture(photo(), 100), ImageError, "at most 100 pixels")
    assert same(picture(photo(), 300 * 260), photo())


def test_paths_that_are_no_image_files_each_say_why(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.write_bytes(b"")
    text.write_text("no image")
    postscript = tmp_path / "postscript.png"
    postscript.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    cases: list[tuple[Any, tuple[str, ...]]] = [
        ("", ("empty string", "pass the file's path")),
        ("a\0b.png", ("no NUL character", "'a\\x00b.png'", "pass them as bytes")),
        ("https://example.org/cat.jpg", ("received the URL 'https:", "nothing is downloaded")),
        ("data:image/png;base64,AAAA", ("received the URL", "pass its bytes")),
        (tmp_path / "missing.png", ("a file that exists", "missing.png", "working directory")),
        (tmp_path, ("received the directory", "pass a list of paths")),
        (empty, ("at least one byte", "empty.png", "check that it was written")),
        (text, ("formats PNG, JPEG", "text.png", "save it again as PNG")),
        (postscript, ("formats PNG, JPEG", "postscript.png")),
        ("x" * 5000, ("can be read", "…", "check the path")),
        (b"", ("received the bytes, which is empty",)),
        (io.BytesIO(), ("received the file object, which is empty", "read from its start")),
        (b"no image", ("received the bytes", "UnidentifiedImageError")),
        ("\ud800.png", ("a file",)),
    ]
    for image, parts in cases:
        fails(lambda image=image: open_picture(image), ImageError, *parts)  # type: ignore[misc]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")
def test_pipes_and_sockets_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.png"
    os.mkfifo(fifo)
    fails(lambda: open_picture(fifo), ImageError, "a regular file", "pipe.png", "pass the bytes")
    fails(lambda: open_picture("/dev/zero"), ImageError, "a regular file")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path is short
        try:
            server.bind("s")
            fails(lambda: open_picture("s"), ImageError, "socket")
        finally:
            os.chdir(here)


def test_file_objects_that_are_not_binary_or_closed_are_refused(tmp_path: Path) -> None:
    fails(lambda: open_picture(io.StringIO("x")), TypeError, "must be binary", "str", "'rb'")
    closed = io.BytesIO(b"x")
    closed.close()
    fails(lambda: open_picture(closed), ImageError, "open for reading", "BytesIO")
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(), "PNG"))
    image = Image.open(path)
    image.close()
    fails(lambda: open_picture(image), ImageError, "received the PIL image")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
@pytest.mark.filterwarnings("ignore")  # Pillow's, about what is broken
def test_damaged_files_give_a_picture_or_an_image_error(format: str) -> None:
    whole = encoded(photo(40, 30), format)
    dice = random.Random(7)
    refused = 0
    for _ in range(80):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        if dice.random() < 0.3:
            broken = broken[: dice.randrange(1, len(broken))]
        try:
            # small enough to read whatever size the broken header says
            picture(bytes(broken), 1_000_000)
        except ImageError:
            refused += 1
    assert 0 < refused < 80


# ---------------------------------------------------------------- PIL modes


def in_mode(mode: str) -> Image.Image:
    image = photo(64, 48)
    if mode in ("La", "RGBa"):
        return image.convert(mode.upper()).convert(mode)
    if mode.startswith("I;16"):
        deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.frombytes(mode, image.size, deep.astype(
            ">u2" if mode.endswith("B") else "=u2" if mode.endswith("N") else "<u2"
        ).tobytes())  # fmt: skip
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        made = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        assert made is not None
        return made
    if mode == "PA":
        return image.convert("P").convert("PA")
    return image.convert(mode)


GRAY = ["L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"]
COLOR = ["RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]


@pytest.mark.parametrize("mode", [*GRAY, *COLOR, "1", "P", "PA"])
def test_every_mode_looks_like_the_picture_it_came_from(mode: str) -> None:
    image = in_mode(mode)
    assert image.mode == mode
    before = image.tobytes()
    opened = picture(image)
    assert opened.mode == ("L" if mode in [*GRAY, "1"] else "RGB")
    assert (image.mode, image.tobytes()) == (mode, before)
    source = photo(64, 48).convert("L") if mode in GRAY else photo(64, 48)
    if mode in ("1", "P", "PA"):  # these dither
        source = source.convert(mode[0]).convert("RGB")
    expected = np.asarray(source.convert("RGB")).astype(int)
    seen = np.asarray(opened.convert("RGB")).astype(int)
    # color spaces round; an index or a clipped depth would be far off
    assert np.abs(seen - expected).mean() < 3


def test_transparency_is_laid_on_white_and_hides_what_is_under_it() -> None:
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    for image in (clear, Image.new("PA", (30, 30), (1, 0)), Image.new("LA", (30, 30), 0)):
        opened, notes = open_picture(image)
        assert opened.convert("RGB").getextrema() == ((255, 255),) * 3
        assert notes == ("Transparent parts were laid on white.",)
    palette = Image.new("P", (30, 30), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.info["transparency"] = 1
    assert picture(palette).getextrema() == ((255, 255),) * 3
    assert open_picture(Image.new("RGBA", (30, 30), "red"))[1] == ()


def test_sixteen_bits_are_scaled_by_their_depth() -> None:
    ramp = np.linspace(0, 65535, 256 * 256).reshape(256, 256).astype(np.uint16)
    image = Image.fromarray(ramp)
    for form in (image, ramp, encoded(image, "PNG"), encoded(image, "TIFF")):
        shown = np.asarray(picture(form)).astype(float)
        assert np.abs(shown - ramp / 257).max() <= 0.5 + 1e-6
    _, notes = open_picture(np.full((9, 9), 200, np.uint16))
    assert "almost black" in notes[0]


def test_floats_in_pil_images_follow_the_rule_of_arrays() -> None:
    values = np.linspace(0, 1, 900, dtype=np.float32).reshape(30, 30)
    assert same(picture(Image.fromarray(values)), picture(Image.fromarray(values * 255)))
    far = Image.fromarray(values * 1e4)
    fails(lambda: open_picture(far), ImageError, "[0, 1] or [0, 255]", "from 0 to 10000")


# ---------------------------------------------------------------- arrays

pixels = arrays.arrays(
    np.uint8, st.tuples(st.integers(5, 40), st.integers(5, 40), st.sampled_from([1, 3, 4]))
)


@given(pixels)
@settings(max_examples=30)
def test_layout_and_storage_of_an_array_do_not_matter(array: np.ndarray[Any, Any]) -> None:
    expected = picture(array)
    backwards = array[::-1, ::-1].copy()[::-1, ::-1]  # negative strides
    readonly = array.copy()
    readonly.flags.writeable = False
    big_endian = (array.astype(">u2") * 257).astype(">u2")
    forms = [
        array.transpose(2, 0, 1), np.ascontiguousarray(array.transpose(2, 0, 1)),
        np.asfortranarray(array), backwards, readonly, big_endian, array.astype(np.float64),
        array.astype(np.float32) / 255, array.astype(">f4"), array.astype(np.int64),
    ]  # fmt: skip
    if array.shape[2] == 1:
        forms.append(array[:, :, 0])
    for i, form in enumerate(forms):
        ambiguous_scale = form.dtype.kind == "f" and array.max() <= 1
        if not ambiguous_scale:
            assert same(picture(form), expected), i


@given(pixels)
@settings(max_examples=10)
def test_an_array_is_read_as_pil_reads_it(array: np.ndarray[Any, Any]) -> None:
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    assert same(picture(array), picture(image))


def test_booleans_are_black_and_white() -> None:
    half = np.arange(32 * 32).reshape(32, 32) % 2 == 0
    assert same(picture(half), Image.fromarray(half.astype(np.uint8) * 255))


def test_arrays_that_could_be_read_two_ways_or_none_are_refused() -> None:
    zeros = np.zeros
    cases = [
        (zeros((3, 40, 3)), ("clearly (H, W, C) or (C, H, W)", "(3, 40, 3)", "can be both")),
        (zeros((1, 40, 3)), ("can be both", "PIL.Image.fromarray")),
        (zeros((3, 3, 3)), ("can be both",)),
        (zeros((40, 40, 2)), ("1, 3 or 4 channels, received shape (40, 40, 2)", "pass a tensor")),
        (zeros(40), ("received shape (40,)",)),
        (zeros((2, 2, 2, 2, 2)), ("received shape (2, 2, 2, 2, 2)",)),
        (zeros((0, 40, 3)), ("at least one pixel, received shape (0, 40, 3)", "cropped")),
        (zeros((40, 40), complex), ("bool, integer or float", "complex128", "astype")),
        (np.full((40, 40), None), ("received dtype object",)),
        (np.full((40, 40), "x"), ("dtype str",)),
        (np.full((40, 40), np.nan), ("finite numbers", "float64", "nan_to_num")),
        (np.full((40, 40), np.inf, np.float16), ("finite numbers", "float16")),
        (np.full((40, 40), -0.5), ("[0, 1] or [0, 255]", "from -0.5 to -0.5", "scale it")),
        (np.full((40, 40), 300.0), ("from 300 to 300",)),
        (np.full((40, 40), -1), ("[0, 255] or [0, 65535]", "from -1 to -1")),
        (np.full((40, 40), 70_000), ("from 70000 to 70000",)),
    ]
    for array, parts in cases:
        fails(lambda array=array: open_picture(array), ImageError, *parts)  # type: ignore[misc]


def test_a_little_overshoot_of_resampling_is_clipped() -> None:
    array = np.linspace(-0.0005, 1.0005, 900).reshape(30, 30)
    assert same(picture(array), picture(array.clip(0, 1)))
