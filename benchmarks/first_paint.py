"""From calling the widget to its painted grid, beside the bare forward pass. `make bench`.

In a real JupyterLab and Chromium on this machine; medians, each forward in the same kernel as its look.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from results import table, write

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from chromium import ARGUMENTS, ensure  # noqa: E402
from lab import Lab, Notebook, running_lab  # noqa: E402

RUNS = 5
FORWARDS = 9

# the model is made in a first cell: what is timed is the look, its transport and its drawing
MODELS = {
    "sample, 224 x 224": "samples.model()",
    "ResNet-50, 224 x 224": "torchvision.models.resnet50(weights=None)",
}
SETUP = """
import time, torch, torchvision
from cnnvis import CNNVisWidget, samples
torch.manual_seed(0)
model = {model}.eval()
image = samples.image()
look = CNNVisWidget(model, image)  # what is imported and allocated once
x = torch.rand(look.inspection.input_shapes[0])
look.close()
times = []
with torch.no_grad():
    for _ in range({forwards}):
        begun = time.perf_counter()
        model(x)
        times.append(time.perf_counter() - begun)
forward = sorted(times)[len(times) // 2]
"""
CALL = """
from IPython.display import display
started = time.time()
w = CNNVisWidget(model, image)
made = time.time()
display(w)
"""


@dataclass(frozen=True)
class Paint:
    """Seconds of one run.

    Attributes:
        forward: The bare forward pass, the median of several.
        made: From the call until the widget is made: the forward pass, the layers, the first frame.
        painted: From the call until its grid is on the canvas.
    """

    forward: float
    made: float
    painted: float


def first_paint(lab: Lab, browser: Browser, model: str, name: str) -> list[Paint]:
    """Runs in fresh pages, each with a kernel of its own."""
    paints = []
    for run in range(RUNS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        notebook = Notebook(
            lab, page, f"{name} {run}", [SETUP.format(model=model, forwards=FORWARDS), CALL]
        )
        notebook.run()
        started, made, forward = notebook.kernel("[started, made, forward]")
        painted = page.evaluate(
            """() => (performance.timeOrigin
                      + performance.getEntriesByName("cnnvis:painted")[0].startTime) / 1000"""
        )
        paints.append(Paint(forward, made - started, painted - started))
        page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
        context.close()
    return paints


def main() -> None:
    """Writes the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        with running_lab(Path(folder)) as lab:
            for name, model in MODELS.items():
                paints = first_paint(lab, browser, model, name)
                forward, made, painted = (
                    statistics.median(getattr(paint, part) for paint in paints)
                    for part in ("forward", "made", "painted")
                )
                beyond = statistics.median(paint.painted - paint.forward for paint in paints)
                rows.append([name, *(f"{each:.2f} s" for each in (forward, made, painted, beyond))])
                print(rows[-1], file=sys.stderr, flush=True)
        browser.close()
    write(
        "From the cell to the painted grid",
        f"In JupyterLab and Chromium with software rendering: medians of {RUNS} fresh pages and kernels, in "
        "which the model and one look are made before. Measured",
        table(
            ["", "bare forward", "widget made", "grid painted", "beyond the forward"],
            rows,
        ),
    )


if __name__ == "__main__":
    main()
