"""A notebook that was executed and is read where no widgets are: as HTML of nbconvert, as a file."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from nets import TwoConvs, image_tensor
from PIL import Image
from playwright.sync_api import Page, expect
from view import View, check_maps

CELL = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light", {{options}})
w
"""


def executed(folder: Path, options: str = "", store_state: bool = False) -> Any:
    """The notebook of one cell after it was run as nbconvert runs it."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL.format(options=options))],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    run = ExecutePreprocessor(timeout=120, kernel_name="python3", store_widget_state=store_state)
    run.preprocess(notebook, {"metadata": {"path": str(folder)}})
    return notebook


def opened_offline(page: Page, notebook: Any, folder: Path) -> list[str]:
    """Opens its HTML; what it asked the network for, in vain."""
    text, _ = HTMLExporter().from_notebook_node(notebook)
    path = folder / "notebook.html"
    path.write_text(text, encoding="utf-8")
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile("^https?:"), refuse)
    page.goto(path.as_uri())
    return asked


@pytest.fixture
def activations() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        return TwoConvs().by_hand(image_tensor(48))


def test_a_static_widget_is_interactive_in_the_html_of_nbconvert(
    page: Page, tmp_path: Path, activations: dict[str, torch.Tensor]
) -> None:
    opened_offline(page, executed(tmp_path, "static=True"), tmp_path)
    frame = page.locator("iframe[srcdoc]")
    frame.scroll_into_view_if_needed()
    view = View(page, page.frame_locator("iframe[srcdoc]").locator(".cnnvis").first)
    view.wait("first")
    check_maps(view.samples(), activations["first"][0].numpy())
    view.layers.get_by_role("treeitem", name="second").click()
    view.wait("second")
    check_maps(view.samples(), activations["second"][0].numpy(), tiles=6)


def test_without_it_the_picture_is_shown(page: Page, tmp_path: Path) -> None:
    opened_offline(page, executed(tmp_path), tmp_path)
    picture = page.locator(".jp-OutputArea-output img, .output_png img").first
    expect(picture).to_be_visible()
    content = str(picture.get_attribute("src")).split(",")[1]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    assert shown.shape[1] == 420
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 40


def test_a_stored_state_stays_small(tmp_path: Path) -> None:
    notebook = executed(tmp_path, store_state=True)
    stored = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]
    assert any(model["model_name"] == "AnyModel" for model in stored["state"].values())
    assert len(json.dumps(stored)) < 2_000_000
    assert len(nbformat.writes(notebook)) < 2_200_000
