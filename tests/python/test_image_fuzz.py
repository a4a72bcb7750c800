"""Damaged and hostile files: a picture or the one own error, in little time and little memory.

The work is done in children, so that a crash, a hang or an endless allocation fails a test and does
not end all of them.
"""

from __future__ import annotations

import json
import random
import signal
import struct
import subprocess
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import encoded, encoded_deep, photo
from PIL import Image, ImageCms, features

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs limits of a process")

CPU_SECONDS, WALL_SECONDS = 2, 20  # of one file; a loaded machine may let it wait
LIMIT = 4_000_000
"""Pixels: the largest picture that the children may open."""
MEMORY = 4 * LIMIT * 3 * 4
"""Four times what the largest picture takes as float RGB, in bytes."""

EACH = 200
FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {}, "JPEG": {"quality": 80}, "GIF": {}, "BMP": {}, "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_lzw"}, "AVIF": {}, "JPEG2000": {}, "PPM": {}, "ICO": {}, "TGA": {},
}  # fmt: skip
GROUPS = (
    ("PNG", "JPEG", "GIF", "BMP", "ICO"),
    ("TIFF", "WEBP", "PPM", "TGA", "AVIF", "JPEG2000"),
)
NEEDED = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000", "TIFF": "libtiff"}


def readable(format: str) -> bool:
    """Whether this Pillow was built with it."""
    return format not in NEEDED or bool(features.check(NEEDED[format]))


# ---------------------------------------------------------------- in the child


def whole_files(format: str) -> list[bytes]:
    """A plain one, and one with what the format has besides: more frames, a palette, EXIF, depth."""
    image, settings = photo(48, 40), FORMATS[format]
    files = [encoded(image, format, **settings)]
    exif: Any = Image.Exif()
    exif[0x0112] = 6
    if format in ("GIF", "WEBP", "TIFF", "AVIF"):
        frames = [photo(48, 40, seed) for seed in (1, 2)]
        files.append(encoded(image, format, save_all=True, append_images=frames, **settings))
    if format in ("PNG", "GIF", "BMP", "TGA"):
        files.append(encoded(image.convert("P"), format))
    if format == "PNG":
        files.append(encoded(image.convert("P"), format, transparency=b"\0\x80"))
        files.append(encoded(image.convert("RGB"), format, exif=exif))
    if format == "JPEG":
        files.append(encoded(image, format, exif=exif, progressive=True))
        files.append(encoded(image.convert("CMYK"), format))
    if format in ("PNG", "TIFF", "PPM", "JPEG2000"):
        deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
        files.append(encoded_deep(deep, format))
    return files


def damaged(whole: bytes, dice: random.Random) -> bytes:
    """The file with some of it flipped, overwritten, cut out, doubled or cut off."""
    broken = bytearray(whole)
    # some of the damage goes where the sizes and the tables are
    head = dice.random() < 0.3
    for _ in range(dice.randint(1, 3)):
        kind, at = dice.randrange(8), dice.randrange(min(len(broken), 96 if head else 10**9))
        if kind < 4:
            broken[at] ^= 1 << dice.randrange(8)
        elif kind == 4:
            broken[at] = dice.choice((0, 1, 127, 128, 255))
        elif kind == 5:
            broken[at : at + 4] = dice.choice(
                (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0")
            )
        elif kind == 6:
            del broken[at : at + dice.randint(1, 16)]
        else:
            broken[at:at] = broken[at : at + dice.randint(1, 64)]
        broken = broken or bytearray(b"\0")
    if dice.random() < 0.3:
        broken = broken[: dice.randrange(1, len(broken) + 1)]
    return rechecked(bytes(broken)) if dice.random() < 0.7 else bytes(broken)


def rechecked(content: bytes) -> bytes:
    """A PNG whose checksums fit again, so that the damage reaches the decoder; others as they are."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    chunks, at = [content[:8]], 8
    while at < len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        check = struct.pack(">I", zlib.crc32(content[at + 4 : end]))
        chunks += [content[at:end], check]
        at = end + 4
    return b"".join(chunks)


def bounded(work: Callable[[], None]) -> None:
    """The call, with the limits of time."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    work()
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)


def limit_memory(more: int) -> None:
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.RLIM_INFINITY))


def open_damaged(*formats: str) -> None:
    """Opens `EACH` damaged files of each format; says on stdout which one is next, and the sums."""
    from cnnvis.image import ImageError, as_batch

    warnings.simplefilter("ignore")  # Pillow's, about what is broken
    wholes = {format: whole_files(format) for format in formats}
    for files in wholes.values():
        for whole in files:
            as_batch(whole, size=24)  # all readers are loaded, and none of these is refused
    limit_memory(MEMORY)
    for format, files in wholes.items():
        dice = random.Random(f"{format} 7")
        results: Counter[str] = Counter()
        for number in range(EACH):
            content = damaged(files[number % len(files)], dice)
            print(format, number, flush=True)

            def read(content: bytes = content, results: Counter[str] = results) -> None:
                try:
                    batch = as_batch(content, size=24, max_pixels=LIMIT)
                except ImageError as refusal:
                    results[type(refusal.__cause__).__name__] += 1
                    if len(str(refusal)) > 1000 or "; " not in str(refusal):
                        raise AssertionError(f"no next step, or no end: {refusal}") from refusal
                else:
                    assert batch.tensor.shape == (1, 3, 24, 24)
                    assert batch.tensor.isfinite().all()
                    results["read"] += 1

            bounded(read)
        print(json.dumps([format, results]), flush=True)


def png(width: int, height: int, depth: int, color: int, row: bytes, *more: bytes) -> bytes:
    """A PNG of equal rows: small, whatever its size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(b"\0" + row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = (
        chunk(part[:4], part[4:]) for part in (b"IHDR" + head, *more, b"IDAT" + body, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def largest() -> Iterator[tuple[str, Any]]:
    """Pictures of exactly `LIMIT` pixels, of every depth."""
    side = 2000
    plain = Image.new("RGB", (side, side), "teal")
    yield "16-bit RGBA", png(side, side, 16, 6, bytes(range(8)) * side)
    yield "16-bit gray", png(side, side, 16, 0, b"\x12\x34" * side)
    palette = b"PLTE" + bytes(range(30))
    yield "transparent palette", png(side, side, 8, 3, b"\1" * side, palette, b"tRNS\0\x80")
    yield "bits", png(side, side, 1, 0, b"\x55" * (side // 8))
    yield "progressive JPEG", encoded(plain, "JPEG", progressive=True)
    yield "CMYK JPEG", encoded(plain.convert("CMYK"), "JPEG")
    for format in ("WEBP", "TIFF", "GIF"):
        if readable(format):
            yield format, encoded(plain, format)
    for mode in ("RGBA", "La", "F", "I", "HSV", "YCbCr"):
        yield mode, Image.new(mode, (side, side))
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    yield "LAB", ImageCms.profileToProfile(plain, srgb, lab, outputMode="LAB")
    for kind in ("f2", "f4", "f8", ">u2", "i8", "?"):
        yield kind, np.zeros((side, side, 3), kind)


def open_largest() -> None:
    """Opens each of the largest pictures with four times their memory; stdout as above."""
    from cnnvis.picture import open_picture

    open_picture(Image.new("LAB", (9, 9)))  # its library is loaded
    for name, image in largest():
        print(name, flush=True)
        limit_memory(MEMORY)

        def check(image: Any = image) -> None:
            assert open_picture(image, LIMIT)[0].size == (2000, 2000)

        bounded(check)
        limit_memory(1 << 40)  # making the next one is not measured
    print(json.dumps("done"))


# ---------------------------------------------------------------- the tests


def in_child(call: str) -> list[Any]:
    """The sums that a child prints; where it came to if it did not end well."""
    run = subprocess.run(
        [sys.executable, "-c", f"import test_image_fuzz; test_image_fuzz.{call}"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=240,
    )
    lines = run.stdout.splitlines()
    assert run.returncode == 0, (run.returncode, lines[-1:], run.stderr[-2000:])
    return [json.loads(line) for line in lines if line[0] in '["']


@pytest.mark.parametrize("group", GROUPS, ids="-".join)
def test_damaged_files_give_a_picture_or_the_own_error(group: tuple[str, ...]) -> None:
    formats = [format for format in group if readable(format)]
    sums = in_child(f"open_damaged(*{formats!r})")
    assert [format for format, _ in sums] == formats
    for format, results in sums:
        assert sum(results.values()) == EACH
        # both happened, and it was not for want of memory that they were refused
        assert 5 < results["read"] < EACH - 5, (format, results)
        assert results.get("MemoryError", 0) < EACH / 10, (format, results)


def test_the_damaged_files_are_1800_and_more() -> None:
    assert sorted(format for group in GROUPS for format in group) == sorted(FORMATS)
    assert EACH * len(FORMATS) >= 1800


def test_the_largest_picture_takes_four_times_its_floats_at_most() -> None:
    assert in_child("open_largest()") == ["done"]


@pytest.mark.parametrize(
    ("call", "died"),
    [
        ("bounded(lambda: [None for _ in iter(int, 1)])", -signal.SIGPROF),
        ("limit_memory(test_image_fuzz.MEMORY); bytearray(2 * test_image_fuzz.MEMORY)", 1),
    ],
)
def test_the_limits_would_notice(call: str, died: int) -> None:
    with pytest.raises(AssertionError, match=str(died)):
        in_child(call)
