"""From the click on a layer to its painted grid, stage by stage, in a real JupyterLab. `make bench`.

    .venv/bin/python benchmarks/clicks.py [model ...]

Every layer is clicked in the list, first unseen and then once more. Kernel and page are on one machine, so
their clocks are one, and the way there and the way back can be told apart.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from results import table, write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from chromium import ARGUMENTS, ensure
from lab import Notebook, running_lab
from view import View

MODELS = ("resnet50", "vgg16")
CROWD = "resnet50"
WIDGETS = (1, 4, 16)
"""In one notebook, each in a cell of its own; the clicks are on the layers of the first."""
ANOTHER = "CNNVisWidget(model, w.image)"
CELL = """
import torch, torchvision
from cnnvis import CNNVisWidget
torch.manual_seed(0)
model = torchvision.models.{model}(weights=None).eval()
w = CNNVisWidget(model, torch.rand(1, 3, 224, 224))
w.timing = True
w
"""
PAUSE = 120  # milliseconds between two clicks: what the last one caused has ended
STAGES = (
    "click", "there", "quantize", "pack", "rest", "back", "decode", "layout", "color", "paint",
)  # fmt: skip
# what happened of a click, by the clock of 1970, in milliseconds
TIMES = """
(layer) => {
  const marks = performance.getEntriesByName("cnnvis:painted").filter(({ detail }) => detail.layer === layer);
  const { detail } = marks.at(-1);
  return { ...detail, clicked: window.clicked, origin: performance.timeOrigin };
}
"""


def clicked(page: Page, view: View, layer: str, is_ahead: bool = False) -> dict[str, float]:
    """Milliseconds of each stage of one click, and their sum.

    With the pointer on the layer for a while before, or there at the moment of the click.
    """
    view.point(20, 20)  # away from the list, where a row that comes under it is fetched ahead
    row = view.option(layer)
    if not row.count():
        view.root.get_by_role("searchbox").fill(layer)
    row.scroll_into_view_if_needed()
    if is_ahead:
        row.hover()  # as a hand does, some tenths of a second before it clicks
    page.wait_for_timeout(PAUSE)
    row.click()
    page.wait_for_timeout(PAUSE)  # to ask whether it is there would hold up the page
    view.wait(layer)
    found: dict[str, Any] = page.evaluate(TIMES, layer)
    spent = found["spent"]
    known = dict(spent["stages"])
    # a layer seen before is painted at once: what the kernel sends is no news then
    is_cached = found["arrived"] == found["asked"]
    started, sent = (0.0, 0.0) if is_cached else (spent["started"], spent["sent"])
    stages = {
        "click": found["asked"] - found["clicked"],
        "decode": found["decoded"] - found["arrived"],
        "layout": found["begun"] - found["decoded"],
        "color": found["colored"] - found["begun"],
        "paint": found["painted"] - found["colored"],
    }
    if not is_cached:
        quantize, pack = known.get("quantize", 0.0), known.get("pack", 0.0)
        stages |= {
            "there": started - found["origin"] - found["asked"],
            "quantize": quantize,
            "pack": pack,
            "rest": sent - started - quantize - pack,
            "back": found["origin"] + found["arrived"] - sent,
        }
    return {**stages, "all": found["painted"] - found["clicked"]}


def quantile(numbers: list[float], share: float) -> float:
    """The number that so many are at most."""
    return sorted(numbers)[min(len(numbers) - 1, int(share * len(numbers)))]


def line(name: str, clicks: list[dict[str, float]]) -> list[str]:
    """Of all clicks: the median and the 95th percentile, and the median of each stage."""
    all_ = [click["all"] for click in clicks]
    cells = [
        name,
        str(len(clicks)),
        f"{statistics.median(all_):.0f} ms",
        f"{quantile(all_, 0.95):.0f} ms",
    ]
    for stage in STAGES:
        took = [click[stage] for click in clicks if stage in click]
        cells.append(f"{statistics.median(took):.1f}" if took else "")
    return cells


def measure(notebook: Notebook, is_ahead: bool) -> tuple[list[dict[str, float]], ...]:
    """Clicks on every layer in no order, and again on every layer."""
    page = notebook.page
    notebook.run()
    view = View(page)
    page.evaluate(
        "window.addEventListener('click', (e) => { window.clicked = e.timeStamp; }, true)"
    )
    layers = notebook.kernel("[run.name for run in w.inspection.layers]")
    unseen = layers[1:]  # the first is the one that is shown
    random.Random(0).shuffle(unseen)
    first = [clicked(page, view, each, is_ahead) for each in unseen]
    return first, [clicked(page, view, each) for each in layers]


def main() -> None:
    """Writes the tables."""
    rows: list[list[str]] = []
    crowd: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        with running_lab(Path(folder)) as lab:
            for model in sys.argv[1:] or MODELS:
                for is_ahead in (False, True):
                    page = browser.new_page(viewport={"width": 1280, "height": 900})
                    name = f"{model}-{is_ahead}"
                    notebook = Notebook(lab, page, name, [CELL.format(model=model)])
                    first, again = measure(notebook, is_ahead)
                    how = "after the pointer rested on it" if is_ahead else "at once"
                    rows.append(line(f"{model}, {how}", first))
                    print(rows[-1], file=sys.stderr, flush=True)
                    page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
                    page.close()
                rows.append(line(f"{model}, seen before", again))
                print(rows[-1], file=sys.stderr, flush=True)
            for widgets in WIDGETS if CROWD in (sys.argv[1:] or MODELS) else ():
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                cells = [CELL.format(model=CROWD), *[ANOTHER] * (widgets - 1)]
                first, again = measure(Notebook(lab, page, f"crowd-{widgets}", cells), False)
                crowd.append(line(f"{widgets}, at once", first))
                crowd.append(line(f"{widgets}, seen before", again))
                print(*crowd[-2:], sep="\n", file=sys.stderr, flush=True)
                page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
                page.close()
        browser.close()
    write(
        "From the click to the painted grid",
        "Every layer at 224 x 224 clicked in the list, in no order, at once (never seen, nor fetched ahead) "
        f"and after the pointer rested on it for {PAUSE} ms, in JupyterLab and Chromium with software "
        "rendering; the median and the 95th percentile over all layers, and the median of each stage in "
        "milliseconds. There and back: from the page to the kernel, and from there to the page. Layout: "
        "panels and the place of the tiles. Painted is what is drawn on the canvas, which the browser "
        "shows with its next frame. Measured",
        table(["", "clicks", "median", "p95", *STAGES], rows),
        f"The same with so many widgets of {CROWD} in one notebook.",
        table(["widgets", "clicks", "median", "p95", *STAGES], crowd),
    )


if __name__ == "__main__":
    main()
