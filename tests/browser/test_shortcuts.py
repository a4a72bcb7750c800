"""Keys of the view do nothing in the notebook, nor its keys in the view; in JupyterLab and Notebook 7."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, Notebook
from playwright.sync_api import Page, expect
from view import View

CELL = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
w
"""
CELLS = """() => {
  const { content } = window.jupyterapp.shell.currentWidget;
  return content.widgets.map((cell) => [cell.model.type, cell.model.sharedModel.getSource()]);
}"""


@pytest.fixture(params=["lab", "notebook7"])
def notebook(page: Page, request: pytest.FixtureRequest) -> Notebook:
    server: Lab = request.getfixturevalue(request.param)
    name = re.sub(r"\W", "-", request.node.name)
    long = "for i in range(120):\n    print(i)"
    notebook = Notebook(server, page, name, [CELL, "below = 1", long])
    notebook.run()
    return notebook


def cells(page: Page) -> Any:
    """What the notebook is."""
    return page.evaluate(CELLS)


def test_no_key_of_the_view_edits_the_notebook(notebook: Notebook) -> None:
    page = notebook.page
    view = View(page)
    view.wait("first")
    before, kernel = cells(page), notebook.kernel("id(w)")
    search = view.root.get_by_role("searchbox")
    rows = view.layers.get_by_role("treeitem")
    colors = view.root.get_by_role("combobox", name="Colors")
    for focus in (view.canvas, colors, rows.first, search):
        focus.focus()
        for key in [*"baxddmy00+", "ArrowDown", "ArrowUp", "Home"]:
            page.keyboard.press(key)
    search.press("Enter")
    search.fill("")
    view.settle()
    assert cells(page) == before
    assert notebook.kernel("id(w)") == kernel
    view.canvas.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    expect(view.root).to_contain_text("Picked: channel 0")


def test_keys_that_the_view_does_not_use_are_the_notebooks(notebook: Notebook) -> None:
    page = notebook.page
    view = View(page)
    view.wait("first")
    page.evaluate(
        """() => {
          const { content } = window.jupyterapp.shell.currentWidget;
          content.widgets[1].model.sharedModel.setSource("below = 2");
        }"""
    )
    page.wait_for_function("window.jupyterapp.shell.currentWidget.context.model.dirty")
    view.canvas.focus()
    page.keyboard.press("Control+s")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    view.wait("first")


# of all boxes around the view, whichever it is that a notebook scrolls
SCROLLED = """root => {
  let top = 0;
  for (let box = root.parentElement; box; box = box.parentElement) top += box.scrollTop;
  return top;
}"""


def test_the_wheel_scrolls_the_notebook_until_the_view_has_the_focus(notebook: Notebook) -> None:
    page = notebook.page
    page.emulate_media(reduced_motion="reduce")  # movements end at once
    view = View(page)
    view.wait("first")
    view.root.evaluate("root => root.scrollIntoView()")
    view.settle()
    fit = view.transform()

    def scrolled() -> float:
        view.settle()
        top: float = view.root.evaluate(SCROLLED)
        return top

    top = scrolled()
    view.point(150, 150)
    page.mouse.wheel(0, 60)
    page.wait_for_function(
        "([root, top]) => (" + SCROLLED + ")(root) > top", arg=[view.root.element_handle(), top]
    )
    view.settle()
    assert view.transform() == fit

    top = scrolled()
    page.keyboard.down("Control")
    view.point(150, 150)
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    expect(view.canvas).not_to_have_attribute("data-transform", re.compile(rf"^{fit[0]:.4}"))
    assert scrolled() == top
    view.root.get_by_role("button", name="Fit").click()
    view.settle()
    assert view.transform() == fit

    view.canvas.focus()
    top = scrolled()
    view.point(150, 150)
    page.mouse.wheel(0, -200)
    expect(view.canvas).not_to_have_attribute("data-transform", re.compile(rf"^{fit[0]:.4}"))
    assert scrolled() == top
