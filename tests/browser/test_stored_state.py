"""What a notebook stores of a widget: enough to be used without a kernel, and small."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from hosts.paths import IMPORTS
from hosts.saved import Network, as_html, executed, file_of, models, unsigned
from ipywidgets.embed import dependency_state, embed_minimal_html
from nets import TwoConvs, image_tensor
from playwright.sync_api import ConsoleMessage, Page, expect
from view import View, check_maps

from cnnvis import CNNVisWidget
from cnnvis.frame import unpack

SMALL = f"""
{IMPORTS}
import torch
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
w
"""

# the layer with the largest frame, chosen as a person chooses it: after the widget was shown
LARGE = """
import torch, torchvision
from IPython.display import display
from cnnvis import CNNVisWidget
torch.manual_seed(0)
model = torchvision.models.{net}(weights=None)
w = CNNVisWidget(model, torch.rand(1, 3, 224, 224), theme="light", layers="all" if {layer!r} else None)
layers = w.inspection.layers if {layer!r} is None else [w.inspection.layer({layer!r})]
frames = {{run.name: len(w.inspection.frame(run.name, {view!r})) for run in layers}}
w.layer, w.view = max(frames, key=frames.get), {view!r}
print(w.layer, max(frames.values()))
w
"""


def errors_of(page: Page) -> list[str]:
    """What the page complains of from now on."""
    errors: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # html-manager looks for anywidget beside the page before it asks its public copy; nbconvert
        # wants MathJax, which is not among what is installed
        where = str(message.location.get("url"))
        own = where.endswith("/anywidget.js") or "/mathjax/" in where
        if message.type == "error" and not own:
            errors.append(f"{message.text} ({where})")

    page.on("console", hear)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def maps() -> dict[str, Any]:
    torch.manual_seed(0)
    with torch.no_grad():
        found = TwoConvs().by_hand(image_tensor(48))
    return {name: found[name][0].numpy() for name in ("first", "second")}


def check_without_kernel(page: Page) -> None:
    """Everything that needs no kernel works, and what does is refused at once, with the reason."""
    view = View(page)
    view.wait("first")
    check_maps(view.samples(), maps()["first"])
    before = view.transform()[0]
    box = view.box()
    view.point(box["width"] / 3, box["height"] / 3)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    view.settle()
    assert view.transform()[0] > before * 1.2
    check_maps(view.samples(), maps()["first"], tiles=1)
    view.root.get_by_role("button", name="Fit").click()
    # the clock of the page stands: what is said is said without waiting for anyone
    page.clock.pause_at(page.evaluate("Date.now() + 1"))
    view.pick_layer("second")
    message = view.root.locator(".cnnvis-message")
    expect(message).to_contain_text("its kernel has ended")
    expect(message).to_contain_text("the feature maps of “first”")
    view.choose("Filters")
    expect(message).to_contain_text("its kernel has ended")
    page.clock.resume()
    expect(view.canvas).not_to_have_attribute("data-state", "ready")
    view.choose("Feature maps")
    view.pick_layer("first")
    view.wait("first")
    expect(message).to_have_text("")
    expect(view.root.locator(".cnnvis-badge").filter(has_text="kernel")).to_have_count(0)
    check_maps(view.samples(), maps()["first"])


def test_in_the_html_of_nbconvert_the_stored_layer_is_there_to_explore(
    page: Page, tmp_path: Path
) -> None:
    network, errors = Network(page), errors_of(page)
    page.clock.install()
    notebook = executed(tmp_path, SMALL, store_state=True)
    page.goto(as_html(notebook, tmp_path / "notebook.html").as_uri())
    check_without_kernel(page)
    for package in ("@jupyter-widgets/html-manager", "anywidget"):
        assert any(f"/{package}@" in url for url in network.asked)
    assert errors == []


def test_in_a_page_of_ipywidgets_embed_too(page: Page, tmp_path: Path) -> None:
    network, errors = Network(page), errors_of(page)
    page.clock.install()
    torch.manual_seed(0)
    w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
    path = tmp_path / "export.html"
    embed_minimal_html(path, views=[w], state=dependency_state(w))
    w.close()
    path.write_text(unsigned(path.read_text()))
    page.goto(path.as_uri())
    check_without_kernel(page)
    assert network.refused == []
    assert errors == []


def test_every_address_that_the_pages_use_has_its_file() -> None:
    for url in (
        "https://unpkg.com/@jupyter-widgets/html-manager@*/dist/embed-amd.js",
        "https://cdn.jsdelivr.net/npm/@jupyter-widgets/html-manager@1.0.15/dist/embed-amd.js",
        "https://cdn.jsdelivr.net/npm/anywidget@~0.11.*/dist/index.js",
        "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.4/require.min.js",
    ):
        assert file_of(url) is not None, url
    assert file_of("https://example.com/anywidget@1/dist/index.js") is None


@pytest.mark.parametrize(("net", "linear"), [("resnet50", "fc"), ("vgg16", "classifier.3")])
def test_each_widget_stores_less_than_two_megabytes_whatever_it_shows(
    tmp_path: Path, net: str, linear: str
) -> None:
    views = ["feature_maps", "filters"]
    cells = [LARGE.format(net=net, view=view, layer=None) for view in views]
    cells.append(LARGE.format(net=net, view="filters", layer=linear))
    notebook = executed(tmp_path, *cells, store_state=True)
    assert len(models(notebook)) == 3
    for cell, model, view in zip(
        notebook.cells, models(notebook), [*views, "filters"], strict=True
    ):
        said = "".join(output.get("text", "") for output in cell.outputs)
        # beside what is said of a look that takes long, as it does on a busy machine
        found = [re.fullmatch(r"(\S+) (\d+)\s*", each) for each in said.splitlines()]
        (layer, size) = next(each.groups() for each in found if each is not None)
        frame = unpack(base64.b64decode(_buffers(model)["frame"]))
        assert (frame.key.layer, frame.key.view) == (layer, view)
        output = next(o for o in cell.outputs if "image/png" in o.get("data", {}))
        alone = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell.source, outputs=[output])],
            metadata={"widgets": {"state": {"w": model}}},
        )
        weight = len(nbformat.writes(alone))
        print(net, view, layer, size, "stored whole as", weight)
        assert weight < 2_000_000, (layer, weight)
        if view == "feature_maps":
            assert "stand_in" not in frame.metadata, "maps are stored as they are shown"
            assert int(size) > 700_000
        else:
            assert int(size) > 2_000_000
            assert frame.metadata["stand_in"] == "1"


def _buffers(model: Any) -> dict[str, str]:
    return {each["path"][0]: each["data"] for each in model["buffers"]}
