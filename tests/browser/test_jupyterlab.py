"""The main job in a real JupyterLab with a real kernel, in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from lab import Lab, Notebook
from nets import Shared, TwoConvs, image_tensor
from playwright.sync_api import Page, expect
from view import View, check_maps, close, option_names

SETUP = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
model = TwoConvs()
w = CNNVisWidget(model, image_tensor(48), theme="light")
w
"""


def exact() -> tuple[TwoConvs, dict[str, torch.Tensor]]:
    """The same model here, and its activations by torch's functions alone."""
    torch.manual_seed(0)
    model = TwoConvs()
    with torch.no_grad():
        return model, model.by_hand(image_tensor(48))


@pytest.fixture
def notebook(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Notebook:
    name = re.sub(r"\W", "-", request.node.name)
    notebook = Notebook(lab, page, name, [SETUP])
    notebook.run()
    return notebook


@pytest.fixture
def view(notebook: Notebook) -> View:
    return View(notebook.page)


def test_what_is_drawn_is_what_the_model_computed(notebook: Notebook, view: View) -> None:
    _, activations = exact()
    view.wait("first")
    names = option_names(view.layers)
    assert len(names) == 2
    assert re.search(r"first.*Conv2d 3×3 /2 · 3→4 · 24×24", names[0])
    expect(view.root).to_contain_text("4 of 4")
    check_maps(view.samples(), activations["first"][0].numpy())

    view.pick_layer("second")  # a click on a layer loads it, and Python knows
    view.wait("second")
    expect(view.root).to_contain_text("6 of 6")
    check_maps(view.samples(), activations["second"][0].numpy(), tiles=6)
    notebook.wait_for("w.layer", "second")


def test_a_click_on_a_tile_picks_its_channel_in_python(notebook: Notebook, view: View) -> None:
    view.wait("first")
    by_channel = {sample.place.channel: sample for sample in view.samples()}
    box = view.box()
    notebook.execute("seen = []; w.observe(lambda change: seen.append(change['new']), 'channels')")

    def click(channel: int, *modifiers: str) -> None:
        sample = by_channel[channel]
        for key in modifiers:
            view.page.keyboard.down(key)
        view.page.mouse.click(box["x"] + sample.x, box["y"] + sample.y)
        for key in modifiers:
            view.page.keyboard.up(key)

    click(2)
    expect(view.root).to_contain_text("Picked: channel 2")
    notebook.wait_for("w.channels", [2])
    click(1, "Shift")
    expect(view.root).to_contain_text("Picked: channel 2, 1")
    notebook.wait_for("w.channels", [2, 1])
    click(3)
    notebook.wait_for("w.channels", [3])
    view.page.keyboard.press("Escape")
    expect(view.root).not_to_contain_text("Picked: channel")
    notebook.wait_for("seen", [[2], [2, 1], [3], []])


def test_zooming_keeps_what_is_under_the_pointer(notebook: Notebook, view: View) -> None:
    view.wait("first")
    sample = next(s for s in view.samples() if s.place.channel == 3)
    fit = view.transform()
    view.point(sample.x, sample.y)
    view.page.mouse.wheel(0, -300)  # without focus and without Ctrl the page scrolls
    view.settle()
    assert view.transform() == fit
    for factor in (-200, -300, 150):
        before = view.transform()
        view.point(sample.x, sample.y)
        view.page.keyboard.down("Control")
        view.page.mouse.wheel(0, factor)
        view.page.keyboard.up("Control")
        view.page.wait_for_function(
            "([canvas, old]) => canvas.dataset.transform !== old",
            arg=[view.canvas.element_handle(), ",".join(str(v) for v in before)],
        )
        zoomed = view.transform()
        assert (zoomed[0] > before[0]) == (factor < 0)
        assert view.place(sample.x, sample.y) == sample.place
        assert close(view.color(sample.x, sample.y), sample.color)
    view.canvas.focus()
    view.point(sample.x, sample.y)
    view.page.mouse.wheel(0, 100)  # with the focus the wheel is the canvas's
    view.page.wait_for_function(
        "([canvas, old]) => !canvas.dataset.transform.startsWith(old)",
        arg=[view.canvas.element_handle(), f"{zoomed[0]},"],
    )
    view.root.get_by_role("button", name=re.compile("^Fit")).click()
    expect(view.canvas).to_have_attribute("data-transform", ",".join(_js(v) for v in fit))


def test_the_view_says_what_time_each_stage_took(notebook: Notebook, view: View) -> None:
    view.wait("first")
    line = view.root.locator(".cnnvis-timing")
    expect(line).to_be_hidden()
    view.canvas.focus()
    view.page.keyboard.press("m")
    notebook.wait_for("w.timing", True)
    # what is picked is drawn again, without the channel, before the next layer comes
    view.page.keyboard.press("ArrowRight")
    notebook.wait_for("w.channels", [0])
    view.pick_layer("second")
    view.wait("second")
    page = r"way [\d.]+ · decode [\d.]+ · layout [\d.]+ · color [\d.]+ · paint [\d.]+"  # none below zero
    expect(line).to_have_text(re.compile(rf"^[\d.]+ ms: quantize [\d.]+ · pack [\d.]+ · {page}$"))
    # of a layer seen before the page's alone
    view.pick_layer("first")
    view.wait("first")
    expect(line).to_have_text(re.compile(rf"^[\d.]+ ms: {page}$"))
    view.pick_layer("second")
    view.wait("second")
    notebook.execute("w.image = image_tensor(48) * 2")
    view.wait("second", generation=2)
    expect(line).to_contain_text(re.compile(r"hook .* forward .* quantize"))
    view.canvas.focus()
    view.page.keyboard.press("m")
    expect(line).to_be_hidden()
    notebook.wait_for("w.spent", {})


def test_what_the_pointer_rests_on_is_there_when_it_is_clicked(
    notebook: Notebook, view: View
) -> None:
    view.wait("first")
    asked = "asked = []; w.on_msg(lambda widget, message, buffers: asked.append(message['layer']))"
    notebook.execute(asked)
    view.option("second").hover()
    notebook.wait_for("asked", ["second"])
    view.option("second").click()
    view.wait("second")
    _, activations = exact()
    check_maps(view.samples(), activations["second"][0].numpy(), tiles=6)
    notebook.wait_for("w.layer", "second")


def test_setting_anything_in_python_moves_the_view(notebook: Notebook, view: View) -> None:
    model, _ = exact()
    view.wait("first")
    notebook.execute("w.layer = 'second'; w.channels = [5]")
    view.wait("second")
    expect(view.root).to_contain_text("Picked: channel 5")
    selected = view.layers.get_by_role("treeitem", selected=True)
    expect(selected).to_contain_text("second")

    notebook.execute("w.view = 'filters'")
    view.wait("second", "filters")
    expect(view.root).to_contain_text("6 of 6")

    notebook.execute("w.view = 'feature_maps'; w.image = image_tensor(48).flip(3) * 2")
    view.wait("second", generation=2)
    with torch.no_grad():
        expected = model.by_hand(image_tensor(48).flip(3) * 2)["second"][0].numpy()
    expect(view.root.get_by_text("Picked: channel 5").first).to_be_attached()
    check_maps(view.samples(), expected, tiles=6)

    notebook.execute("model.second.weight.data.mul_(-1); w.refresh()")
    view.wait("second", generation=3)
    with torch.no_grad():
        model.second.weight.mul_(-1)
        expected = model.by_hand(image_tensor(48).flip(3) * 2)["second"][0].numpy()
    check_maps(view.samples(), expected, tiles=6)


def test_filters_are_drawn_in_color_and_as_a_signed_mosaic(notebook: Notebook, view: View) -> None:
    model, _ = exact()
    view.wait("first")
    view.choose("Filters")
    view.wait("first", "filters")
    weights = model.first.weight.detach().numpy()
    samples = view.samples()
    assert {sample.place.channel for sample in samples} == {0, 1, 2, 3}
    for sample in samples:
        here = weights[sample.place.channel]
        m = abs(here).max()
        rgb = (here[:, sample.place.row, sample.place.column] + m) / (2 * m) * 255
        assert close(sample.color, tuple(rgb.round().astype(int).tolist())), sample

    view.pick_layer("second")
    view.wait("second", "filters")
    weights = model.second.weight.detach().numpy()
    samples = view.samples()
    assert {sample.place.channel for sample in samples} == set(range(6))
    assert {sample.place.plane for sample in samples} == {0, 1, 2, 3}, "each group sees its own"
    for sample in samples:
        channel, plane = sample.place.channel, sample.place.plane
        assert plane is not None
        assert plane // 2 == channel // 3
        value = weights[channel, plane % 2, sample.place.row, sample.place.column]
        share = value / abs(weights[channel]).max()
        red, _, blue = sample.color
        if abs(share) > 0.1:
            assert (red > blue) == (share > 0), (sample, share)
        if abs(share) < 0.01:
            assert min(sample.color) > 230, "zero is near white"


def test_large_maps_come_averaged_and_sharpen_when_zoomed(lab: Lab, page: Page) -> None:
    cell = """
import torch
from cnnvis import CNNVisWidget
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3, padding=1))
x = torch.rand(1, 3, 224, 224)
w = CNNVisWidget(model, x, theme="light")
w
"""
    notebook = Notebook(lab, page, "large", [cell])
    notebook.run()
    view = View(page)
    view.wait("0")
    expect(view.root).to_contain_text("averaged 2×2")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3, padding=1))
    with torch.no_grad():
        expected = model(torch.rand(1, 3, 224, 224))[0].numpy()
    assert notebook.kernel("len(w.frame)") <= 2**20
    box = view.box()
    view.point(box["width"] / 2, box["height"] / 2)
    page.keyboard.down("Control")
    while view.transform()[0] < 8:
        before = view.canvas.get_attribute("data-transform")
        page.mouse.wheel(0, -400)
        expect(view.canvas).not_to_have_attribute("data-transform", before or "")
    page.keyboard.up("Control")
    sample = view.samples()[0]
    view.point(sample.x, sample.y)
    expect(view.readout).to_contain_text(f"row {sample.place.row}")
    expect(view.root.locator(".cnnvis-bar .cnnvis-badge")).to_be_hidden()
    expect(view.readout).not_to_contain_text("mean of")
    check_maps(view.samples(), expected, tiles=1)


def test_an_image_that_does_not_fit_is_an_error_in_python_and_the_view_stays(
    notebook: Notebook, view: View
) -> None:
    _, activations = exact()
    with pytest.raises(RuntimeError, match="ForwardError: .* to have 3 channels, but got 5"):
        notebook.execute("w.image = torch.rand(1, 5, 48, 48)")
    view.wait("first")
    check_maps(view.samples(), activations["first"][0].numpy())


def test_two_views_of_one_widget_move_together_and_are_zoomed_apart(lab: Lab, page: Page) -> None:
    notebook = Notebook(lab, page, "two", [SETUP, "w"])
    notebook.run()
    expect(page.locator('.cnnvis canvas.cnnvis-canvas[data-state="ready"]')).to_have_count(2)
    notebook.execute("w.layer = 'second'")
    expect(page.locator('.cnnvis canvas.cnnvis-canvas[data-layer="second"]')).to_have_count(2)
    canvases = page.locator(".cnnvis canvas.cnnvis-canvas")
    other = canvases.nth(1).get_attribute("data-transform") or ""
    page.locator(".cnnvis").first.get_by_role("button", name=re.compile("Zoom in")).click()
    expect(canvases.first).not_to_have_attribute("data-transform", other)
    expect(canvases.nth(1)).to_have_attribute("data-transform", other)
    notebook.execute("w.close()")
    expect(page.locator(".cnnvis")).to_have_count(0)


def test_a_reloaded_page_shows_the_view_as_it_was(notebook: Notebook, view: View) -> None:
    view.wait("first")
    view.pick_layer("second")
    view.wait("second")
    notebook.execute("w.channels = [4]")
    notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    notebook.page.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
    )
    notebook.page.reload()
    view.wait("second")
    expect(view.root).to_contain_text("Picked: channel 4")


SHARED = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from nets import Shared, image_tensor
from cnnvis import CNNVisWidget
torch.manual_seed(0)
w = CNNVisWidget(Shared(), image_tensor(24, batch=3), theme="light")
w
"""


@pytest.fixture
def shared(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Notebook:
    name = re.sub(r"\W", "-", request.node.name)
    notebook = Notebook(lab, page, name, [SHARED])
    notebook.run()
    return notebook


def outputs_of_shared() -> list[torch.Tensor]:
    """What each call of the shared convolution gives, for the whole batch."""
    torch.manual_seed(0)
    conv, outputs = Shared().conv, [image_tensor(24, batch=3)]
    with torch.no_grad():
        for _ in range(3):
            outputs.append(conv(outputs[-1]))
    return outputs[1:]


def test_every_call_can_be_picked_and_is_what_that_call_gave(shared: Notebook) -> None:
    view, outputs = View(shared.page), outputs_of_shared()
    view.wait("conv", call=0)
    check_maps(view.samples(), outputs[0][0].numpy())
    view.root.get_by_role("button", name="Next call").click()
    view.wait("conv", call=1)
    check_maps(view.samples(), outputs[1][0].numpy())
    shared.wait_for("w.call", 1)
    expect(view.root.get_by_label("Which call")).to_have_value("call 2 of 3")

    view.root.get_by_label("Which call").select_option("call 3 of 3")
    view.wait("conv", call=2)
    check_maps(view.samples(), outputs[2][0].numpy())
    expect(view.root.get_by_role("button", name="Next call")).to_be_disabled()

    shared.execute("w.call = 0")
    view.wait("conv", call=0)
    check_maps(view.samples(), outputs[0][0].numpy())
    view.choose("Filters")
    view.wait("conv", "filters")
    expect(view.root.get_by_label("Which call")).to_be_hidden()


def test_every_image_of_the_batch_can_be_picked(shared: Notebook) -> None:
    view, outputs = View(shared.page), outputs_of_shared()
    view.wait("conv", image=0)
    picture = view.root.get_by_role("img", name="What the model saw")
    first = picture.get_attribute("src") or ""
    view.root.get_by_role("button", name="Next image").click()
    view.wait("conv", image=1)
    check_maps(view.samples(), outputs[0][1].numpy())
    shared.wait_for("w.batch_index", 1)
    expect(picture).not_to_have_attribute("src", first)
    expect(view.root).to_contain_text("Image 2 of 3")

    view.root.get_by_role("radio", name="Image 3").click()
    view.wait("conv", image=2)
    check_maps(view.samples(), outputs[0][2].numpy())
    shared.execute("w.call = 1; w.batch_index = 1")
    view.wait("conv", image=1, call=1)
    check_maps(view.samples(), outputs[1][1].numpy())
    expect(view.root.get_by_role("radio", name="Image 2")).to_have_attribute("aria-checked", "true")


def test_a_slow_look_fills_a_bar_over_the_stage(lab: Lab, page: Page) -> None:
    cell = """
import threading, time, torch
from cnnvis import CNNVisWidget

class Slow(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 1) for _ in range(20)))
        self.seconds = 0.1

    def forward(self, x):
        for conv in self.convs:
            time.sleep(self.seconds)
            x = conv(x)
        return x

model = Slow()
w = CNNVisWidget(model, torch.rand(1, 3, 16, 16))
w
"""
    notebook = Notebook(lab, page, "slow", [cell])
    notebook.run()
    view = View(page)
    bar = view.root.get_by_role("progressbar")
    expect(bar).to_be_hidden()
    # before there is a view a line said how far it was, of which nothing is left; stderr would be red
    mime = "[data-mime-type='application/vnd.jupyter.{}']"
    expect(page.locator(mime.format("stderr"))).to_have_count(0)
    assert page.locator(mime.format("stdout")).inner_text().strip() == ""
    notebook.execute("model.seconds = 0.2; threading.Thread(target=w.refresh).start()")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d$"))
    box, inside = bar.bounding_box(), bar.locator("i").bounding_box()
    assert box is not None
    assert inside is not None
    assert 0 < inside["width"] < box["width"]
    assert box["height"] <= 4
    view.wait("convs.0", generation=2)
    expect(bar).to_be_hidden()


def test_notes_are_badges_that_tell_their_sentence(shared: Notebook) -> None:
    view = View(shared.page)
    view.wait("conv")
    often, never = view.option("conv"), view.option("unused")
    expect(often.get_by_text("3 calls")).to_have_attribute("title", re.compile("It ran 3 times"))
    expect(never.get_by_text("never ran")).to_have_attribute("title", re.compile("It never ran"))
    view.pick_layer("unused")
    headline = view.root.locator(".cnnvis-headline")
    expect(headline.get_by_text("never ran")).to_be_visible()
    expect(view.root.get_by_role("alert")).to_be_hidden()
    expect(view.root).to_contain_text("It never ran for this input. There are no feature maps.")
    expect(view.root.locator(".cnnvis-inspector")).to_contain_text("never ran It never ran")


def test_wild_choices_of_a_page_are_answered_with_what_is_true(shared: Notebook) -> None:
    view, outputs = View(shared.page), outputs_of_shared()
    view.wait("conv")
    shared.execute(
        "w._handle_msg({'content': {'data': {'method': 'update', 'buffer_paths': [], "
        "'state': {'call': 99, 'batch_index': -5}}}, 'buffers': []})"
    )
    expect(view.root.get_by_role("alert")).to_contain_text("is not one of")
    view.wait("conv", call=0, image=0)
    check_maps(view.samples(), outputs[0][0].numpy())


def _js(value: float) -> str:
    """A number as JavaScript writes it."""
    return str(int(value)) if value == int(value) else repr(value)
