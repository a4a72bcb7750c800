"""VS Code's own widget manager with a real kernel, in a page as its webview is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
from hosts.jupyter import CELL, VALUES
from hosts.paths import HERE, ROOT
from lab import Lab
from playwright.sync_api import Page, Route

_BUILT = ROOT / "build" / "vscode"
_SCRIPTS = ("require.js", "bridge.js", "package/dist/ipywidgets.js")


class VSCode:
    """One cell's output in a webview."""

    def __init__(self, lab: Lab, page: Page) -> None:
        _build()
        self.page = page
        self._lab = lab
        self._kernel = _new_kernel(lab)
        script = Path(anywidget.__file__).parent / "nbextension" / "index.js"
        files = {"nbextensions/anywidget/index.js": script}
        files |= {name: _BUILT / name for name in _SCRIPTS}
        for name, path in files.items():
            page.route(f"{lab.url}/vscode/{name}", _answer_with(path))
        self._run()

    def python(self) -> dict[str, Any]:
        """Asks the kernel."""
        values: dict[str, Any] = self._lab.value(self._kernel["id"], VALUES)
        return values

    def reload(self) -> None:
        """VS Code keeps no widget when it makes its webview anew: the cell is run again."""
        self._run()

    def darken(self) -> None:
        """Marks the page as VS Code marks it; the white behind widgets stays."""
        self.page.evaluate(
            """() => {
              document.body.className = "vscode-dark";
              document.body.dataset.vscodeThemeKind = "vscode-dark";
            }"""
        )

    def _run(self) -> None:
        # a page that really came from there may connect to the kernel, a made-up one may not
        self.page.context.clear_cookies()  # who is known there is sent on to JupyterLab
        self.page.goto(f"{self._lab.url}/login")
        self.page.set_content((HERE / "vscode" / "page.html").read_text())
        self.page.wait_for_function("window.ready")
        self.page.evaluate(
            "([kernel, token]) => window.connect(kernel, token)", [self._kernel, self._lab.token]
        )
        self.page.evaluate("code => window.run(code)", CELL)


def _answer_with(path: Path) -> Callable[[Route], None]:
    return lambda route: route.fulfill(path=path)


@cache
def _build() -> None:
    npm = shutil.which("npm") or str(Path(sys.executable).with_name("npm"))
    subprocess.run([npm, "run", "--silent", "vscode"], cwd=ROOT, check=True)


def _new_kernel(lab: Lab) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{lab.url}/api/kernels",
        data=b"{}",
        headers={"Authorization": f"token {lab.token}"},
    )
    with urllib.request.urlopen(request) as answer:
        kernel: dict[str, Any] = json.load(answer)
        return kernel
