"""Notebooks that were run and saved, and the public addresses from which their pages take the scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from hosts.paths import ROOT
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from playwright.sync_api import Page, Route

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"

_PACKAGES = ROOT / "node_modules"
_HOSTS = ("unpkg.com", "cdn.jsdelivr.net", "cdnjs.cloudflare.com")


def executed(folder: Path, *cells: str, store_state: bool = False) -> Any:
    """The notebook of these cells after it was run as nbconvert runs it."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    run = ExecutePreprocessor(timeout=240, kernel_name="python3", store_widget_state=store_state)
    run.preprocess(notebook, {"metadata": {"path": str(folder)}})
    return notebook


def as_html(notebook: Any, path: Path) -> Path:
    """Writes what nbconvert makes of it."""
    text, _ = HTMLExporter().from_notebook_node(notebook)
    path.write_text(text, encoding="utf-8")
    return path


class Network:
    """All that a page asks of others: the public copies of packages answer, and nobody else.

    Attributes:
        asked: What the packages answered.
        refused: What nobody answered.
    """

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        self.refused: list[str] = []
        page.route(re.compile("^https?://"), self._answer)

    def _answer(self, route: Route) -> None:
        url = route.request.url
        path = file_of(url)
        if path is None:
            self.refused.append(url)
            route.abort()
            return
        self.asked.append(url)
        # the scripts are asked for with CORS, as the public copies allow everybody
        route.fulfill(path=path, headers={"Access-Control-Allow-Origin": "*"})


def file_of(url: str) -> Path | None:
    """The file of an installed package that stands at a public address; None where none does."""
    if not any(url.startswith(f"https://{host}/") for host in _HOSTS):
        return None
    if "/require.js/" in url:
        return _PACKAGES / "requirejs" / "require.js"
    found = re.search(r"/((?:@[\w-]+/)?[\w-]+)@[^/]+/(dist/[\w.-]+)$", url)
    if found is None:
        return None
    path = _PACKAGES / found[1] / found[2]
    path = path if path.suffix else path.with_suffix(".js")
    return path if path.is_file() else None


def unsigned(page: str) -> str:
    """A page without the digest of one release of require.js: what is installed is another one."""
    return re.sub(r' integrity="[^"]*"', "", page)


def models(notebook: Any) -> Sequence[Any]:
    """The stored states of its cnnvis widgets."""
    state = notebook.metadata.widgets[STATE]["state"]
    return [model for model in state.values() if model["model_name"] == "AnyModel"]
