"""The pictures of the README: the sample in a real JupyterLab, and its report. `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from chromium import ARGUMENTS, ensure  # noqa: E402
from lab import Lab, Notebook, running_lab  # noqa: E402
from view import View  # noqa: E402

from cnnvis import inspect, samples  # noqa: E402

DOCS = ROOT / "docs"
CELL = """from cnnvis import CNNVisWidget, samples

w = CNNVisWidget(samples.model(), samples.image(), labels=samples.labels(){options})
w"""


def new_page(browser: Browser, width: int, height: int, scale: float, dark: bool) -> Page:
    """A page of that many CSS pixels."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark" if dark else "light",
    )
    return context.new_page()


def jupyterlab(lab: Lab, browser: Browser) -> None:
    """The one line, and what it shows."""
    page = new_page(browser, 1280, 860, 1, dark=False)
    notebook = Notebook(lab, page, "one line", [CELL.format(options=", height=600")])
    notebook.run()
    view = View(page)
    view.wait("stem.conv")
    notebook.execute("w.channels = [1]")
    view.leave()
    shoot(page, "jupyterlab.png")


def report(browser: Browser, file: Path) -> None:
    """The report: filters, deeper layers, dark, narrow."""
    page = new_page(browser, 1200, 760, 1, dark=False)
    view = open_report(page, file)
    view.choose("Filters")
    view.wait("stem.conv", "filters")
    shoot(page, "filters.png")
    view.pick_layer("stage2.0.conv1")
    view.wait("stage2.0.conv1", "filters")
    shoot(page, "mosaic.png")

    page = new_page(browser, 1200, 760, 1, dark=True)
    view = open_report(page, file)
    view.pick_layer("stage2.1.conv1")
    view.wait("stage2.1.conv1")
    shoot(page, "dark.png")

    page = new_page(browser, 360, 800, 2, dark=False)
    open_report(page, file)
    shoot(page, "narrow.png")


def open_report(page: Page, file: Path) -> View:
    """Opens the report, painted."""
    page.goto(file.as_uri())
    view = View(page)
    view.wait("stem.conv")
    return view


def shoot(page: Page, name: str) -> None:
    """Writes docs/NAME."""
    path = DOCS / name
    page.screenshot(path=path)
    print(path.relative_to(ROOT), f"{path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Makes all of them."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        look = inspect(samples.model(), samples.image(), labels=samples.labels())
        file = look.save_html(Path(folder) / "report.html")
        report(browser, file)
        with running_lab(Path(folder)) as lab:
            jupyterlab(lab, browser)
        browser.close()


if __name__ == "__main__":
    main()
