"""The saved report in a real Chromium, from a file, with no network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nets import TwoConvs, image_tensor
from playwright.sync_api import Browser, Page, expect
from torch import nn
from view import View, check_maps

from cnnvis import inspect

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
    canvas = page.frame_locator("iframe").locator(".cnnvis canvas").first
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
    expect(view.layers.get_by_role("option").first).to_contain_text("<img src=x onerror=")
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
