"""How long one frame holds the page's main thread: when a layer is colored, and while it is zoomed.

    .venv/bin/python benchmarks/frames.py

For each kind of layer: until it is seen in other colors (all of its frames, and the longest), then forty
steps of zoom (a frame each), in milliseconds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright
from results import table, write
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from chromium import ARGUMENTS, ensure
from view import View

from cnnvis import inspect

STEPS = 40
COLORMAPS = ("gray", "plasma", "magma", "inferno", "viridis")
WATCH = """
window.spent = [];
const request = window.requestAnimationFrame;
window.requestAnimationFrame = (run) => request((now) => {
  const start = performance.now();
  run(now);
  window.spent.push(performance.now() - start);
});
"""
CASES = {
    "512x28x28": (nn.Conv2d(8, 512, 1), (8, 28, 28), "feature_maps"),
    "64x112x112": (nn.Conv2d(3, 64, 1), (3, 112, 112), "feature_maps"),
    "64x224x224": (nn.Conv2d(3, 64, 1), (3, 224, 224), "feature_maps"),
    "2048x7x7": (nn.Conv2d(8, 2048, 1), (8, 7, 7), "feature_maps"),
    "512x512x3x3 mosaic": (nn.Conv2d(512, 512, 3), (512, 4, 4), "filters"),
    "2048x1024x1x1 matrix": (nn.Conv2d(1024, 2048, 1), (1024, 4, 4), "filters"),
}


def main() -> None:
    """Writes the table."""
    torch.manual_seed(0)
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        for name, (layer, shape, view) in CASES.items():
            path = Path(folder) / "report.html"
            inspect(nn.Sequential(layer), torch.rand(1, *shape)).save_html(path, max_mb=40)
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.add_init_script(WATCH)
            colored, longest, zoom = measure(page, path, view)
            p95 = sorted(zoom)[int(0.95 * len(zoom))]
            took = (
                statistics.median(colored),
                statistics.median(longest),
                statistics.median(zoom),
                p95,
            )
            rows.append([name, *(f"{each:.1f} ms" for each in took)])
            print(rows[-1], file=sys.stderr, flush=True)
            page.close()
        browser.close()
    write(
        "Frames",
        "Script on the page's main thread, Chromium with software rendering: until a layer is seen in other "
        f"colors (the sum of its frames, and the longest), and each of {STEPS} steps of a zoom. A picture "
        "that takes longer comes in parts, so that no frame waits. Measured",
        table(["", "other colors", "longest frame", "zoom, median", "zoom, p95"], rows),
    )


def measure(page: Page, path: Path, shown: str) -> tuple[list[float], list[float], list[float]]:
    """For each change of colors all frames and the longest, and each frame of a zoom."""
    page.goto(path.as_uri())
    view = View(page)
    view.wait("0")
    if shown == "filters":
        view.choose("Filters")
        view.wait("0", "filters")
    colored, longest = [], []
    choice = view.root.get_by_role("combobox", name="Colors")
    for colormap in COLORMAPS:
        view.settle()
        page.evaluate("window.spent = []")
        choice.select_option(colormap)
        view.settle()
        spent = page.evaluate("window.spent")
        colored.append(sum(spent))
        longest.append(max(spent))
    view.point(420, 300)
    page.evaluate("window.spent = []")
    page.keyboard.down("Control")
    for step in range(STEPS):
        page.mouse.wheel(0, -60 if step < STEPS / 2 else 60)
        view.settle()
    page.keyboard.up("Control")
    # the frames that only wait draw nothing
    spent = [each for each in page.evaluate("window.spent") if each > 0.2]
    return colored, longest, spent


if __name__ == "__main__":
    main()
