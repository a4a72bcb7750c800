"""What the page holds for the layer that it shows, beside that layer's codes. `make bench`.

    .venv/bin/python benchmarks/page_memory.py

JavaScript's heap and the buffers behind it, after a collection; what the browser keeps for a canvas is
not in it.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path

import torch
from playwright.sync_api import CDPSession, Page, sync_playwright
from results import table, write
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from chromium import ARGUMENTS, ensure
from view import View

from cnnvis import inspect

CASES = {
    "64x112x112": (nn.Conv2d(3, 64, 1), (3, 112, 112), "feature_maps"),
    "512x28x28": (nn.Conv2d(3, 512, 1), (3, 28, 28), "feature_maps"),
    "2048x7x7": (nn.Conv2d(3, 2048, 1), (3, 7, 7), "feature_maps"),
    "512x512x3x3 mosaic": (nn.Conv2d(512, 512, 3), (512, 4, 4), "filters"),
}
MANY, EACH = 72, (1024, 28, 28)
BOUND = 48 * 2**20
"""Layers that are visited one after the other, more than the page's cache has room for, and its budget."""


class Side(nn.Module):
    """Two or more layers beside each other, so that none changes what the next one gets."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last one's output."""
        found: torch.Tensor = [layer(x) for layer in self.layers][-1]
        return found


def held(cdp: CDPSession) -> float:
    """Bytes of the heap and of all buffers."""
    for _ in range(2):
        cdp.send("HeapProfiler.collectGarbage")
    usage = cdp.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage["backingStorageSize"])


def opened(page: Page, path: Path, model: nn.Module, shape: tuple[int, ...], view: str) -> View:
    """The report of a model, at its first layer."""
    inspect(model, torch.rand(1, *shape)).save_html(path, max_mb=120)
    page.goto(path.as_uri())
    shown = View(page)
    shown.wait("layers.0")
    if view == "filters":
        shown.choose("Filters")
        shown.wait("layers.0", "filters")
    return shown


def visit(view: View, layer: str, what: str = "feature_maps") -> None:
    """Clicks a layer and waits until all that it causes is done."""
    view.pick_layer(layer)
    view.wait(layer, what)
    view.settle()
    view.page.wait_for_timeout(200)


def main() -> None:
    """Writes the table."""
    torch.manual_seed(0)
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        path = Path(folder) / "report.html"
        for name, (layer, shape, what) in CASES.items():
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            cdp = page.context.new_cdp_session(page)
            small = (nn.Conv2d(shape[0], 1, 1), nn.Conv2d(shape[0], 2, 1))
            model = Side(*small, layer, copy.deepcopy(layer))
            view = opened(page, path, model, shape, what)
            # what the first clicks make once, and the first layer of such a size
            for each in ("layers.3", *("layers.1", "layers.0") * 4):
                visit(view, each, what)
            before = held(cdp)
            visit(view, "layers.2", what)
            grown = held(cdp) - before
            maps = layer(torch.rand(1, *shape)).numel()
            codes = layer.weight.numel() if what == "filters" else maps
            rows.append([name, *_row(codes, grown)])
            print(rows[-1], file=sys.stderr, flush=True)
            page.close()
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        cdp = page.context.new_cdp_session(page)
        channels, *side = EACH
        layers = [nn.Conv2d(3, 1, 1), *(nn.Conv2d(3, channels, 1) for _ in range(MANY))]
        view = opened(page, path, Side(*layers), (3, *side), "feature_maps")
        before = held(cdp)
        for index in range(1, MANY + 1):
            visit(view, f"layers.{index}")
        grown = held(cdp) - before
        codes = MANY * channels * side[0] * side[1]
        rows.append(
            [f"{MANY} layers of {'x'.join(map(str, EACH))}, one by one", *_row(codes, grown)]
        )
        print(rows[-1], file=sys.stderr, flush=True)
        browser.close()
    write(
        "What the page holds",
        "How much the page's heap and buffers grow by a layer that is shown, in a report, after a "
        "collection; another of its size was shown before, so what is compiled once does not count. "
        f"Frames seen before are kept up to {BOUND / 2**20:.0f} MiB. Measured",
        table(["", "codes", "grown by", "of the codes"], rows),
    )


def _row(codes: int, grown: float) -> list[str]:
    return [f"{codes / 2**20:.2f} MiB", f"{grown / 2**20:.2f} MiB", f"{grown / codes:.2f}"]


if __name__ == "__main__":
    main()
