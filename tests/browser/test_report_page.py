"""The saved report in a real Chromium, from a file, with no network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nets import Shared, TwoConvs, image_tensor
from playwright.sync_api import Browser, Page, expect
from torch import nn
from view import View, check_maps, close, viridis

from cnnvis import inspect
from cnnvis.report import save_html

# no dots, which torch keeps for paths
HOSTILE = "</script><img src=x onerror=\"self['ran']=1\"><script>self['ran']=1</script>\u2028"


@pytest.fixture
def report(tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model, x = TwoConvs(), image_tensor(48)
    path = inspect(model, x, labels=list("abcde")).save_html(tmp_path / "report.html")
    with torch.no_grad():
        return path, model.by_hand(x)


def test_every_layer_can_be_clicked_and_shows_what_the_model_computed(
    page: Page, report: tuple[Path, dict[str, torch.Tensor]]
) -> None:
    path, activations = report
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    view = View(page)
    for name in ("first", "second"):
        view.pick_layer(name)
        view.wait(name)
        check_maps(view.samples(), activations[name][0].numpy())
        view.choose("Filters")
        view.wait(name, "filters")
        view.choose("Feature maps")
        view.wait(name)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_it_works_in_a_sandboxed_frame(
    page: Page, report: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    path, _ = report
    outer = tmp_path / "outer.html"
    outer.write_text(
        '<!doctype html><iframe sandbox="allow-scripts" width="1000" height="700"></iframe>'
    )
    page.goto(outer.as_uri())
    page.evaluate("html => { document.querySelector('iframe').srcdoc = html; }", path.read_text())
    canvas = page.frame_locator("iframe").locator(".cnnvis canvas.cnnvis-canvas").first
    expect(canvas).to_have_attribute("data-layer", "first")
    expect(canvas).to_have_attribute("data-state", "ready")


def test_hostile_names_labels_and_titles_are_text(page: Page, tmp_path: Path) -> None:
    model = nn.Sequential()
    model.add_module(HOSTILE, nn.Conv2d(3, 2, 3))
    model.add_module("__proto__", nn.Conv2d(2, 2, 3))
    model.add_module("head", nn.Flatten())
    look = inspect(model, image_tensor(8), labels=[HOSTILE] * 32)
    page.goto(look.save_html(tmp_path / "hostile.html", title=HOSTILE).as_uri())
    view = View(page)
    view.wait(HOSTILE)
    assert page.title() == HOSTILE
    expect(view.layers.get_by_role("treeitem").first).to_contain_text("<img src=x onerror=")
    view.pick_layer("__proto__")
    view.wait("__proto__")
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("width", "height", "scale"), [(1200, 800, 1), (360, 700, 2), (320, 600, 3)]
)
def test_it_fits_any_page_and_follows_the_systems_colors(
    browser: Browser,
    report: tuple[Path, dict[str, torch.Tensor]],
    scheme: str,
    width: int,
    height: int,
    scale: int,
) -> None:
    path, activations = report
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(path.as_uri())
    view = View(page)
    view.wait("first")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (
        "nothing to scroll sideways"
    )
    box = view.box()
    assert box["width"] >= min(280, width - 40)
    assert box["height"] >= 150
    pixels = view.canvas.evaluate("canvas => canvas.width / canvas.getBoundingClientRect().width")
    assert pixels == pytest.approx(scale, rel=0.01), "one canvas pixel for each of the screen"
    background = view.root.evaluate("root => getComputedStyle(root).backgroundColor")
    brightness = sum(int(part) for part in background.strip("rgba()").split(",")[:3])
    assert (brightness < 384) == (scheme == "dark")
    check_maps(view.samples(7, 5), activations["first"][0].numpy(), tiles=2)
    context.close()


def test_a_layer_that_did_not_fit_in_full_says_so(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.Conv2d(64, 1024, 1))
    look = inspect(model, torch.rand(1, 3, 112, 112))
    page.goto(look.save_html(tmp_path / "small.html", max_mb=0.4).as_uri())
    view = View(page)
    view.wait("0")
    expect(view.root).to_contain_text("averaged")
    expect(view.root).to_contain_text("64 of 64")
    view.pick_layer("1")
    view.choose("Filters")
    view.wait("1", "filters")
    expect(view.root).to_contain_text(" of 1024")


def test_maps_with_a_depth_are_shown_slice_by_slice(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, second = nn.Conv3d(3, 6, 3, padding=1), nn.Conv3d(6, 4, (2, 3, 3))
    model = nn.Sequential(first, second)
    x = torch.rand(1, 3, 5, 12, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps = first(x)[0].numpy()
    page.goto(inspect(model, inputs=x).save_html(tmp_path / "video.html").as_uri())
    view = View(page)
    view.wait("0", slice=0)
    slider = view.root.get_by_role("slider")
    expect(view.root).to_contain_text("1 of 5")
    check_maps(view.samples(), maps)

    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    view.wait("0", slice=2)
    samples = view.samples()
    assert {sample.place.depth for sample in samples} == {3}
    check_maps(samples, maps)

    view.canvas.focus()
    for key, shown in (("]", 3), ("]", 4), ("]", 4), ("[", 3)):
        page.keyboard.press(key)
        view.wait("0", slice=shown)
    check_maps(view.samples(), maps)
    box = view.box()
    sample = next(s for s in view.samples() if s.place.channel == 5)
    page.mouse.click(box["x"] + sample.x, box["y"] + sample.y)
    expect(view.root).to_contain_text("Picked: channel 5")

    view.pick_layer("1")  # four slices only: the last stands in for those that are not there
    view.wait("1", slice=3)
    expect(view.root).to_contain_text("4 of 4")
    view.choose("Filters")
    view.wait("1", "filters", slice=1)
    weights = second.weight.detach().numpy()
    samples = view.samples()
    assert {sample.place.plane for sample in samples} == set(range(6)), "a column an input channel"
    for sample in samples:
        place = sample.place
        assert place.plane is not None
        assert place.depth == 2
        value = weights[place.channel, place.plane, 1, place.row, place.column]
        share = value / abs(weights[place.channel]).max()
        red, _, blue = sample.color
        if abs(share) > 0.1:
            assert (red > blue) == (share > 0), (sample, share)


def test_maps_of_one_dimension_are_strips(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 5, 9, padding=4))
    x = torch.sin(torch.arange(120) / 9)[None, None]
    with torch.no_grad():
        maps = model(x)[0].numpy()
    page.goto(inspect(model, inputs=x).save_html(tmp_path / "audio.html").as_uri())
    view = View(page)
    view.wait("0")
    expect(view.root.get_by_role("slider")).to_be_hidden()
    k, left, _ = view.transform()
    box = view.box()
    for column in (0, 37, 119):
        x_, y_ = left + (column + 0.5) * k, box["height"] / 2
        view.point(x_, y_)
        expect(view.readout).to_contain_text(f"channel 2 · column {column}")
        here = maps[2]
        expected = viridis(float(here[column]), float(here.min()), float(here.max()))
        view.leave()
        assert close(view.color(x_, y_), expected)


def test_a_report_has_all_calls_of_the_image_it_was_made_for(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Shared(), image_tensor(24, batch=3)
    outputs = [x]
    with torch.no_grad():
        for _ in range(3):
            outputs.append(model.conv(outputs[-1]))
    path = tmp_path / "shared.html"
    save_html(inspect(model, x), path, images=[1])
    page.goto(path.as_uri())
    view = View(page)
    for call in (0, 1, 2):
        view.root.get_by_label("Which call").select_option(f"call {call + 1} of 3")
        view.wait("conv", call=call, image=1)
        check_maps(view.samples(), outputs[call + 1][1].numpy())
    expect(view.root).to_contain_text("Image 2 of 3")
    expect(view.root.get_by_label("Which image")).to_be_hidden()
    expect(view.root.locator(".cnnvis-thumbnail")).to_have_count(0)


def test_a_report_has_the_images_of_its_batch_to_pick(page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = TwoConvs(), image_tensor(24, batch=3)
    with torch.no_grad():
        output = model.first(x)
    page.goto(inspect(model, x).save_html(tmp_path / "batch.html").as_uri())
    view = View(page)
    view.wait("first")
    check_maps(view.samples(), output[0].numpy())
    picture = view.root.locator(".cnnvis-input img").first.get_attribute("src")
    view.root.get_by_role("radio", name="Image 3").click()
    view.wait("first", image=2)
    check_maps(view.samples(), output[2].numpy())
    expect(view.root).to_contain_text("Image 3 of 3")
    expect(view.root.locator(".cnnvis-input img").first).not_to_have_attribute("src", str(picture))
    view.root.get_by_label("Previous image").click()
    view.wait("first", image=1)
    check_maps(view.samples(), output[1].numpy())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_not_finite_is_counted_and_hatched(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    conv = nn.Conv2d(1, 3, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, float("nan"), -1.0])[:, None, None, None])
    x = image_tensor(8, channels=1)
    x[0, 0, 2, 3] = float("inf")
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    look = inspect(nn.Sequential(conv), inputs=x)
    page.goto(look.save_html(tmp_path / "odd.html").as_uri())
    view = View(page)
    view.wait("0")
    expect(view.root.locator(".cnnvis-legend")).to_contain_text("66 not finite")
    k = view.transform()[0]
    assert k > 12
    found = {sample.place.channel: sample for sample in view.samples(6, 5)}

    def share(channel: int, row: int, column: int) -> float:
        """How much of the line across a cell has the plain color for what is not finite."""
        sample = found[channel]
        x = sample.x + (column - sample.place.column) * k
        y = sample.y + (row - sample.place.row) * k
        colors = [view.color(x + dx, y) for dx in range(-5, 6)]
        return sum(close(color, (255, 0, 204)) for color in colors) / len(colors)

    for channel in range(3):
        assert 0 < share(channel, 2, 3) < 1, "between the lines of the hatch, the color"
    assert 0 < share(1, 6, 6) < 1
    assert share(0, 2, 4) == share(2, 3, 3) == 0
    context.close()
