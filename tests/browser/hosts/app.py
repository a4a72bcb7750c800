"""The front ends that are servers of apps: marimo, Shiny for Python, Panel.

Each app of `apps` shows the widget and, in an element of class "python", what Python has as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
from hosts.paths import HERE
from hosts.server import running
from playwright.sync_api import Page

_APPS = HERE / "apps"


class App:
    """An app that a visitor has open; a reload is another visit."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        page.goto(url)

    def python(self) -> dict[str, Any]:
        """Reads what Python wrote into the page."""
        values: dict[str, Any] = json.loads(self.page.locator(".python").last.inner_text())
        return values

    def reload(self) -> None:
        """As the browser's button does."""
        self.page.reload()


class Marimo(App):
    """marimo in run mode."""

    def darken(self) -> None:
        """The app follows the system."""
        self.page.emulate_media(color_scheme="dark")


class Shiny(App):
    """Shiny for Python with shinywidgets."""

    def darken(self) -> None:
        """Clicks the app's own switch."""
        self.page.locator("bslib-input-dark-mode").click()


class Panel(App):
    """Panel with ipywidgets_bokeh, which tells what it shows nothing of its theme."""

    def python(self) -> dict[str, Any]:
        """Reads what Python wrote into the page; nothing while it is being written anew."""
        text = self.page.locator(".python pre").last.inner_text()
        values: dict[str, Any] = json.loads(text or "{}")
        return values


@contextmanager
def marimo(page: Page, folder: Path) -> Generator[Marimo]:
    """A marimo app, open in the page."""
    options = ["--headless", "--no-token", "--host", "127.0.0.1"]
    app = str(_APPS / "marimo_app.py")
    with running(["marimo", "run", *options, "--port", "{port}", app], folder) as url:
        yield Marimo(page, url)


@contextmanager
def shiny(page: Page, folder: Path) -> Generator[Shiny]:
    """A Shiny app, open in the page."""
    app = str(_APPS / "shiny_app.py")
    with running(["shiny", "run", "--host", "127.0.0.1", "--port", "{port}", app], folder) as url:
        yield Shiny(page, url)


@contextmanager
def panel(page: Page, folder: Path) -> Generator[Panel]:
    """A Panel app, open in the page; what Panel takes from a CDN comes from the installed package."""
    script = Path(anywidget.__file__).parent / "nbextension" / "index.js"
    page.route(
        "https://unpkg.com/anywidget@**",
        lambda route: route.fulfill(path=script, content_type="text/javascript"),
    )
    app = str(_APPS / "panel_app.py")
    address = ["--address", "127.0.0.1", "--port", "{port}"]
    with running(["panel", "serve", *address, app], folder) as url:
        yield Panel(page, f"{url}/panel_app")
