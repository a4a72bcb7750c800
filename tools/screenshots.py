"""The pictures of the README: the sample in JupyterLab, and the gallery. `make screenshots`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from chromium import ARGUMENTS, ensure  # noqa: E402
from gallery import FOLDER, STATES, reports, shot  # noqa: E402
from lab import Lab, Notebook, running_lab  # noqa: E402
from view import View  # noqa: E402

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
    shoot(page, "jupyterlab.webp")


def write(content: bytes, path: Path) -> None:
    """Writes a picture as WebP, a fifth of the PNG and the same to the eye."""
    Image.open(io.BytesIO(content)).convert("RGB").save(path, quality=88, method=6)


def shoot(page: Page, name: str) -> None:
    """Writes docs/NAME."""
    path = DOCS / name
    write(page.screenshot(), path)
    print(path.relative_to(ROOT), f"{path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Makes all of them."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        pages = reports(Path(folder))
        FOLDER.mkdir(exist_ok=True)
        for state in STATES:
            path = FOLDER / f"{state.name}.webp"
            write(shot(browser, pages, state), path)
            print(path.relative_to(ROOT), f"{path.stat().st_size / 1000:.0f} kB")
        with running_lab(Path(folder)) as lab:
            jupyterlab(lab, browser)
        browser.close()


if __name__ == "__main__":
    main()
