"""What a look and a frame take on a GPU, beside the bare forward pass there. `make bench`.

    .venv/bin/python benchmarks/gpu.py [--device cpu]

Where there is no GPU, RESULTS.md stays as it is. With `--device cpu` it runs all the same, on small images
and without writing, to try the script itself.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

import torch
import torchvision
from looks import AGAIN, BARE, FRAME, Looks
from results import spread, table, write
from torch import Tensor, nn

ROUNDS = 21
WAYS = (BARE, AGAIN, FRAME)


def cases(is_tried: bool) -> list[tuple[str, nn.Module, Tensor]]:
    """Models and what they are given; small where only the script is tried."""
    side, large, batch = (64, 128, 2) if is_tried else (224, 1024, 32)
    found: list[tuple[str, nn.Module, Tensor]] = [
        (
            f"{name}, batch {count}",
            torchvision.models.get_model(name),
            torch.rand(count, 3, side, side),
        )
        for name in ("resnet50", "vgg16")
        for count in (1, batch)
    ]
    vit = torchvision.models.vit_b_16(image_size=large)
    return [*found, (f"vit_b_16, {large} x {large}", vit, torch.rand(1, 3, large, large))]


def measure(model: nn.Module, x: Tensor) -> tuple[dict[str, list[float]], float]:
    """Seconds of each way in each round until the device has done all of it, and MiB that a look keeps."""
    looks = Looks(model, x)
    ways = {way: looks.ways[way] for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    draw = random.Random(0)
    for round_ in range(ROUNDS + 2):
        for way in draw.sample(list(ways), len(ways)):
            _wait(x)
            begun = time.perf_counter()
            ways[way]()
            _wait(x)
            if round_ >= 2:  # the first two warm up
                seconds[way].append(time.perf_counter() - begun)
    return seconds, looks.kept_mb()


def _wait(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def main() -> None:
    """Writes the table, where there is a GPU."""
    is_tried = sys.argv[1:] == ["--device", "cpu"]
    if not (is_tried or torch.cuda.is_available()):
        print("There is no GPU here: what a look takes on one was not measured.", file=sys.stderr)
        return
    device = torch.device("cpu" if is_tried else "cuda")
    torch.manual_seed(0)
    rows = []
    for name, model, x in cases(is_tried):
        with torch.no_grad():
            seconds, kept = measure(model.eval().to(device), x.to(device))
        ms = {way: statistics.median(took) * 1e3 for way, took in seconds.items()}
        rows.append(
            [
                name,
                f"{ms[BARE]:.2f} ms",
                spread(seconds[AGAIN], seconds[BARE]),
                f"{ms[FRAME]:.2f} ms",
                f"{kept:.0f} MiB",
            ]
        )
        print(rows[-1], file=sys.stderr, flush=True)
    if is_tried:
        return
    write(
        "On a GPU",
        "All convolutions kept on the device; of a frame only codes, bounds and statistics leave it. The "
        f"median of {ROUNDS} rounds, and of the ratios within a round (quartiles), each until the device has "
        f"done all of it, on {torch.cuda.get_device_name(device)}. Measured",
        table(["", *WAYS, "kept"], rows),
    )


if __name__ == "__main__":
    main()
