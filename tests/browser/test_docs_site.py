"""The built site in a real Chromium, from files, with no network."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from pages import PAGES, build, html_of
from playwright.sync_api import Browser, Page, Route, expect
from view import View

Open = Callable[[int], tuple[Page, list[str]]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("docs"))


@pytest.fixture
def opened(browser: Browser) -> Generator[Open]:
    """Opens a page of that many CSS pixels, and notes what it asks the network for, in vain."""
    contexts = []
    errors: list[str] = []

    def open_page(width: int) -> tuple[Page, list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        asked: list[str] = []

        def refuse(route: Route) -> None:
            asked.append(route.request.url)
            route.abort()

        context.route(re.compile(r"^(https?|wss?):"), refuse)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page, asked

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def report(page: Page, index: int = 0) -> View:
    """The view in one of the frames of a page, on the screen: frames further down wait till then."""
    frame = page.locator("iframe.report").nth(index)
    frame.scroll_into_view_if_needed()
    return View(page, frame.content_frame.locator(".cnnvis").first)


def colors(view: View) -> int:
    """How many colors the canvas has."""
    found: int = view.canvas.evaluate(
        """canvas => new Set(new Uint32Array(
          canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    )
    return found


@pytest.mark.parametrize("width", [1280, 360])
def test_the_quick_start_shows_a_report_that_works(site: Path, opened: Open, width: int) -> None:
    page, asked = opened(width)
    page.goto((site / "quickstart.html").as_uri())
    assert page.locator("iframe.report").first.get_attribute("sandbox") == "allow-scripts"
    view = report(page)
    view.wait("stem.conv")
    assert colors(view) > 100, "the maps are painted"
    box = view.box()
    assert box["width"] > 0.4 * min(width, 740)
    assert box["height"] > 200
    view.layers.get_by_role("treeitem", name="conv1").first.click()
    view.wait("stage1.0.conv1")
    expect(view.root).to_contain_text("48 of 48")
    assert colors(view) > 100
    report(page, 1).wait("stem.conv", "filters")
    assert asked == []


@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_scrolls_sideways_or_asks_for_anything(
    site: Path, opened: Open, width: int
) -> None:
    page, asked = opened(width)
    for each in PAGES:
        page.goto(html_of(each, site).as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, each.name
    assert asked == []


def test_a_report_has_the_colors_that_were_picked_for_the_page(site: Path, opened: Open) -> None:
    page, _ = opened(1280)
    page.goto((site / "index.html").as_uri())
    report(page).wait("stem.conv")
    seen = set()
    for _ in range(3):  # of light, dark and the system's, as the button goes through them
        page.get_by_role("button", name="Toggle Light / Dark").last.click()
        view = report(page)
        view.wait("stem.conv")
        theme = page.evaluate("document.body.dataset.theme")
        background = view.root.evaluate("root => getComputedStyle(root).backgroundColor")
        brightness = sum(int(part) for part in background.strip("rgba()").split(",")[:3])
        assert (brightness < 384) == (theme == "dark"), theme
        seen.add(theme)
    assert seen == {"light", "dark", "auto"}
    page.go_back()
    assert page.url == "about:blank", "no report is a step in the history"


def test_what_a_page_asks_for_is_noted(opened: Open, tmp_path: Path) -> None:
    page, asked = opened(1280)
    (tmp_path / "page.html").write_text('<img src="https://example.com/picture.png">')
    page.goto((tmp_path / "page.html").as_uri())
    assert asked == ["https://example.com/picture.png"]


def test_the_search_finds_a_page_without_a_network(site: Path, opened: Open) -> None:
    page, asked = opened(1280)
    page.goto((site / "search.html").as_uri() + "?q=quantize")
    expect(page.locator("#search-results")).to_contain_text("How it works")
    assert asked == []
