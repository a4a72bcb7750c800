"""Pictures in every form: the laws of `open_picture`, Pillow as the judge, and its refusals."""

from __future__ import annotations

import colorsys
import io
import os
import socket
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pictures import encoded, encoded_deep, fails, photo
from PIL import Image, ImageOps

from cnnvis.picture import FORMATS, MAX_PIXELS, ImageError, open_picture, open_stack


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


def paths(folder: Path) -> list[tuple[Any, tuple[str, ...]]]:
    """What stands where a path belongs and is no image, and what is said of it."""
    empty, text = folder / "empty.png", folder / "text.png"
    empty.write_bytes(b"")
    text.write_text("no image")
    contents = {
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "document.png": b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\n",
        "archive.png": b"PK\x03\x04" + bytes(60),
        "half.png": encoded(photo(), "PNG")[:5000],
        "zeros.png": bytes(100_000),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "loop.png").symlink_to(folder / "pool.png")
    (folder / "pool.png").symlink_to(folder / "loop.png")
    (folder / "dangling.png").symlink_to(folder / "gone.png")
    (folder / "folder.png").symlink_to(folder)
    (folder / "nothing.png").symlink_to(empty)
    return [
        ("", ("empty string", "pass the file's path")),
        (b"", ("received the bytes, which is empty",)),
        ("a\0b.png", ("no NUL character", "'a\\x00b.png'", "pass them as bytes")),
        ("\0", ("no NUL character",)),
        ("https://example.org/cat.jpg", ("received the URL 'https:", "nothing is downloaded")),
        ("HTTP://example.org/cat.jpg", ("received the URL", "fetch it first")),
        ("s3://bucket/cat.jpg", ("received the URL", "fetch it first")),
        ("data:image/png;base64,AAAA", ("received the URL", "pass its bytes")),
        (f"file://{folder}/half.png", ("received the URL", "pass the path alone, without file://")),
        (folder / "missing.png", ("a file that exists", "missing.png", "working directory")),
        (folder / "text.png" / "a.png", ("a path must name a file", "check the path")),
        ("~/no such picture.png", ("a file that exists", "expanduser()")),
        (folder, ("received the directory", "pass a list of paths")),
        (".", ("received the directory",)),
        (folder / "folder.png", ("received the directory",)),
        (empty, ("at least one byte", "empty.png", "check that it was written")),
        (folder / "nothing.png", ("at least one byte",)),
        (text, ("formats PNG, JPEG", "text.png", "save it again as PNG")),
        (str(text), ("text.png",)),
        (os.fspath(text) + "/", ("text.png",)),
        *((folder / name, ("formats PNG, JPEG", name, "save it again")) for name in contents),
        (folder / "loop.png", ("can be read", "loop.png", "check the path and its permissions")),
        (folder / "dangling.png", ("a file that exists", "dangling.png")),
        ("x" * 5000, ("can be read", "…", "check the path")),
        ("/".join(["x"] * 5000), ("…", "check")),
        ("\ud800.png", ("a file",)),
        ("\n\t</script>.png", ("</script>",)),
    ]


def test_paths_that_are_no_image_files_each_say_why(tmp_path: Path) -> None:
    cases = paths(tmp_path)
    assert len(cases) >= 20
    for image, parts in cases:
        start = time.process_time()
        fails(lambda image=image: open_picture(image), ImageError, *parts)  # type: ignore[misc]
        assert time.process_time() - start < 2
    fails(
        lambda: open_picture(io.BytesIO()), ImageError, "the file object, which is empty", "start"
    )
    fails(lambda: open_picture(b"no image"), ImageError, "received the bytes", "Unidentified")


def test_a_working_directory_that_was_removed_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    fails(lambda: open_picture("missing.png"), ImageError, "which does not exist any more")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no such files on this system")
def test_files_of_the_system_are_refused_without_reading_them(tmp_path: Path) -> None:
    for path in ("/proc/self/mem", "/proc/self/status", "/proc/kmsg", "/sys/kernel/notes"):
        if Path(path).exists():
            fails(lambda path=path: open_picture(path), ImageError, "an image must")  # type: ignore[misc]
    for path in ("/dev/zero", "/dev/random", "/dev/null", "/dev/tty", "/dev/stdin"):
        if Path(path).exists() and not Path(path).is_file():
            fails(lambda path=path: open_picture(path), ImageError, "a path must name")  # type: ignore[misc]


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(photo(), "PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read anything, so the refusal is played
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("builtins.open", denied)
            fails(lambda: open_picture(path), ImageError, "secret.png", "PermissionError")
            patch.setattr(Path, "stat", denied)
            fails(lambda: open_picture(path), ImageError, "can be read", "permissions")
    else:
        fails(lambda: open_picture(path), ImageError, "secret.png", "PermissionError")


def denied(*_: Any, **__: Any) -> Any:
    raise PermissionError(13, "Permission denied")


def test_a_symlink_to_a_picture_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(photo(), "PNG"))
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    assert same(picture(tmp_path / "b.png"), photo())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")
def test_pipes_and_sockets_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.png"
    os.mkfifo(fifo)
    fails(lambda: open_picture(fifo), ImageError, "a regular file", "pipe.png", "pass the bytes")
    (tmp_path / "link.png").symlink_to(fifo)
    fails(lambda: open_picture(tmp_path / "link.png"), ImageError, "a regular file", "link.png")
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
    for broken in (object(), None, OSError("gone")):
        file = type("File", (), {"read": lambda self, size, broken=broken: raising(broken)})()
        kind = ImageError if isinstance(broken, OSError) else TypeError
        fails(lambda file=file: open_picture(file), kind, "a file object must be")  # type: ignore[misc]
    closed = io.BytesIO(b"x")
    closed.close()
    fails(lambda: open_picture(closed), ImageError, "open for reading", "BytesIO")
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(), "PNG"))
    image = Image.open(path)
    image.close()
    fails(lambda: open_picture(image), ImageError, "received the PIL image")


def raising(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def test_a_file_object_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnvis.picture._MAX_BYTES", 10_000)
    endless = type("Endless", (), {"read": lambda self, size: b"x" * size, "seekable": lambda _: 0})
    fails(lambda: open_picture(endless()), ImageError, "at most 10,000 bytes", "pass the path")
    assert picture(io.BytesIO(encoded(photo(9, 9), "PNG"))).size == (9, 9)


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


Numbers = np.ndarray[Any, Any]


def on_white(color: Numbers, alpha: Numbers) -> Numbers:
    return color * alpha / 255 + 255 - alpha


def from_ycbcr(x: Numbers) -> Numbers:
    """ITU-T T.871 (JFIF), section 7."""
    y, cb, cr = x[..., 0], x[..., 1] - 128, x[..., 2] - 128
    rgb = (y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb)
    return np.stack(rgb, 2).clip(0, 255)


def from_hsv(x: Numbers) -> Numbers:
    return np.array([[colorsys.hsv_to_rgb(*(pixel / 255)) for pixel in row] for row in x]) * 255


def under(x: Numbers) -> Numbers:
    """Colors multiplied by their alpha, the last one: never above it."""
    return np.minimum(x, x[..., -1:])


# mode -> channels of its pixels, what to make of random bytes first, what they should look like
BY_HAND: dict[str, tuple[int, Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]] = {
    "L": (1, np.array, lambda x: x[..., 0]),
    "LA": (2, np.array, lambda x: on_white(x[..., 0], x[..., 1])),
    "La": (2, under, lambda x: x[..., 0] + 255 - x[..., 1]),
    "RGB": (3, np.array, lambda x: x),
    "RGBX": (4, np.array, lambda x: x[..., :3]),
    "RGBA": (4, np.array, lambda x: on_white(x[..., :3], x[..., 3:])),
    "RGBa": (4, under, lambda x: x[..., :3] + 255 - x[..., 3:]),
    "CMYK": (4, np.array, lambda x: (255 - x[..., :3]) * (255 - x[..., 3:]) / 255),
    "YCbCr": (3, np.array, from_ycbcr),
    "HSV": (3, np.array, from_hsv),
}


@pytest.mark.parametrize("mode", BY_HAND)
def test_random_pixels_of_a_mode_look_as_its_formula_says(mode: str) -> None:
    channels, prepare, formula = BY_HAND[mode]
    random = np.random.default_rng(0).integers(0, 256, (40, 30, channels)).astype(np.uint8)
    values = prepare(random)
    opened = picture(Image.frombytes(mode, (30, 40), values.tobytes()))
    error = np.abs(np.asarray(opened) - formula(values.astype(np.float64)))
    # what is multiplied by its alpha has lost some of its 8 bits
    assert error.max() <= 1


@pytest.mark.parametrize("bits", [False, True])
def test_palettes_are_looked_up(bits: bool) -> None:
    dice = np.random.default_rng(0)
    palette = dice.integers(0, 256, (256, 3)).astype(np.uint8)
    index, alpha = dice.integers(0, 256, (2, 20, 30)).astype(np.uint8)
    expected = palette[index].astype(np.float64)
    if bits:  # PA: an alpha for each pixel
        image = Image.frombytes("PA", (30, 20), np.stack([index, alpha], 2).tobytes())
        expected = on_white(expected, alpha[..., None].astype(np.float64))
    else:
        image = Image.frombytes("P", (30, 20), index.tobytes())
    image.putpalette(palette.tobytes(), "RGB")
    assert np.abs(np.asarray(picture(image)) - expected).max() <= 1
    if not bits:  # an alpha for each color
        image.info["transparency"] = bytes(range(256))
        expected = on_white(expected, index[..., None].astype(np.float64))
        assert np.abs(np.asarray(picture(image)) - expected).max() <= 1


def test_bits_are_black_and_white() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (8, 16)).astype(bool)
    image = Image.frombytes("1", (16, 8), np.packbits(bits, axis=1).tobytes())
    assert np.array_equal(np.asarray(picture(image)), bits * 255)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N", "I", "F"])
def test_deep_pixels_are_scaled_to_eight_bits(mode: str) -> None:
    dtype = {"I;16B": ">u2", "I": "=i4", "F": "=f4", "I;16N": "=u2"}.get(mode, "<u2")
    top = 255 if mode == "F" else 65535
    values = np.random.default_rng(0).random((8, 16)) * top
    values = values if mode == "F" else values.round()
    image = Image.frombytes(mode, (16, 8), values.astype(dtype).tobytes())
    expected = values * (255 / top)
    assert np.abs(np.asarray(picture(image)) - expected).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("format", ["PNG", "PPM"])
def test_a_dark_file_of_sixteen_bits_stays_dark(format: str) -> None:
    """Pillow makes 32-bit pictures of some of these files: their depth is known nevertheless."""
    dark = np.full((9, 9), 250, np.uint16)
    opened, notes = open_picture(encoded_deep(dark, format))
    assert opened.getextrema() == (1, 1)
    assert "almost black" in notes[0]


def unusual() -> list[Image.Image]:
    """Images whose palette or transparency does not fit, or cannot be converted."""
    images = []
    for mode, transparency in [
        ("L", "x"), ("L", (1, 2)), ("L", 3.5), ("RGB", "x"), ("P", "abc"), ("P", (1,)), ("P", -1),
        ("P", bytes(1000)), ("P", 999), ("RGB", b"x"), ("1", "x"), ("RGB", object()),
    ]:  # fmt: skip
        image = Image.new(mode, (5, 5))
        image.info["transparency"] = transparency
        images.append(image)
    return images


def test_a_transparency_that_makes_no_sense_gives_a_picture_or_the_own_error() -> None:
    refused = 0
    for image in unusual():
        try:
            assert picture(image).size == (5, 5)
        except ImageError as error:
            refused += 1
            assert "colors cannot be converted" in str(error)  # noqa: PT017
    assert refused > 5
    assert picture(Image.new("P", (5, 5))).size == (5, 5)  # no palette at all


def test_an_icon_that_hides_a_larger_picture_is_refused() -> None:
    inside = encoded(Image.new("L", (300, 200)), "PNG")
    head = struct.pack("<HHH4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inside), 22)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fails(lambda: open_picture(head + inside, 1000), ImageError, "at most 1,000 pixels")


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


HWC = np.asarray(photo(24, 20))
GRAY_HW = np.asarray(photo(24, 20).convert("L"))
SMALL = (HWC // 2).astype(np.int8)


class Arraylike:
    """What another library's array is to NumPy."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return raising(self.array)


def eighth(values: Any) -> Numbers:
    """Numbers from 0 to 1 as codes: the nearest of 0 to 255."""
    return np.floor(np.asarray(values).astype(np.float64) * 255 + 0.5).astype(np.uint8)


# each with the codes that it should be shown as
ARRAYS: dict[str, tuple[Any, Numbers]] = {
    "HWC": (HWC, HWC),
    "CHW": (HWC.transpose(2, 0, 1).copy(), HWC),
    "HW": (GRAY_HW, GRAY_HW),
    "HW1": (GRAY_HW[:, :, None], GRAY_HW),
    "1HW": (GRAY_HW[None], GRAY_HW),
    "HW4, opaque": (np.dstack([HWC, np.full((20, 24), 255, np.uint8)]), HWC),
    "4HW, clear": (np.dstack([HWC, np.zeros((20, 24), np.uint8)]).transpose(2, 0, 1), HWC * 0 + 255),
    "float16 to 1": ((HWC / 255).astype(np.float16), eighth((HWC / 255).astype(np.float16))),
    "float32 to 1": ((HWC / 255).astype(np.float32), HWC),
    "float64 to 1": (HWC / 255, HWC),
    "long double": ((HWC / 255).astype(np.longdouble), HWC),
    "float16 to 255": (HWC.astype(np.float16), HWC),
    "float32 to 255": (HWC.astype(np.float32), HWC),
    "float32, rounded": (HWC * np.float32(0.9) + np.float32(0.3),
                         np.rint(HWC * np.float32(0.9) + np.float32(0.3)).astype(np.uint8)),
    "big-endian float": ((HWC / 255).astype(">f4"), HWC),
    "uint16": (HWC.astype(np.uint16) * 257, HWC),
    "big-endian uint16": ((HWC.astype(np.uint16) * 257).astype(">u2"), HWC),
    "uint16, rounded": (HWC.astype(np.uint16) * 257 + 128 * (HWC < 255), HWC),
    "int16": (HWC.astype(np.int16), HWC),
    "int32 to 65535": (HWC.astype(np.int32) * 257, HWC),
    "big-endian int64": (HWC.astype(">i8"), HWC),
    "uint32": (HWC.astype(np.uint32), HWC),
    "uint64": (HWC.astype(np.uint64), HWC),
    "int8": (SMALL, SMALL.astype(np.uint8)),
    "bool": (GRAY_HW > 99, (GRAY_HW > 99).astype(np.uint8) * 255),
    "read-only": (np.broadcast_to(GRAY_HW[..., None], (20, 24, 3)), np.dstack([GRAY_HW] * 3)),
    "Fortran order": (np.asfortranarray(HWC), HWC),
    "backwards": (HWC[::-1, ::-1, ::-1], HWC[::-1, ::-1, ::-1].copy()),
    "every other": (HWC[::2, 1::3], HWC[::2, 1::3].copy()),
    "matrix": (GRAY_HW.view(np.matrix), GRAY_HW),
    "masked": (np.ma.masked_array(HWC, HWC > 200), HWC),
    "another library's": (Arraylike(HWC), HWC),
    "torch's": (torch.from_numpy(HWC.copy()), HWC),
    "one pixel": (np.full((1, 1), 7, np.uint8), np.full((1, 1), 7, np.uint8)),
    "a row": (GRAY_HW[:1], GRAY_HW[:1]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_every_kind_gives_its_codes(name: str) -> None:
    array, expected = ARRAYS[name]
    assert len(ARRAYS) >= 22
    before = np.asarray(getattr(array, "array", array)).copy()
    opened = picture(array)
    assert np.array_equal(np.asarray(opened), expected)
    assert np.array_equal(np.asarray(getattr(array, "array", array)), before)


def test_a_file_mapped_array_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", HWC)
    assert np.array_equal(np.asarray(picture(np.load(tmp_path / "a.npy", mmap_mode="r"))), HWC)


def test_a_stack_is_on_one_scale() -> None:
    night = np.zeros((2, 9, 9, 3), np.float32)
    night[0], night[1, 0, 0] = 200, 1  # alone, the second would be black and white
    first, second = open_stack(night)
    assert np.asarray(first[0]).max() == 200
    assert np.asarray(second[0]).max() == 1
    assert same(open_stack((night / 255)[1:])[0][0], second[0])
    fails(lambda: open_stack(night[:0]), ImageError, "at least one pixel", "(0, 9, 9, 3)")
    fails(lambda: open_stack(night - 1), ImageError, "must lie in [0, 1] or [0, 255]")
    fails(lambda: open_stack(night, 80), ImageError, "at most 80 pixels")


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
    cases: list[tuple[Any, tuple[str, ...]]] = [
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
        (np.full((40, 40), 7, object), ("received dtype object", "astype")),
        (np.zeros((40, 40), "M8[s]"), ("datetime64",)),
        (np.zeros((40, 40), [("r", "u1"), ("g", "u1")]), ("bool, integer or float",)),
        (np.array(5), ("received shape ()",)),
        (np.float32(0.5), ("received shape ()",)),
        (Arraylike(ValueError("on another device")), ("numpy.asarray", "on another device")),
        (Arraylike(5), ("numpy.asarray", "Arraylike")),
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
