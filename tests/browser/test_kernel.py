"""What becomes of a view when its kernel is busy, restarts, ends, or is clicked at a thousand times."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import torch
from lab import Lab, Notebook
from nets import TwoConvs, image_tensor
from playwright.sync_api import Page, expect
from view import View, check_maps

CELL = f"""
import sys, time, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
from cnnvis.inspection import Inspection
torch.manual_seed(0)
frames = []
make = Inspection.frame
Inspection.frame = lambda self, *a, **o: frames.append(a) or make(self, *a, **o)
w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
w
"""


@pytest.fixture
def notebook(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Notebook:
    notebook = Notebook(lab, page, re.sub(r"\W", "-", request.node.name), [CELL])
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator('.cnnvis canvas[data-state="ready"]').wait_for(timeout=120_000)
    return notebook


@pytest.fixture
def view(notebook: Notebook) -> View:
    return View(notebook.page)


def is_gone(view: View) -> None:
    """Waits for the words, at most the five seconds that a person may be left to believe."""
    expect(view.root.locator(".cnnvis-quiet")).to_contain_text("run the cell again", timeout=5000)


@pytest.mark.parametrize("how", ["restarted", "ended"])
def test_a_kernel_that_goes_is_missed_within_five_seconds_and_what_was_seen_stays(
    notebook: Notebook, view: View, how: str
) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        activations = TwoConvs().by_hand(image_tensor(48))
    view.pick_layer("second")
    view.wait("second")
    view.pick_layer("first")
    view.wait("first")
    restart = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    if how == "restarted":
        view.page.evaluate(f"void {restart}")
    else:
        view.page.evaluate(
            "void window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".requestExecute({code: 'import os; os._exit(1)'})"
        )
    is_gone(view)
    if how == "ended":  # JupyterLab says so too, over the page
        view.page.locator(".jp-Dialog .jp-mod-accept").click()
    check_maps(view.samples(), activations["first"][0].numpy())
    view.pick_layer("second")  # seen before: it is in the page
    view.wait("second")
    check_maps(view.samples(), activations["second"][0].numpy(), tiles=6)
    view.choose("Filters")  # not seen before
    expect(view.root).to_contain_text("The kernel has ended or was restarted. Run the cell again")
    view.choose("Feature maps")
    view.wait("second")


def test_a_thousand_clicks_on_a_busy_kernel_are_one_or_two_looks(
    notebook: Notebook, view: View
) -> None:
    notebook.execute("frames.clear()")
    view.page.evaluate(
        "void window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: 'import time; time.sleep(4)'})"
    )
    clicked = time.monotonic()
    view.page.evaluate(
        """() => {
          const buttons = [...document.querySelectorAll('.cnnvis-segment')];
          for (let i = 0; i < 1001; i++) buttons[(i + 1) % 2].click();
        }"""
    )
    assert time.monotonic() - clicked < 3, "the page does not wait for the kernel"
    view.wait("first", "filters")
    notebook.wait_for("w.view", "filters")
    assert notebook.kernel("len(frames)") <= 2
    expect(view.root.get_by_role("button", name="Filters")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_busy_kernel_is_said_so_and_the_last_pick_comes(notebook: Notebook, view: View) -> None:
    view.page.evaluate(
        "void window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: 'with w._lock: time.sleep(8)'})"
    )
    notebook.page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
    )
    view.pick_layer("second")
    expect(view.root).to_contain_text(
        "has not answered for four seconds. If it is busy", timeout=8000
    )
    view.wait("second")
    expect(view.root).not_to_contain_text("has not answered")


def test_a_lost_frame_is_asked_for_again(notebook: Notebook, view: View) -> None:
    # the frame of the next layer never leaves the kernel
    notebook.execute(
        "send = w._send; lost = []; "
        "w._send = lambda msg, buffers=None: lost.append(1) "
        "if 'frame' in str(msg.get('buffer_paths')) and not lost else send(msg, buffers)"
    )
    view.pick_layer("second")
    view.wait("second")
    assert notebook.kernel("len(lost)") == 1
