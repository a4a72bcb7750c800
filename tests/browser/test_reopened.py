"""A notebook that was saved in JupyterLab and is opened again, with no kernel that knows the widget."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from typing import Any

import nbformat
import pytest
import torch
from hosts.paths import IMPORTS
from hosts.saved import executed
from lab import Lab, Notebook
from nets import TwoConvs, image_tensor
from playwright.sync_api import Page, expect
from view import View, check_maps

CELL = f"""
{IMPORTS}
import torch
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
w
"""


def run_and_saved(lab: Lab, page: Page, name: str, cell: str = CELL, count: int = 1) -> Any:
    """The notebook as JupyterLab saves it after the cell was run; its kernel is ended."""
    notebook = Notebook(lab, page, name, [cell])
    notebook.run()
    expect(page.locator(".cnnvis-canvas[data-state=ready]")).to_have_count(count)
    still = page.locator(".cnnvis-still")
    expect(still).to_have_count(count)
    rows = page.locator(".jp-OutputArea-child", has=still)
    expect(rows).to_have_count(count)
    for each in rows.all():
        expect(each).to_be_hidden()
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    for session in lab.api("sessions"):
        if session["path"] == notebook.name:
            request = urllib.request.Request(
                f"{lab.url}/api/sessions/{session['id']}",
                headers={"Authorization": f"token {lab.token}"},
                method="DELETE",
            )
            urllib.request.urlopen(request).close()
    return nbformat.read(lab.folder / notebook.name, as_version=4)


def opened(lab: Lab, page: Page, name: str, kernel: bool) -> None:
    """Opens a notebook, with a new kernel or with none."""
    page.goto(f"{lab.url}/{lab.place}/{name}?token={lab.token}")
    if not kernel:
        dialog = page.locator(".jp-Dialog")
        dialog.locator("select").select_option(label="No Kernel")
        dialog.locator(".jp-mod-accept").click()
        expect(dialog).to_have_count(0)
    else:
        page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")


def trusted(lab: Lab, notebook: Any, name: str, kernel: bool) -> str:
    """Writes a notebook and signs it; without a kernel's name JupyterLab asks for one."""
    if not kernel:
        notebook.metadata.clear()
    path = lab.folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    environment = {**os.environ, "JUPYTER_DATA_DIR": str(lab.folder / ".data")}
    command = [sys.executable, "-m", "jupyter", "trust", str(path)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return path.name


@pytest.mark.parametrize("kernel", [False, True], ids=["no kernel", "a new kernel"])
def test_what_was_saved_without_state_shows_its_picture_and_no_error(
    lab: Lab, page: Page, kernel: bool
) -> None:
    notebook = run_and_saved(lab, page, f"saved-{kernel}")
    assert len(nbformat.writes(notebook)) < 300_000
    opened(lab, page, trusted(lab, notebook, f"again-{kernel}", kernel), kernel)
    if kernel:  # what JupyterLab says of it is there, and not seen
        error = page.get_by_text("Error displaying widget")
        expect(error).to_have_count(1, timeout=60_000)
        expect(error).to_be_hidden()
    picture = page.locator(".cnnvis-still img")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => picture.naturalWidth") > 300
    expect(page.get_by_text("Loading widget")).to_be_hidden()
    expect(page.get_by_text("run the cell to explore it")).to_be_visible()


def test_each_of_several_widgets_of_a_cell_shows_its_picture(lab: Lab, page: Page) -> None:
    cell = (
        CELL.rstrip().removesuffix("w") + "from IPython.display import display\ndisplay(w, w, w)\n"
    )
    notebook = run_and_saved(lab, page, "three", cell, count=3)
    opened(lab, page, trusted(lab, notebook, "three-again", kernel=True), kernel=True)
    errors = page.get_by_text("Error displaying widget")
    expect(errors).to_have_count(3, timeout=60_000)
    expect(page.locator(".cnnvis-still img:visible")).to_have_count(3)
    for error in errors.all():
        expect(error).to_be_hidden()


def test_where_it_is_not_trusted_there_is_one_picture(lab: Lab, page: Page) -> None:
    notebook = run_and_saved(lab, page, "untrusted")
    notebook.cells[0].source += "\n"
    for output in notebook.cells[0].outputs:  # other bytes than those that were signed
        if "text/plain" in output.get("data", {}):
            output.data["text/plain"] += " "
    notebook.metadata.clear()
    nbformat.write(notebook, lab.folder / "other.ipynb")
    opened(lab, page, "other.ipynb", kernel=False)
    expect(page.locator(".jp-OutputArea-output img:visible")).to_have_count(1)


def test_what_was_saved_with_state_is_interactive_with_a_kernel_that_does_not_know_it(
    lab: Lab, page: Page
) -> None:
    notebook = executed(lab.folder, CELL, store_state=True)
    opened(lab, page, trusted(lab, notebook, "with-state", kernel=True), kernel=True)
    view = View(page)
    expect(view.canvas).to_have_attribute("data-state", "ready", timeout=60_000)
    torch.manual_seed(0)
    with torch.no_grad():
        maps = TwoConvs().by_hand(image_tensor(48))["first"][0].numpy()
    check_maps(view.samples(), maps)
    view.pick_layer("second")
    expect(view.root.locator(".cnnvis-message")).to_contain_text("its kernel has ended")
