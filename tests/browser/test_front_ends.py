"""What every front end has to do, each demand once, in the real thing and a real Chromium.

docs/front-ends.md tells people what holds where.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import pytest
from hosts import app
from hosts.front_end import FrontEnd, Themed, view_of, wait_for
from hosts.jupyter import Jupyter
from hosts.report import Report
from hosts.subject import activations, picture, subject
from hosts.vscode import VSCode
from playwright.sync_api import Browser, Page, expect
from view import Sample, View, check_maps

from cnnvis import inspect

APPS = {"marimo": app.marimo, "shiny": app.shiny, "panel": app.panel}
LIVE = ["jupyterlab", "notebook7", "vscode", *APPS]
EVERY = [*LIVE, "report"]

everywhere = pytest.mark.parametrize("opened", EVERY, indirect=True, scope="module")
with_python = pytest.mark.parametrize("opened", LIVE, indirect=True, scope="module")


def opened_in(
    name: str, page: Page, request: pytest.FixtureRequest
) -> AbstractContextManager[FrontEnd | Report]:
    folder = request.getfixturevalue("tmp_path_factory").mktemp(name)
    if name in APPS:
        return cast(AbstractContextManager[FrontEnd], APPS[name](page, folder))
    if name == "report":
        return nullcontext(Report(page, folder))
    if name == "vscode":
        return nullcontext(VSCode(request.getfixturevalue("lab"), page))
    lab = request.getfixturevalue({"jupyterlab": "lab"}.get(name, name))
    return nullcontext(Jupyter(lab, page))


@pytest.fixture(scope="module")
def opened(browser: Browser, request: pytest.FixtureRequest) -> Generator[FrontEnd | Report]:
    """One of the front ends, started once for all demands."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    # Notebook 7's own, of a plugin whose settings it does not ship
    own = "Cannot read properties of undefined (reading 'schema')"
    page.on("pageerror", lambda error: errors.append(str(error)) if str(error) != own else None)
    with opened_in(request.param, page, request) as front_end:
        yield front_end
        context.close()
    assert errors == []


@pytest.fixture
def front_end(opened: FrontEnd | Report) -> FrontEnd:
    return cast(FrontEnd, opened)


@pytest.fixture
def view(opened: FrontEnd | Report) -> View:
    """The widget on its first layer, whatever the demand before did."""
    view = View(opened.page)
    expect(view.canvas).to_have_attribute("data-state", "ready", timeout=120_000)
    view.choose("Feature maps")
    view.pick_layer("small.first")
    view.wait("small.first")
    view.root.get_by_role("button", name="Fit").click()
    return view


@everywhere
def test_a_click_picks_a_layer_and_each_pixel_is_what_the_model_computed(view: View) -> None:
    for name, maps in activations().items():
        view.pick_layer(name)
        view.wait(name)
        check_maps(view.samples(), maps[0].numpy())


@everywhere
def test_all_of_it_is_in_sight(view: View) -> None:
    for part in (view.canvas, view.readout, view.layers):
        seen = part.evaluate(
            """part => new Promise(done => new IntersectionObserver(([entry], observer) => {
              observer.disconnect();
              done(entry.intersectionRatio);
            }).observe(part))"""
        )
        assert seen > 0.99, part


@with_python
def test_a_pick_reaches_python_and_hovering_does_not(front_end: FrontEnd, view: View) -> None:
    view.pick_layer("small.second")
    view.wait("small.second")
    samples = {sample.place.channel: sample for sample in view.samples(6, 5)}
    _click(view, samples[1])
    before = wait_for(front_end, layer="small.second", channels=[1])
    view.samples(4, 3)  # hovers
    _click(view, samples[3])
    after = wait_for(front_end, channels=[3])
    # what was sent before the click has come before it
    assert after["runs"] == before["runs"] + 1


@everywhere
def test_a_frame_over_a_mebibyte_arrives_whole(view: View) -> None:
    look = inspect(subject(), picture())
    assert len(look.frame("wide", "filters")) > 2**21
    view.pick_layer("wide")
    view.wait("wide")
    view.choose("Filters")
    view.wait("wide", "filters")
    box = view.box()
    view.point(box["width"] / 2, box["height"] / 2)
    view.page.keyboard.down("Control")
    while view.transform()[0] < 12:
        before = view.canvas.get_attribute("data-transform")
        view.page.mouse.wheel(0, -400)
        expect(view.canvas).not_to_have_attribute("data-transform", before or "")
    view.page.keyboard.up("Control")
    weights = look.filters("wide").numpy()
    signs = set()
    for sample in view.samples():
        plane = sample.place.plane
        assert plane is not None
        here = weights[sample.place.channel]
        share = here[plane, sample.place.row, sample.place.column] / abs(here).max()
        red, _, blue = sample.color
        if abs(share) > 0.1:
            assert (red > blue) == (share > 0), (sample, share)
            signs.add(share > 0)
    assert signs == {True, False}


@with_python
def test_a_page_that_is_loaded_again_shows_the_view_as_it_was(
    front_end: FrontEnd, view: View
) -> None:
    view.pick_layer("small.second")
    view.wait("small.second")
    sample = next(sample for sample in view.samples(6, 5) if sample.place.channel == 4)
    _click(view, sample)
    wait_for(front_end, channels=[4])
    front_end.reload()
    view = view_of(front_end)
    expect(view.canvas).to_have_attribute("data-layer", "small.second", timeout=60_000)
    view.wait("small.second")
    expect(view.root).to_contain_text("Picked: channel 4")
    check_maps(view.samples(), activations()["small.second"][0].numpy())
    view.pick_layer("small.first")  # it is alive, and no picture of what was
    wait_for(front_end, layer="small.first")


# Panel says nothing of its theme to what it shows: there it is CNNVisWidget(..., theme="dark")
@pytest.mark.parametrize(
    "opened", [name for name in EVERY if name != "panel"], indirect=True, scope="module"
)
def test_it_is_dark_where_its_host_is(opened: FrontEnd | Report, view: View) -> None:
    expect(view.root).to_have_attribute("data-theme", "light")
    cast(Themed, opened).darken()
    expect(view.root).to_have_attribute("data-theme", "dark", timeout=60_000)
    ground, ink = view.root.evaluate(
        "root => [getComputedStyle(root).backgroundColor, getComputedStyle(root).color]"
    )
    assert _lightness(ground) < 60, "it paints its own ground"
    assert _lightness(ink) > 200


def _click(view: View, sample: Sample) -> None:
    box = view.box()
    view.page.mouse.click(box["x"] + sample.x, box["y"] + sample.y)


def _lightness(color: str) -> float:
    """The mean of red, green and blue of a computed color that is not transparent."""
    red, green, blue = map(int, color.removeprefix("rgb(").removesuffix(")").split(","))
    return (red + green + blue) / 3
