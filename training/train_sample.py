"""Trains the network that cnnvis ships: which photograph was this crop cut from, and which way up is it?

    python training/train_sample.py --minutes 25

Asano, Rupprecht and Vedaldi (2020, "A critical analysis of self-supervision, or what we can learn from
a single image") show that the early layers of a network can be learned from very few pictures, if
their crops are varied enough. Two heads are trained on such crops: the photograph, and the quarter turn
(Gidaris, Singh and Komodakis, 2018, "Unsupervised representation learning by predicting image
rotations"), whose head is dropped at the end. The first filters start from the photographs' own patches
(first_filters.py). A strip of each photograph is kept out of training, for an honest accuracy.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from crops import Batches, Versions, batch, jittered, normalized, versions
from first_filters import first_filters
from photographs import PHOTOGRAPHS, load
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "src" / "cnnvis" / "samples"
sys.path.insert(0, str(ROOT / "src"))
from cnnvis.samples.network import SampleNet  # noqa: E402

SHORTER_SIDE = 640  # pixels, of the largest version of a photograph
REPORT = 250  # steps
STEM_RATE = 0.1  # of the others': the first filters are adjusted, not learned anew


def accuracy(
    model: SampleNet, turner: nn.Linear, photographs: list[Versions]
) -> tuple[float, float]:
    """Shares right on 2,000 crops of the parts that are kept out: photograph, quarter turn."""
    random = np.random.default_rng(0)
    model.eval()
    right = torch.zeros(2)
    with torch.no_grad():
        for _ in range(20):
            crops, which, turns = batch(photographs, 100, random, train=False)
            features = model.features(normalized(crops / 255))
            right[0] += (model.head(features).argmax(1) == which).sum()
            right[1] += (turner(features).argmax(1) == turns).sum()
    model.train()
    photograph, turn = (right / 2000).tolist()
    return photograph, turn


def filters_picture(weights: Tensor, zoom: int = 10, gap: int = 6, across: int = 8) -> Image.Image:
    """First filters (n, 3, k, k) as RGB pictures, each by its own range about mid gray."""
    shown = (weights / weights.abs().amax((1, 2, 3), keepdim=True) + 1) / 2
    tiles = shown.mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    side = tiles.shape[1] * zoom
    step = side + gap
    sheet = Image.new("RGB", (step * across + gap, step * -(-len(tiles) // across) + gap))
    for i, tile in enumerate(tiles):
        picture = Image.fromarray(tile).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(picture, (gap + i % across * step, gap + i // across * step))
    return sheet


def save(model: SampleNet, folder: Path) -> None:
    """Writes the weights in half precision to the file that is shipped, and a picture of the filters."""
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    half = {n: v.half() if v.is_floating_point() else v for n, v in state.items()}
    labels = json.dumps([photograph.label for photograph in PHOTOGRAPHS])
    packed = safetensors.torch.save(half, {"labels": labels})
    (folder / "sample.safetensors").write_bytes(packed)
    picture = filters_picture(model.stem.conv.weight.detach())
    picture.save(Path(__file__).with_name("filters.png"), optimize=True)


def train(minutes: float, size: int, rate: float, decay: float, seed: int, cache: Path) -> None:
    """Trains for the given time, tells how it goes, and saves at each telling."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    photographs = [versions(picture) for picture in load(cache, SHORTER_SIDE)]
    model = SampleNet(len(photographs)).to(memory_format=torch.channels_last).train()
    turner = nn.Linear(model.WIDTHS[-1], 4)
    stem = model.stem.conv.weight
    stem.data.copy_(first_filters(photographs, len(stem), stem.shape[-1], seed))
    others = [p for p in (*model.parameters(), *turner.parameters()) if p is not stem]
    optimizer = torch.optim.SGD(
        [
            {"params": others, "weight_decay": decay, "highest": rate},
            {"params": [stem], "weight_decay": 0.0, "highest": rate * STEM_RATE},
        ],
        rate,
        momentum=0.9,
        nesterov=True,
    )
    loader = DataLoader(Batches(photographs, size, seed), batch_size=None, num_workers=1)
    start, loss_sum = time.monotonic(), 0.0
    for step, (crops, which, turns) in enumerate(loader, 1):
        share = (time.monotonic() - start) / (minutes * 60)
        for group in optimizer.param_groups:
            warm = min(1.0, step / 100)
            group["lr"] = group["highest"] * warm * (1 + math.cos(math.pi * min(share, 1))) / 2
        inputs = normalized(jittered(crops / 255, generator))
        with torch.autocast("cpu", torch.bfloat16):
            features = model.features(inputs)
            loss = F.cross_entropy(model.head(features).float(), which)
            loss = loss + F.cross_entropy(turner(features).float(), turns)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss_sum += loss.item()
        if step % REPORT == 0 or share >= 1:
            photograph, turn = accuracy(model, turner, photographs)
            print(
                f"step {step} ({step * size} crops, {time.monotonic() - start:.0f} s) "
                f"loss {loss_sum / ((step - 1) % REPORT + 1):.3f} "
                f"held out: photograph {photograph:.3f}, turn {turn:.3f}",
                flush=True,
            )
            loss_sum = 0.0
            save(model, SAMPLES)
        if share >= 1:
            break


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.1, help="highest learning rate")
    parser.add_argument("--decay", type=float, default=5e-4, help="weight decay")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path(__file__).with_name("cache"))
    options = parser.parse_args()
    train(options.minutes, options.batch, options.rate, options.decay, options.seed, options.cache)


if __name__ == "__main__":
    main()
