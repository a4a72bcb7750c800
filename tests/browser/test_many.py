"""Fifty widgets in one notebook stay as usable as one, and a reloaded page shows them again."""

from __future__ import annotations

from pathlib import Path

from lab import Lab, Notebook
from playwright.sync_api import Page, expect
from view import View

COUNT = 50
CELL = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from IPython.display import display
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
ws = [CNNVisWidget(TwoConvs(), image_tensor(48), theme="light") for _ in range({COUNT})]
for w in ws[:25]:
    display(w)
"""
# JupyterLab shows the first 50 outputs of a cell
REST = "for w in ws[25:]: display(w)"

# one widget is laid out and drawn by the browser, and no more than a few others are
FEW = """
(index) => {
  const drawn = [...document.querySelectorAll(".cnnvis-canvas")].map(
    (canvas) => canvas.checkVisibility({ contentVisibilityAuto: true }));
  return drawn[index] && drawn.filter(Boolean).length < 10;
}
"""


def ready(count: int) -> str:
    return f"""document.querySelectorAll('.cnnvis-canvas[data-state="ready"]').length === {count}"""


def test_fifty_widgets_in_one_notebook(lab: Lab, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = Notebook(lab, page, "fifty", [CELL, REST])
    notebook.run()
    page.wait_for_function(ready(COUNT), timeout=120_000)

    # what is off the screen was drawn once, and costs nothing from then on
    for index in (40, 20):
        page.locator(".cnnvis").nth(index).scroll_into_view_if_needed()
        page.wait_for_function(FEW, arg=index)

    # a click in one of them moves that one alone, on both sides
    one = View(page, page.locator(".cnnvis").nth(20))
    one.root.scroll_into_view_if_needed()
    one.pick_layer("second")
    one.wait("second")
    expect(page.locator('.cnnvis-canvas[data-layer="second"]')).to_have_count(1)
    layers = notebook.kernel("[w.layer for w in ws]")
    assert layers == ["second" if i == 20 else "first" for i in range(COUNT)]

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.reload()
    # JupyterLab makes the outputs of a cell once it comes into sight
    for cell, second in ((0, 1), (1, 0)):
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.content.widgets.length === 2"
        )
        page.evaluate(f"window.jupyterapp.shell.currentWidget.content.scrollToItem({cell})")
        shown = page.locator(f'.jp-Cell[data-windowed-list-index="{cell}"] .cnnvis-canvas')
        ready_ = page.locator(
            f'.jp-Cell[data-windowed-list-index="{cell}"] .cnnvis-canvas[data-state="ready"]'
        )
        expect(ready_).to_have_count(COUNT // 2, timeout=120_000)
        layers = [each.get_attribute("data-layer") for each in shown.all()]
        assert layers.count("second") == second
        assert layers.count("first") == COUNT // 2 - second

    # without the widget, text tells what it is
    (text,) = notebook.kernel("list({w._repr_mimebundle_()[0]['text/plain'] for w in ws[:3]})")
    assert "CNNVisWidget" in text
    assert "TwoConvs" in text
    assert errors == []
