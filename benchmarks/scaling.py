"""How time and memory grow with the work. `make bench`.

    .venv/bin/python benchmarks/scaling.py [--far]

One thing grows at a time: the image, the layers, the channels, the batch, the widgets. Of each size: the bare
forward pass, a first look, one like it, and a frame of the largest layer, which is what a click
waits for. `--far` goes on to images of 4096 pixels, which takes many minutes and some 12 GB.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torchvision
from looks import AGAIN, BARE, FIRST, FRAME, Looks
from results import lines, table, write
from torch import Tensor, nn

from cnnvis import CNNVisWidget

ROUNDS = 5
LONG = 4.0  # seconds of a bare pass after which one round has to do


def sides(far: bool) -> Iterable[tuple[int, nn.Module, Tensor]]:
    """VGG-16 on larger and larger images."""
    model = torchvision.models.vgg16(weights=None)
    for side in (224, 448, 896, 1792, *([4096] if far else [])):
        yield side, model, torch.rand(1, 3, side, side)


def depths(far: bool) -> Iterable[tuple[int, nn.Module, Tensor]]:
    """More and more convolutions in a row."""
    for count in (10, 50, 200, 1000, 2000):
        layers = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(count))
        yield count, nn.Sequential(*layers), torch.rand(1, 8, 32, 32)


def channels(far: bool) -> Iterable[tuple[int, nn.Module, Tensor]]:
    """More and more maps of 28 x 28."""
    for count in (16, 64, 256, 1024, 4096, 8192):
        model = nn.Sequential(nn.Conv2d(16, count, 1), nn.ReLU(), nn.Conv2d(count, 16, 1))
        yield count, model, torch.rand(1, 16, 28, 28)


def batches(far: bool) -> Iterable[tuple[int, nn.Module, Tensor]]:
    """ResNet-18 on more and more images of 112 pixels."""
    model = torchvision.models.resnet18(weights=None)
    for count in (1, 4, 16, 64):
        yield count, model, torch.rand(count, 3, 112, 112)


CURVES: dict[str, Callable[[bool], Iterable[tuple[int, nn.Module, Tensor]]]] = {
    "pixels along a side (VGG-16)": sides,
    "layers": depths,
    "channels": channels,
    "images of a batch (ResNet-18)": batches,
}


def took(run: Callable[[], Any]) -> float:
    """Seconds of one run."""
    gc.collect()
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def seconds(model: nn.Module, x: Tensor) -> tuple[dict[str, float], float]:
    """The medians of each, and what is kept."""
    model.eval()
    with torch.no_grad():
        model(x)
        long = took(lambda: model(x)) > LONG
        looks = Looks(model, x)
        ways: dict[str, list[float]] = {way: [] for way in looks.ways}
        for _ in range(1 if long else ROUNDS):
            for way, run in looks.ways.items():
                ways[way].append(took(run))
    return {way: statistics.median(each) for way, each in ways.items()}, looks.kept_mb()


def slope(sizes: list[int], numbers: list[float]) -> float:
    """The exponent of the power that the last three sizes lie nearest to: below, fixed costs count."""
    return statistics.linear_regression(
        [math.log(each) for each in sizes[-3:]], [math.log(each) for each in numbers[-3:]]
    ).slope


def curve(title: str, far: bool) -> tuple[str, str]:
    """The table of one thing that grows, and its plot."""
    rows: list[list[str]] = []
    sizes: list[int] = []
    found: dict[str, list[float]] = {BARE: [], FIRST: [], AGAIN: [], FRAME: []}
    for size, model, x in CURVES[title](far):
        times, kept = seconds(model, x)
        sizes.append(size)
        for way, each in times.items():
            found[way].append(each)
        rows.append(
            [str(size), *(f"{each * 1e3:.1f} ms" for each in times.values()), f"{kept:.0f} MiB"]
        )
        print(title, rows[-1], file=sys.stderr, flush=True)
    rows.append(["exponent", *(f"{slope(sizes, each):.2f}" for each in found.values()), ""])
    name = f"scaling-{title.split()[0]}"
    return table([title, *found, "kept"], rows), lines(name, title, "seconds", sizes, found)


def widgets() -> str:
    """What each of more and more widgets of one kernel takes, while the others are there."""
    model, x = torchvision.models.resnet18(weights=None).eval(), torch.rand(1, 3, 224, 224)
    CNNVisWidget(model, x).close()
    open_: list[CNNVisWidget] = []
    rows = []
    for count in (1, 2, 4, 8, 16):
        made = 0.0
        while len(open_) < count:
            made = took(lambda: open_.append(CNNVisWidget(model, x)))
        names = [run.name for run in open_[-1].inspection.layers]
        clicks = [took(partial(setattr, open_[-1], "layer", name)) for name in names[1:]]
        rows.append(
            [str(count), f"{made * 1e3:.0f} ms", f"{statistics.median(clicks) * 1e3:.2f} ms"]
        )
    for widget in open_:
        widget.close()
    return table(["widgets", "made, the last", "another layer of it"], rows)


def main() -> None:
    """Writes the tables and plots."""
    torch.manual_seed(0)
    parts = [part for title in CURVES for part in curve(title, "--far" in sys.argv)]
    write(
        "It scales as its work does",
        f"Medians of {ROUNDS} runs, one where a bare pass takes {LONG:.0f} s; the exponents are those "
        "of the last three sizes, beside that of the bare pass. A frame is of at most 1 MiB, "
        "whatever the layer; where the memory budget ends its codes are what was kept, and are only packed. "
        f"{torch.get_num_threads()} threads. Measured",
        *parts,
        widgets(),
    )


if __name__ == "__main__":
    main()
