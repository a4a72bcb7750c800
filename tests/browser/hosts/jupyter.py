"""JupyterLab and Notebook 7."""

from __future__ import annotations

from typing import Any

from hosts.paths import IMPORTS
from lab import Lab, Notebook
from playwright.sync_api import Page

CELL = f"""
{IMPORTS}
from hosts.subject import READ, read, widget
w, runs = widget(), []
w.observe(runs.append, READ)
w
"""
VALUES = "{**read(w), 'runs': len(runs)}"


class Jupyter:
    """A notebook of one cell."""

    def __init__(self, lab: Lab, page: Page) -> None:
        self.page = page
        self._notebook = Notebook(lab, page, "front-end", [CELL])
        self._notebook.run()

    def python(self) -> dict[str, Any]:
        """Asks the notebook's kernel."""
        values: dict[str, Any] = self._notebook.kernel(VALUES)
        return values

    def reload(self) -> None:
        """Saves the notebook first; no cell is run."""
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        )
        self.page.reload()

    def darken(self) -> None:
        """As the menu Settings, Theme does."""
        self.page.evaluate(
            "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
