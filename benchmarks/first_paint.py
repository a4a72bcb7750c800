"""How long from calling the widget to its painted grid, and what a look costs beside the bare forward.

    make bench

In a real JupyterLab and Chromium on this machine. Times of one run are compared with the bare forward
pass of the same model in the same kernel; medians of several.
"""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from chromium import ARGUMENTS, ensure  # noqa: E402
from lab import Lab, Notebook, running_lab  # noqa: E402

RUNS = 5
LOOKS = 15

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
CNNVisWidget(model, image).close()  # what is imported and allocated once
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
    """Seconds from the call to what follows it.

    Attributes:
        made: Until the widget is made: the forward pass, the layers, the first frame.
        painted: Until its grid is on the canvas.
    """

    made: float
    painted: float


def first_paint(
    lab: Lab, browser: Browser, model: str, name: str
) -> tuple[list[Paint], float, float]:
    """Runs in fresh pages; then medians of the bare forward and of a look, made in turn."""
    paints = []
    forward = look = 0.0
    for run in range(RUNS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        notebook = Notebook(lab, page, f"{name} {run}", [SETUP.format(model=model), CALL])
        notebook.run()
        started, made = notebook.kernel("[started, made]")
        painted = page.evaluate(
            """() => (performance.timeOrigin
                      + performance.getEntriesByName("cnnvis:painted")[0].startTime) / 1000"""
        )
        paints.append(Paint(made - started, painted - started))
        if run == RUNS - 1:
            notebook.execute(TIMES)
            forward, look = notebook.kernel("[forward, look]")
        page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
        context.close()
    return paints, forward, look


TIMES = f"""
from statistics import median
x = w.inspection._inputs
def seconds(call):
    begun = time.perf_counter(); call(); return time.perf_counter() - begun
def bare():
    with torch.no_grad():
        model(x)
pairs = [(seconds(bare), seconds(w.refresh)) for _ in range({LOOKS})]
forward, look = median(f for f, _ in pairs), median(l for _, l in pairs)
"""


def main() -> None:
    """Prints the table."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| model | widget made | grid painted | bare forward | w.refresh() | ratio |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        with running_lab(Path(folder)) as lab:
            for name, model in MODELS.items():
                paints, forward, look = first_paint(lab, browser, model, name)
                made = statistics.median(paint.made for paint in paints)
                painted = statistics.median(paint.painted for paint in paints)
                print(
                    f"| {name} | {made:.2f} s | {painted:.2f} s | {forward * 1000:.0f} ms "
                    f"| {look * 1000:.0f} ms | {look / forward:.2f} |",
                    flush=True,
                )
        browser.close()


if __name__ == "__main__":
    main()
