"""From kept activations to a packed frame, beside copying the same numbers once. `make bench`.

    .venv/bin/python benchmarks/layer.py

Every convolution of a model, and the filters of a large one. One process for each number of threads.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from results import spread, table, write
from torch import Tensor

from cnnvis import Inspection, inspect
from cnnvis.frame import FEATURE_MAPS, FILTERS

MODELS = ("resnet50", "vgg16")
ROUNDS = 15
THREADS = (1, 2)
CACHES = 320 << 20
"""Bytes that push all else out of the caches."""


def eager(tiles: Tensor) -> bytes:
    """The usual chain, at full resolution and without statistics."""
    lo, hi = tiles.amin((1, 2, 3), keepdim=True), tiles.amax((1, 2, 3), keepdim=True)
    codes = ((tiles - lo) / (hi - lo) * 255).round().to(torch.uint8)
    return codes.numpy().tobytes()


def seconds(run: Callable[[], Any]) -> float:
    """Of one run."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def measure(name: str) -> dict[str, dict[str, list[float]]]:
    """Seconds of each way in each round: of all layers, of the largest one, and of the largest filters."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    look = inspect(model, torch.rand(1, 3, 224, 224))
    layers = [run.name for run in look.layers]
    tiles = {each: look.tiles(each, FEATURE_MAPS, copy=False) for each in layers}
    # 512 x 512 x 3 x 3 in both, and 2048 x 512 x 1 x 1 in ResNet-50
    filters = {each: look.tiles(each, FILTERS) for each in layers}
    kernels = max(
        (f for f in filters.values() if f.shape[2] > 1), key=lambda f: (f.numel(), f.shape)
    )
    weights = next(each for each, f in filters.items() if f.shape == kernels.shape)
    largest = max(layers, key=lambda each: tiles[each].numel())
    cases = {
        "all layers": [(FEATURE_MAPS, each) for each in layers],
        f"largest, {'x'.join(str(n) for n in tiles[largest].shape if n > 1)}": [
            (FEATURE_MAPS, largest)
        ],
        f"filters, {'x'.join(map(str, kernels.shape))}": [(FILTERS, weights)],
    }
    return {case: compared(look, each) for case, each in cases.items()}


def compared(look: Inspection, layers: list[tuple[str, str]]) -> dict[str, list[float]]:
    """Seconds of each way in each round, for all of the layers (view and name)."""
    sources = [look.tiles(name, view, copy=False) for view, name in layers]
    copies = [torch.empty_like(source) for source in sources]
    ways: dict[str, Callable[[], Any]] = {
        "copy": lambda: [b.copy_(a) for a, b in zip(sources, copies, strict=True)],
        "frame": lambda: [look.frame(name, view) for view, name in layers],
        "eager": lambda: [eager(source) for source in sources],
    }
    cold: dict[str, Callable[[], Any]] = {
        "cold copy": lambda: [source.clone() for source in sources],
        "cold frame": ways["frame"],
    }
    other = torch.zeros(CACHES, dtype=torch.uint8)
    found: dict[str, list[float]] = {way: [] for way in ways | cold}
    for round_ in range(ROUNDS + 1):
        for way, run in (ways | cold).items():
            if way in cold:
                other.add_(1)
            took = seconds(run)
            if round_:  # the first warms up
                found[way].append(took)
    return found


def main() -> None:
    """Measures, or prints what this process measured where it was told so."""
    if len(sys.argv) > 2 and sys.argv[1] == "--threads":
        torch.set_num_threads(int(sys.argv[2]))
        print(json.dumps(measure(sys.argv[3])))
        return
    rows = []
    for threads in THREADS:
        for name in MODELS:
            command = [sys.executable, __file__, "--threads", str(threads), name]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            for case, ways in json.loads(done.stdout.splitlines()[-1]).items():
                ms = {way: statistics.median(took) * 1e3 for way, took in ways.items()}
                rows.append(
                    [
                        f"{name}, {case}",
                        str(threads),
                        f"{ms['copy']:.2f} ms",
                        f"{ms['frame']:.2f} ms",
                        f"{ms['eager']:.2f} ms",
                        spread(ways["frame"], ways["copy"]),
                        spread(ways["eager"], ways["copy"]),
                        spread(ways["frame"], ways["eager"]),
                        spread(ways["cold frame"], ways["cold copy"]),
                    ]
                )
                print(rows[-1], file=sys.stderr, flush=True)
    heads = [
        "", "threads", "one copy", "frame", "eager codes", "frame / copy", "eager / copy", "frame / eager",
        "cold frame / cold copy",
    ]  # fmt: skip
    write(
        "A layer on demand",
        "From kept activations (or weights) to the bytes that are sent: codes, exact bounds, mean, "
        "deviation, zeros and what is not finite, averaged where more than 1 MiB. Beside it one copy of "
        "the same numbers into memory that is there, and the usual chain of torch's functions to codes "
        "alone. Cold: with nothing of it in a cache, beside a copy into memory that is new. "
        f"Medians of {ROUNDS} rounds and of the ratios within a round (quartiles). Measured",
        table(heads, rows),
    )


if __name__ == "__main__":
    main()
