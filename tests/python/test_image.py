"""Images in every form: the laws of `as_batch`, torchvision as the judge, and its refusals."""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.models import ResNet18_Weights

from cnnvis.image import FORMATS, IMAGENET_MEAN, IMAGENET_STD, Batch, ImageError, as_batch

RECIPE = [tv.Resize(256), tv.CenterCrop(224), tv.ToTensor()]
IMAGENET = tv.Compose([*RECIPE, tv.Normalize(IMAGENET_MEAN, IMAGENET_STD)])


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


def well_formed(batch: Batch, n: int = 1, channels: int = 3) -> None:
    assert batch.tensor.shape[:2] == (n, channels)
    assert batch.tensor.is_floating_point()
    assert batch.tensor.isfinite().all()
    assert len(batch.pictures) == n
    for picture in batch.pictures:
        assert (picture.mode, picture.size) == ("RGB", tuple(batch.tensor.shape[:1:-1]))
    assert batch.preprocessing.endswith(".")
    assert all(note.endswith(".") for note in batch.notes)


# ---------------------------------------------------------------- the default recipe


@given(st.integers(1, 500), st.integers(1, 500))
@settings(max_examples=20, deadline=None)
def test_the_default_is_torchvisions_recipe(width: int, height: int) -> None:
    image = photo(width, height)
    batch = as_batch(image)
    torch.testing.assert_close(batch.tensor[0], IMAGENET(image), rtol=0, atol=1e-6)
    well_formed(batch)
    # the picture is the crop itself, to the last bit
    cropped = tv.Compose(RECIPE[:2])(image)
    assert np.array_equal(np.asarray(batch.pictures[0]), np.asarray(cropped))


def test_the_default_is_what_torchvisions_weights_ask_for() -> None:
    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    torch.testing.assert_close(as_batch(photo()).tensor[0], preset(photo()), rtol=0, atol=1e-6)


def test_the_sentence_says_the_recipe() -> None:
    batch = as_batch(photo())
    assert batch.preprocessing == (
        "Resized so that the shorter side is 256 pixels (bilinear, antialiased), cropped to the "
        "central 224 × 224, scaled to [0, 1] and normalized with ImageNet's mean "
        "(0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225)."
    )
    assert batch.notes == ()
    assert "shorter side is 128 pixels" in as_batch(photo(), size=112).preprocessing
    assert as_batch(photo(), size=112).tensor.shape == (1, 3, 112, 112)


def test_a_model_of_one_channel_sees_luma() -> None:
    batch = as_batch(photo(), channels=1)
    gray = tv.Compose([*RECIPE, tv.Normalize(0.5, 0.5)])(photo().convert("L"))
    torch.testing.assert_close(batch.tensor[0], gray, rtol=0, atol=1e-6)
    well_formed(batch, channels=1)
    assert batch.notes == ("The model takes one channel: the picture was turned to gray (luma).",)
    assert "mean 0.5 and standard deviation 0.5" in batch.preprocessing
    assert as_batch(photo().convert("L"), channels=1).notes == ()


def test_a_gray_picture_is_repeated_for_three_channels() -> None:
    batch = as_batch(photo().convert("L"))
    raw = batch.tensor * torch.tensor(IMAGENET_STD).view(3, 1, 1)
    raw = raw + torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    torch.testing.assert_close(raw[:, 0], raw[:, 2])
    assert "repeated" in batch.notes[0]


# ---------------------------------------------------------------- files


def test_path_bytes_file_and_image_give_the_same(tmp_path: Path) -> None:
    content = encoded(photo(), "PNG")
    path = tmp_path / "a photo.png"
    path.write_bytes(content)
    expected = as_batch(photo())
    file = io.BytesIO(b"head" + content)
    file.seek(4)
    forms = [path, str(path), content, bytearray(content), memoryview(content), file, photo()]
    with path.open("rb") as opened:
        for form in [*forms, opened]:
            assert torch.equal(as_batch(form).tensor, expected.tensor), type(form)
    assert file.tell() == 4
    lazy = Image.open(path)
    assert torch.equal(as_batch(lazy).tensor, expected.tensor)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA"])
def test_each_usual_format_is_read(name: str) -> None:
    well_formed(as_batch(encoded(photo(64, 64), name)))
    assert name in FORMATS


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    batch = as_batch(encoded(photo(320, 256), "PNG", exif=exif))
    image = Image.open(io.BytesIO(encoded(photo(320, 256), "PNG", exif=exif)))
    upright = ImageOps.exif_transpose(image)
    assert torch.equal(batch.tensor, as_batch(np.asarray(upright)).tensor)
    assert bool(batch.notes) == (orientation > 1)
    if orientation > 1:
        assert "EXIF" in batch.notes[0]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_hide_the_picture() -> None:
    content = encoded(photo(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\0")
    assert torch.equal(as_batch(content).tensor, as_batch(encoded(photo(), "JPEG")).tensor)


def test_an_animation_gives_its_first_frame_and_says_so() -> None:
    frames = [photo(64, 64, seed).convert("L") for seed in range(3)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    batch = as_batch(content)
    assert torch.equal(batch.tensor, as_batch(frames[0]).tensor)
    assert batch.notes[0] == "Frame 1 of 3: the others were not looked at."
    opened = Image.open(io.BytesIO(content))
    opened.seek(1)
    assert as_batch(opened).notes[0].startswith("Frame 2 of 3")
    assert opened.tell() == 1


def png_claiming(width: int, height: int) -> bytes:
    """A file of 67 bytes that says it holds so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def fails(call: Callable[[], object], kind: type[Exception], *parts: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@pytest.mark.parametrize("side", [7_100, 9_000, 14_000, 60_000])
def test_too_many_pixels_are_refused_before_decoding(side: int) -> None:
    limit = () if side > 13_000 else ("at most 50,000,000 pixels", f"{side} × {side}", "shrink it")
    fails(lambda: as_batch(png_claiming(side, side)), ImageError, *limit)


def test_the_pixel_limit_is_an_argument_and_holds_for_arrays_and_tensors() -> None:
    huge = np.broadcast_to(np.uint8(0), (10**6, 10**6))
    fails(lambda: as_batch(huge), ImageError, "received 1000000 × 1000000", "raise max_pixels")
    wide = torch.zeros(1).expand(3, 10**6, 10**6)
    fails(lambda: as_batch(wide), ImageError, "received 1000000 × 1000000")
    fails(lambda: as_batch(photo(), max_pixels=100), ImageError, "at most 100 pixels")
    well_formed(as_batch(photo(), max_pixels=300 * 260))


def test_a_sliver_is_refused_instead_of_growing_to_gigabytes() -> None:
    fails(
        lambda: as_batch(Image.new("RGB", (1, 10_000))),
        ImageError, "must not be so narrow, received 1 × 10000", "256 × 2560000", "crop it",
    )  # fmt: skip


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
        fails(lambda image=image: as_batch(image), ImageError, *parts)  # type: ignore[misc]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")
def test_pipes_and_sockets_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.png"
    os.mkfifo(fifo)
    fails(lambda: as_batch(fifo), ImageError, "a regular file", "pipe.png", "pass the bytes")
    fails(lambda: as_batch("/dev/zero"), ImageError, "a regular file")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path is short
        try:
            server.bind("s")
            fails(lambda: as_batch("s"), ImageError, "socket")
        finally:
            os.chdir(here)


def test_file_objects_that_are_not_binary_or_closed_are_refused(tmp_path: Path) -> None:
    fails(lambda: as_batch(io.StringIO("x")), TypeError, "must be binary", "str", "'rb'")
    closed = io.BytesIO(b"x")
    closed.close()
    fails(lambda: as_batch(closed), ImageError, "open for reading", "BytesIO")
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(), "PNG"))
    image = Image.open(path)
    image.close()
    fails(lambda: as_batch(image), ImageError, "received the PIL image")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
@pytest.mark.filterwarnings("ignore")  # Pillow's, about what is broken
def test_damaged_files_give_a_batch_or_an_image_error(format: str) -> None:
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
            well_formed(as_batch(bytes(broken), size=16, max_pixels=1_000_000))
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
    batch = as_batch(image, size=42)
    well_formed(batch)
    assert (image.mode, image.tobytes()) == (mode, before)
    source = photo(64, 48).convert("L") if mode in GRAY else photo(64, 48)
    if mode in ("1", "P", "PA"):  # these dither
        source = source.convert(mode[0]).convert("RGB")
    expected = np.asarray(as_batch(source, size=42).pictures[0]).astype(int)
    seen = np.asarray(batch.pictures[0]).astype(int)
    # color spaces round; an index or a clipped depth would be far off
    assert np.abs(seen - expected).mean() < 3
    one = as_batch(image, size=42, channels=1)
    well_formed(one, channels=1)


def test_transparency_is_laid_on_white_and_hides_what_is_under_it() -> None:
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    for image in (clear, Image.new("PA", (30, 30), (1, 0)), Image.new("LA", (30, 30), 0)):
        batch = as_batch(image)
        assert batch.pictures[0].getextrema() == ((255, 255),) * 3
        assert "Transparent parts were laid on white." in batch.notes
    palette = Image.new("P", (30, 30), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.info["transparency"] = 1
    assert as_batch(palette).pictures[0].getextrema() == ((255, 255),) * 3
    assert as_batch(Image.new("RGBA", (30, 30), "red")).notes == ()


def test_sixteen_bits_are_scaled_by_their_depth() -> None:
    ramp = np.linspace(0, 65535, 256 * 256).reshape(256, 256).astype(np.uint16)
    image = Image.fromarray(ramp)
    for form in (image, ramp, encoded(image, "PNG"), encoded(image, "TIFF")):
        shown = np.asarray(as_batch(form).pictures[0])[:, :, 0].astype(float)
        middle = ramp[16:240, 16:240] / 257
        assert np.abs(shown - middle).max() <= 0.5 + 1e-6
    dark = as_batch(np.full((9, 9), 200, np.uint16))
    assert "almost black" in dark.notes[0]


def test_floats_in_pil_images_follow_the_rule_of_arrays() -> None:
    values = np.linspace(0, 1, 900, dtype=np.float32).reshape(30, 30)
    assert torch.equal(
        as_batch(Image.fromarray(values)).tensor, as_batch(Image.fromarray(values * 255)).tensor
    )
    far = Image.fromarray(values * 1e4)
    fails(lambda: as_batch(far), ImageError, "[0, 1] or [0, 255]", "from 0 to 10000")


# ---------------------------------------------------------------- arrays

pixels = arrays.arrays(
    np.uint8, st.tuples(st.integers(5, 40), st.integers(5, 40), st.sampled_from([1, 3, 4]))
)


@given(pixels)
@settings(max_examples=30, deadline=None)
def test_layout_and_storage_of_an_array_do_not_matter(array: np.ndarray[Any, Any]) -> None:
    expected = as_batch(array, size=16).tensor
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
            assert torch.equal(as_batch(form, size=16).tensor, expected), i


@given(pixels)
@settings(max_examples=10, deadline=None)
def test_an_array_is_read_as_pil_reads_it(array: np.ndarray[Any, Any]) -> None:
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    assert torch.equal(as_batch(array).tensor, as_batch(image).tensor)


def test_booleans_are_black_and_white() -> None:
    half = np.arange(32 * 32).reshape(32, 32) % 2 == 0
    expected = as_batch(half.astype(np.uint8) * 255).tensor
    assert torch.equal(as_batch(half).tensor, expected)


def test_a_stack_of_arrays_is_a_batch() -> None:
    stack = np.stack([np.asarray(photo(40, 30, seed)) for seed in range(3)])
    for form in (stack, stack.transpose(0, 3, 1, 2), list(stack)):
        batch = as_batch(form)
        well_formed(batch, n=3)
        assert torch.equal(batch.tensor[1:2], as_batch(stack[1]).tensor)


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
        fails(lambda array=array: as_batch(array), ImageError, *parts)  # type: ignore[misc]


def test_a_little_overshoot_of_resampling_is_clipped() -> None:
    array = np.linspace(-0.0005, 1.0005, 900).reshape(30, 30)
    assert torch.equal(as_batch(array).tensor, as_batch(array.clip(0, 1)).tensor)


# ---------------------------------------------------------------- tensors


@pytest.mark.parametrize("shape", [(20, 30), (1, 20, 30), (2, 1, 20, 30)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_tensor_is_taken_as_it_is(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = torch.rand(shape).to(dtype)
    batch = as_batch(tensor, channels=1)
    assert batch.tensor.dtype == dtype
    assert torch.equal(batch.tensor.reshape(shape), tensor)
    well_formed(batch, n=2 if len(shape) == 4 else 1, channels=1)
    assert "taken as it is, without preprocessing" in batch.preprocessing


@pytest.mark.parametrize("channels", [1, 2, 4, 12, None])
def test_a_tensor_may_have_any_number_of_channels(channels: int | None) -> None:
    batch = as_batch(torch.rand(2, channels or 5, 8, 9), channels=channels)
    well_formed(batch, n=2, channels=channels or 5)
    assert any("the picture shows the first" in n for n in batch.notes) == (channels != 1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_integer_tensors_become_float_unscaled_with_a_note(dtype: torch.dtype) -> None:
    tensor = torch.randint(0, 2, (3, 8, 8)).to(dtype)
    batch = as_batch(tensor)
    assert torch.equal(batch.tensor, tensor[None].float())
    assert "converted to float32; its values are not scaled" in batch.notes[0]


def numbers(image: Any) -> np.ndarray[Any, Any]:
    """A copy of what an image holds now."""
    if isinstance(image, list):
        return np.stack([numbers(item) for item in image])
    return np.asarray(image.detach() if isinstance(image, Tensor) else image).copy()


SHARED: list[Callable[[], Any]] = [
    lambda: torch.rand(3, 9, 9),
    lambda: torch.rand(2, 3, 9, 9),
    lambda: torch.rand(9, 9, 3).permute(2, 0, 1),
    lambda: torch.rand(1, 9, 9).expand(3, 9, 9),
    lambda: torch.rand(3, 9, 9, requires_grad=True),
    lambda: torch.rand(3, 9, 9, dtype=torch.float64),
    lambda: np.random.default_rng(0).random((9, 9, 3), dtype=np.float32),
    lambda: np.zeros((9, 9, 3), np.uint8),
    lambda: [torch.rand(3, 9, 9)],
    lambda: photo(9, 9),
]


@pytest.mark.parametrize("make", SHARED)
@pytest.mark.parametrize("keeping", [False, True])
def test_a_batch_never_shares_memory_with_what_it_came_from(
    make: Callable[[], Any], keeping: bool
) -> None:
    """An in-place first layer must not write into the user's image, nor the transform's cache."""
    image = make()
    kept = torch.rand(3, 5, 5)
    batch = as_batch(image, transform=(lambda _: kept) if keeping else None)
    before = numbers(image), numbers(kept)
    assert not batch.tensor.requires_grad
    batch.tensor.fill_(123)
    assert np.array_equal(numbers(image), before[0])
    assert np.array_equal(numbers(kept), before[1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: x, "its values from 0 to 1"),
        (lambda x: tv.Normalize(IMAGENET_MEAN, IMAGENET_STD)(x), "ImageNet's normalization undone"),
        (lambda x: x * 20 - 3, "stretched from lowest to highest (-3 to 17)"),
        (lambda x: (x - 0.5) * 2 * 3e38, "stretched from lowest to highest"),
    ],
)
def test_the_picture_of_a_tensor_shows_what_it_says(
    make: Callable[[Tensor], Tensor], said: str
) -> None:
    image = photo(20, 20)
    raw = tv.ToTensor()(image)
    raw = (raw - raw.min()) / (raw.max() - raw.min())
    batch = as_batch(make(raw))
    assert said in batch.preprocessing
    shown = np.asarray(batch.pictures[0]).astype(float)
    assert np.abs(shown - raw.permute(1, 2, 0).numpy() * 255).max() <= 0.51


def test_values_that_are_not_finite_are_kept_and_noted() -> None:
    tensor = torch.rand(3, 4, 4)
    tensor[0, 0, 0], tensor[1, 1, 1] = float("nan"), float("inf")
    batch = as_batch(tensor)
    assert torch.equal(batch.tensor[0].nan_to_num(7, 7), tensor.nan_to_num(7, 7))
    assert batch.notes == ("The input holds 2 values that are not finite; they are shown black.",)
    assert as_batch(torch.full((3, 4, 4), float("nan"))).pictures[0].getextrema()[0] == (0, 0)


def test_tensors_that_are_no_images_are_refused() -> None:
    for tensor in (torch.rand(5), torch.rand(1, 3, 4, 4, 4), torch.rand(3, 0, 4), torch.rand(0)):
        fails(
            lambda tensor=tensor: as_batch(tensor),  # type: ignore[misc]
            ImageError, "must be real, (H, W), (C, H, W) or (N, C, H, W)", str(tuple(tensor.shape)),
        )  # fmt: skip
    fails(lambda: as_batch(torch.zeros(3, 4, 4, dtype=torch.complex64)), ImageError, "complex64")
    fails(lambda: as_batch(torch.zeros(3, 4, 4, device="meta")), ImageError, "meta device")


def test_a_wrong_number_of_channels_names_both_and_the_way_out() -> None:
    says = "as many channels as the model takes, "
    fails(lambda: as_batch(torch.rand(9, 9)), ImageError, f"{says}3, received 1", "expand(3, -1")
    one = torch.rand(1, 3, 9, 9)
    fails(lambda: as_batch(one, channels=1), ImageError, f"{says}1, received 3", "tensor.mean(-3")
    fails(lambda: as_batch(torch.rand(4, 9, 9)), ImageError, f"{says}3, received 4", "convert")
    gray = tv.Compose([tv.Grayscale(), tv.ToTensor()])
    fails(lambda: as_batch(photo(), transform=gray), ImageError, f"{says}3, received 1")
    fails(
        lambda: as_batch(photo(), channels=12), ImageError,
        "must have the 12 channels", "received a picture of 3", "pass a tensor (N, 12, H, W)",
    )  # fmt: skip


# ---------------------------------------------------------------- transforms and lists


def test_a_transform_takes_the_place_of_the_default() -> None:
    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    batch = as_batch(photo(), transform=preset)
    assert torch.equal(batch.tensor[0], preset(photo()))
    assert "Made a 3 × 224 × 224 tensor by the transform ImageClassification" in batch.preprocessing
    assert "normalization undone" in batch.preprocessing
    assert np.array_equal(numbers(batch.pictures[0]), numbers(as_batch(photo()).pictures[0]))


def test_a_transform_sees_rgb_or_for_one_channel_gray() -> None:
    modes = []

    def transform(image: Image.Image) -> Tensor:
        modes.append(image.mode)
        tensor: Tensor = tv.ToTensor()(image)
        return tensor

    for channels in (3, 1):
        batch = as_batch(photo().convert("CMYK"), transform=transform, channels=channels)
        well_formed(batch, channels=channels)
    assert modes == ["RGB", "L"]
    assert "by the transform transform;" in batch.preprocessing


def test_a_transforms_own_normalization_is_undone_for_the_picture() -> None:
    transform = tv.Compose([tv.ToTensor(), tv.Normalize((0.1, 0.2, 0.3), (2, 3, 4))])
    batch = as_batch(photo(), transform=transform)
    assert np.array_equal(numbers(batch.pictures[0]), numbers(photo()))


def test_a_tensor_ignores_the_transform_and_says_so() -> None:
    batch = as_batch(torch.rand(3, 9, 9), transform=IMAGENET)
    assert batch.tensor.shape == (1, 3, 9, 9)
    assert batch.notes == ("A tensor is taken as it is: the transform was not applied to it.",)


def test_transforms_that_do_not_do_their_work_are_named() -> None:
    def broken(image: Image.Image) -> Tensor:
        raise RuntimeError("no weights")

    def check(transform: Any, kind: type[Exception], *parts: str) -> None:
        fails(lambda: as_batch(photo(), transform=transform), kind, *parts)

    check(ResNet18_Weights.IMAGENET1K_V1, TypeError, "must be callable", "weights.transforms()")
    check(broken, ImageError, "broken raised RuntimeError: no weights", "try it alone")
    check(lambda image: image, TypeError, "must give a tensor", "gave Image", "ToTensor()")
    check(tv.PILToTensor(), ImageError, "a float tensor (C, H, W)", "torch.uint8 (3, 260, 300)")
    check(lambda image: torch.rand(1, 3, 9, 9), ImageError, "(1, 3, 9, 9)", "no batch dimension")


def test_a_list_is_one_batch_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photo(seed=1).save(path)
    images = [photo(seed=0), path, np.asarray(photo(seed=2))]
    batch = as_batch(images)
    well_formed(batch, n=3)
    for i in range(3):
        assert torch.equal(batch.tensor[i : i + 1], as_batch(photo(seed=i)).tensor)
    assert batch.preprocessing == as_batch(photo()).preprocessing
    mixed = as_batch((photo(), torch.rand(2, 3, 224, 224)))
    well_formed(mixed, n=3)
    assert mixed.preprocessing.startswith("Resized")
    assert "taken as it is" in mixed.preprocessing


def test_lists_that_do_not_fit_together_are_refused() -> None:
    fails(lambda: as_batch([]), ImageError, "must hold at least one")
    sizes = [photo(30, 30), photo(30, 30), photo(31, 30)]
    fails(
        lambda: as_batch(sizes, transform=tv.ToTensor()), ImageError,
        "of one size", "3 × 30 × 30 on cpu at position 0", "3 × 30 × 31 on cpu at position 2",
        "resizes and crops",
    )  # fmt: skip


@pytest.mark.parametrize("image", [None, 3, {"a": 1}, object(), [[1, 2]], [photo(), None]])
def test_what_is_no_image_is_refused_with_all_that_is_one(image: Any) -> None:
    fails(lambda: as_batch(image), TypeError, "image must be a path, bytes", "received", "pass one")


def test_a_size_that_is_none_is_refused() -> None:
    for size in (0, -1, 1.5, "224"):
        fails(
            lambda size=size: as_batch(photo(), size=size),  # type: ignore[misc]
            ImageError, "a positive number of pixels", repr(size), "leave it out for 224",
        )  # fmt: skip
