"""What cnnvis weighs: its import, its bundle and wheel, and the bytes of a report. `make bench`.

.venv/bin/python benchmarks/light.py
"""

from __future__ import annotations

import gzip
import io
import re
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from results import spread, table, write
from torch import nn

from cnnvis import inspect, samples
from cnnvis.frame import FEATURE_MAPS, FILTERS, unpack
from cnnvis.prediction import predicted

ROOT = Path(__file__).parents[1]
ROUNDS = 9
BESIDE = "import torch, anywidget"
IMPORTS = {
    "import cnnvis": f"{BESIDE}, cnnvis",
    "from cnnvis import CNNVisWidget": f"{BESIDE}; from cnnvis import CNNVisWidget",
    "from cnnvis import CNNVisWidget, beside torch, torchvision, anywidget": (
        f"{BESIDE}, torchvision; from cnnvis import CNNVisWidget"
    ),
}

Codes = NDArray[np.uint8]


def import_seconds(statement: str) -> float:
    """Processor time of a statement in a fresh Python."""
    code = f"import time; b = time.process_time(); {statement}; print(time.process_time() - b)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def imports() -> list[list[str]]:
    """What each import adds, paired with the import that it is beside."""
    took: dict[str, list[float]] = {statement: [] for statement in [BESIDE, *IMPORTS.values()]}
    both = f"{BESIDE}, torchvision"
    took[both] = []
    for round_ in range(ROUNDS + 1):
        for statement, seconds in took.items():
            spent = import_seconds(statement)
            if round_:  # the first fills the disk's cache
                seconds.append(spent)
    rows = []
    for name, statement in IMPORTS.items():
        beside = took[both if "torchvision" in name else BESIDE]
        rows.append(
            [name, f"{statistics.median(took[statement]):.2f} s", spread(took[statement], beside)]
        )
    return rows


def weights() -> list[list[str]]:
    """Bytes of the bundle and of the wheel."""
    static = ROOT / "src" / "cnnvis" / "static"
    rows = []
    for name in ("widget.js", "report.js", "widget.css"):
        content = (static / name).read_bytes()
        size, small = len(content), len(gzip.compress(content, 9))
        rows.append([name, f"{size / 1e3:.1f} kB", f"{small / 1e3:.1f} kB"])
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "-w",
            folder,
            str(ROOT),
        ]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        rows.append(["wheel", "", f"{wheel.stat().st_size / 1e3:.0f} kB"])
    return rows


def entropy(codes: Codes) -> float:
    """Bytes that the codes take where each is coded by itself, by how often it is in its tile."""
    total = 0.0
    for tile in codes.reshape(len(codes), -1):
        share = np.bincount(tile, minlength=256) / max(1, tile.size)
        share = share[share > 0]
        total += float(-(share * np.log2(share)).sum() * tile.size / 8)
    return total


def deflated(content: bytes) -> int:
    """Bytes of a gzip of the highest level."""
    return len(zlib.compress(content, 9))


def png(codes: Codes) -> int:
    """Bytes of all tiles, one below the other, as a gray PNG with the filters that Pillow picks."""
    content = io.BytesIO()
    Image.fromarray(codes.reshape(-1, codes.shape[2])).save(content, "PNG", optimize=True)
    return content.tell()


def webp(codes: Codes) -> int:
    """Bytes of the tiles as lossless WebP, in pictures of a side that it allows."""
    rows = codes.reshape(-1, codes.shape[2])
    total = 0
    for start in range(0, len(rows), 16_000):
        content = io.BytesIO()
        part = Image.fromarray(rows[start : start + 16_000]).convert("RGB")
        part.save(content, "WEBP", lossless=True, quality=100, method=4)
        total += content.tell()
    return total


def left(codes: Codes) -> bytes:
    """Each code less the one to its left."""
    return np.diff(codes, axis=2, prepend=np.uint8(0)).tobytes()


def up(codes: Codes) -> bytes:
    """Each code less the one above."""
    return np.diff(codes, axis=1, prepend=np.uint8(0)).tobytes()


def foretold(codes: Codes) -> bytes:
    """Each code less what those beside it foretell, as a report has the maps."""
    rows = codes.reshape(-1, codes.shape[2])
    return (rows - predicted(rows)).tobytes()


CODERS: dict[str, Callable[[Codes], float]] = {
    "entropy": entropy,
    "gzip": lambda codes: deflated(codes.tobytes()),
    "left, gzip": lambda codes: deflated(left(codes)),
    "up, gzip": lambda codes: deflated(up(codes)),
    "foretold, gzip": lambda codes: deflated(foretold(codes)),
    "PNG": png,
    "WebP": webp,
}


def reports() -> list[list[str]]:
    """What the codes of a report's frames take in each way, by bytes of codes; and the whole report."""
    torch.manual_seed(0)
    image = samples.image()
    models: dict[str, nn.Module] = {
        "shipped model": samples.model(),
        "ResNet-18, random weights": torchvision.models.resnet18(weights=None),
    }
    rows = []
    for name, model in models.items():
        look = inspect(model, image)
        for view in (FEATURE_MAPS, FILTERS):
            sums = dict.fromkeys(CODERS, 0.0)
            total = 0
            for run in look.layers:
                codes = np.asarray(unpack(look.frame(run.name, view)).codes)
                if codes.size:
                    total += codes.size
                    for coder, size in CODERS.items():
                        sums[coder] += size(codes)
            rows.append(
                [f"{name}, {view.replace('_', ' ')}", f"{total / 1e6:.2f} MB"]
                + [f"{sums[coder] / total:.3f}" for coder in CODERS]
            )
        page = look.to_html(max_mb=100)
        frames = re.findall(r'"\d+/\w+/\d+/\d+": ?"([^"]*)"', page)
        whole = f"{len(page) / 1e6:.2f} MB"
        base64 = f"{sum(map(len, frames)) / 1e6:.2f} MB in base64"
        rows.append([f"{name}, report.html", whole, "", base64, *[""] * (len(CODERS) - 2)])
    return rows


def main() -> None:
    """Writes the tables."""
    write(
        "Light to carry",
        f"Processor time in fresh processes, medians of {ROUNDS}; the ratio to `{BESIDE}` (and "
        "torchvision, where it says so) is the median of paired runs (quartiles). Then bytes, and "
        "minified ones gzipped. Then what the codes of a report take by each code, one byte unpacked: "
        "entropy is that of each tile's codes by themselves, WebP and PNG are what browsers decode; the "
        "report gzips whole frames, those of maps less what is foretold, and writes them in base64, which "
        "takes a third more. Measured",
        table(["", "seconds", "ratio"], imports()),
        table(["", "bytes", "gzipped"], weights()),
        table(["", "codes", *CODERS], reports()),
    )


if __name__ == "__main__":
    main()
