"""What looking costs: cnnvis and its peers beside the bare forward pass, as ratios. `make bench`.

    .venv/bin/python benchmarks/looking.py [model ...]

All take every convolution. One process for each model and number of threads; in it each round runs all of
them once, in an order that is drawn, so that the machine's moods fall on all alike. Ratios are of two
runs in one round: their median, and their quartiles.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from matplotlib import pyplot
from results import dots, spread, table, write
from torch import Tensor, nn

from cnnvis import CNNVisWidget, inspect

MODELS = (
    "resnet50", "vgg16", "convnext_tiny", "resnet18", "densenet121", "efficientnet_b0",
    "mobilenet_v3_large", "resnet152",
)  # fmt: skip
ROUNDS = 11
SLOW = ("torchlens",)
"""What takes so long, and leaves so much to clean up, that it runs last and less often."""
SLOW_ROUNDS = 3
THREADS = (1, 2)
BARE = "bare forward"
COPIES = "copies alone"
OTHER = "w.image = other"
ALL_OF_IT = "and what follows"
"""What a kernel does once it has the time, which nobody waits for, beside the other image itself."""
FIRST = "inspect, first"


def convolutions(model: nn.Module) -> dict[str, nn.Module]:
    """The convolutions of a model by name."""
    return {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}


def copies(model: nn.Module, first: Tensor) -> Callable[[Tensor], Any]:
    """Hooks that copy into memory that is there, and nothing else: the least that it takes to keep all."""
    kept: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def seen(module: nn.Module, args: Any, output: Tensor) -> None:
            if name in kept:
                kept[name].copy_(output)
            else:
                kept[name] = output.clone()

        return seen

    def run(x: Tensor) -> Any:
        handles = [m.register_forward_hook(hook(n)) for n, m in convolutions(model).items()]
        try:
            return model(x)
        finally:
            for handle in handles:
                handle.remove()

    return run


def ours(model: nn.Module, first: Tensor) -> dict[str, Callable[[Tensor], Any]]:
    """A first look, one like an earlier one, and a widget's other image."""
    last = [inspect(model, first)]
    widget = CNNVisWidget(model, first)

    def again(x: Tensor) -> None:
        last[0] = inspect(model, x, like=last[0])

    def other(x: Tensor) -> None:
        widget.image = x

    return {
        "inspect, like the last": again,
        OTHER: other,
        FIRST: lambda x: inspect(model, x),
    }


def torchvision_extractor(model: nn.Module, first: Tensor) -> Callable[[Tensor], Any]:
    """Torchvision's extractor of features, from a traced graph."""
    from torchvision.models.feature_extraction import create_feature_extractor

    taken = create_feature_extractor(model, list(convolutions(model))).eval()
    return lambda x: taken(x)


def timm_hooks(model: nn.Module, first: Tensor) -> Callable[[Tensor], Any]:
    """Timm's hooks, which keep references."""
    from timm.models._features import FeatureHooks

    def run(x: Tensor) -> Any:
        hooks = FeatureHooks(list(convolutions(model)), model.named_modules())
        try:
            model(x)
            return hooks.get_output(x.device)
        finally:
            for module in convolutions(model).values():
                module._forward_hooks.clear()

    return run


def captum_layers(model: nn.Module, first: Tensor) -> Callable[[Tensor], Any]:
    """Captum's activations of all layers in one call."""
    from captum.attr import LayerActivation

    taken = LayerActivation(model, list(convolutions(model).values()))
    return lambda x: taken.attribute(x)


def torchlens_log(model: nn.Module, first: Tensor) -> Callable[[Tensor], Any]:
    """Torchlens's record of every operation."""
    import torchlens

    return lambda x: torchlens.trace(model, x)


PEERS = {
    "torchvision's extractor": torchvision_extractor,
    "timm's hooks": timm_hooks,
    "captum, all layers": captum_layers,
    "torchlens": torchlens_log,
}


def axes_of_a_layer(maps: Tensor) -> float:
    """Seconds that the tutorials' way takes for one layer: 64 maps, each on axes of its own."""
    begun = time.perf_counter()
    figure, axes = pyplot.subplots(8, 8, figsize=(12, 12))
    for ax, values in zip(axes.flat, maps[0, :64], strict=False):
        ax.imshow(values.numpy())
        ax.axis("off")
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close(figure)
    return time.perf_counter() - begun


async def measure(name: str) -> dict[str, Any]:
    """Seconds of each way in each round, in this process; in an event loop, as a notebook's kernel is."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    images = [torch.rand(1, 3, 224, 224) for _ in range(2)]
    ways: dict[str, Callable[[Tensor], Any]] = {
        BARE: model,
        COPIES: copies(model, images[0]),
        **ours(model, images[0]),
    }
    missing: dict[str, str] = {}
    for peer, make in PEERS.items():
        try:
            run = make(model, images[0])
            with torch.no_grad():
                run(images[0])
            ways[peer] = run
        except Exception as error:
            missing[peer] = type(error).__name__
    seconds: dict[str, list[float]] = {way: [] for way in (*ways, ALL_OF_IT)}
    draw = random.Random(0)
    quick = [way for way in ways if way not in SLOW]
    with torch.no_grad():
        for round_ in range(ROUNDS + 1):
            # in another order each time: what one way leaves in the caches is not the same one's always
            order = draw.sample(quick, len(quick))
            if round_ > ROUNDS - SLOW_ROUNDS:
                order += [way for way in SLOW if way in ways]
            for way in order:
                gc.collect()
                begun = time.perf_counter()
                run = ways[way]
                run(images[round_ % 2])
                took = time.perf_counter() - begun
                await asyncio.sleep(0)
                if round_:  # the first warms up
                    seconds[way].append(took)
                    if way == OTHER:
                        seconds[ALL_OF_IT].append(time.perf_counter() - begun)
        maps = next(iter(convolutions(model).values()))(images[0])
    return {
        "seconds": seconds,
        "missing": missing,
        "axes": axes_of_a_layer(maps),
        "layers": len(convolutions(model)),
    }


def ratios(seconds: dict[str, list[float]], way: str) -> tuple[list[float], list[float]]:
    """The way's seconds, and those of the bare pass in the same rounds."""
    return seconds[way], seconds[BARE][-len(seconds[way]) :]


def main() -> None:
    """Measures, or prints what this process measured where it was told so."""
    if len(sys.argv) > 2 and sys.argv[1] == "--threads":
        torch.set_num_threads(int(sys.argv[2]))
        print(json.dumps(asyncio.run(measure(sys.argv[3]))))
        return
    names = sys.argv[1:] or MODELS
    parts = []
    ways = [COPIES, "inspect, like the last", OTHER, ALL_OF_IT, FIRST, *PEERS]
    for threads in THREADS:
        rows = []
        middles: dict[str, dict[str, float]] = {way: {} for way in ways}
        for name in names:
            command = [sys.executable, __file__, "--threads", str(threads), name]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
            seconds = found["seconds"]
            for way in middles.keys() & seconds.keys():
                middles[way][name] = statistics.median(
                    a / b for a, b in zip(*ratios(seconds, way), strict=True)
                )
            added = [a - b for a, b in zip(*ratios(seconds, FIRST), strict=True)]
            rows.append(
                [
                    name,
                    f"{statistics.median(seconds[BARE]) * 1e3:.0f} ms",
                    *(
                        spread(*ratios(seconds, way)) if way in seconds else found["missing"][way]
                        for way in ways
                    ),
                    f"{statistics.median(added):.2f} s",
                    f"{found['axes'] * found['layers']:.0f} s",
                ]
            )
            print(rows[-1], file=sys.stderr, flush=True)
        heads = ["model", BARE, *ways, "the first adds", "64 axes a layer"]
        title = f"### {threads} thread{'s' if threads > 1 else ''}"
        plot = dots(f"looking-{threads}", "times the bare forward pass", middles)
        parts += [title, table(heads, rows), plot]
    write(
        "What looking costs",
        f"Times the bare forward pass of the same round: the median of {ROUNDS} rounds (quartiles); all "
        "convolutions at 224 x 224, random weights. Copies alone: hooks that copy into memory that is there, "
        "the least that it takes to keep all. What follows another image comes once the kernel has the "
        "time: predictions, the input's picture, small pictures of all layers, notes. The first look finds "
        "the layers, follows every operation and makes room for the copies: the seconds that it adds. The "
        "last column is one layer's 64 axes in matplotlib times the number of layers. An error's name is "
        "what a tool raised: torchvision's extractor cannot look into torchvision's own blocks. Measured",
        *parts,
    )


if __name__ == "__main__":
    main()
