"""A report under policies stricter than its own, with its escaping taken away, and without scripts."""

from __future__ import annotations

import base64
import html
import io
import re
from typing import Any

import numpy as np
import pytest
import torch
from hostile import HOSTILE
from hosts.headers import serving
from nets import TwoConvs, image_tensor
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from test_hostile_strings import odd
from view import View, check_maps

from cnnvis import bundle, inspect, report


def own_policy(page: str) -> dict[str, str]:
    """The directives of the page's policy."""
    (found,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    directives = (each.strip().partition(" ") for each in html.unescape(found).split(";"))
    return {name: value for name, _, value in directives}


def strict(page: str, *more: str) -> str:
    """A policy with no more than the digests of the page's script and style, and pictures in it."""
    own = own_policy(page)
    least = [
        "default-src 'none'",
        f"script-src {own['script-src']}",
        f"style-src {own['style-src']}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "connect-src 'none'",
        "worker-src 'none'",
    ]
    return "; ".join([*least, *more])


@pytest.fixture
def maps() -> dict[str, Any]:
    torch.manual_seed(0)
    with torch.no_grad():
        return {
            name: each[0].numpy() for name, each in TwoConvs().by_hand(image_tensor(48)).items()
        }


def two_convs() -> str:
    torch.manual_seed(0)
    return inspect(TwoConvs(), image_tensor(48)).to_html(state={"theme": "light"})


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("sandbox allow-scripts",),
        ("require-trusted-types-for 'script'", "trusted-types 'none'"),
        ("sandbox allow-scripts", "require-trusted-types-for 'script'", "trusted-types 'none'"),
    ],
    ids=["strict", "sandbox", "trusted types", "all"],
)
def test_under_a_strict_policy_of_the_server_it_works(
    page: Page, maps: dict[str, Any], more: tuple[str, ...]
) -> None:
    text = two_convs()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    headers = {
        "Content-Security-Policy": strict(text, *more),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Referrer-Policy": "no-referrer",
    }
    with serving(text, headers) as (url, _):
        page.goto(url)
        view = View(page)
        view.wait("first")
        check_maps(view.samples(), maps["first"])
        view.pick_layer("second")
        view.wait("second")
        check_maps(view.samples(), maps["second"], tiles=6)
        view.choose("Filters")
        view.wait("second", "filters")
        view.canvas.focus()
        for key in ("+", "?", "Escape", "t", "Escape", "0"):
            page.keyboard.press(key)
        # what the sandbox and nothing else takes away is said where it is asked for
        assert errors == []


def test_its_own_policy_allows_no_more_than_two_digests_and_pictures_in_the_page() -> None:
    own = own_policy(two_convs())
    assert own["default-src"] == own["base-uri"] == own["form-action"] == "'none'"
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", own[name])
    assert own["img-src"] == "data:"
    assert set(own) == {
        "default-src", "script-src", "style-src", "img-src", "base-uri", "form-action",
    }  # fmt: skip


def test_no_script_makes_code_of_strings() -> None:
    for name in ("report.js", "widget.js"):
        code = bundle.read(name)
        for word in (r"\beval\b", r"\bFunction\s*\(", r"\bimport\s*\(", r"\bnew Worker\b"):
            assert not re.search(word, code), (name, word)


@pytest.mark.parametrize("title", [HOSTILE[1], HOSTILE[8], HOSTILE[27], HOSTILE[29]])
@pytest.mark.parametrize("scripts", [True, False])
def test_the_policy_alone_stops_the_whole_corpus(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, title: str, scripts: bool
) -> None:
    """With the escaping taken out the strings become markup, which the policy does not run."""
    monkeypatch.setattr(report, "_escape", lambda text: text)
    monkeypatch.setattr(
        "cnnvis.report.html.escape",
        # the policy itself stays an attribute
        lambda text, quote=True: text.replace('"', "&quot;") if "default-src" in text else text,
    )
    text = inspect(odd(), image_tensor(8), labels=list(HOSTILE)).to_html(
        title=title, state={"layer": HOSTILE[29]}
    )
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    with serving(text, {}) as (url, asked):
        page.goto(url)
        page.wait_for_load_state("load")
        if scripts:
            assert page.evaluate("window.ran") is None
            assert any("Content Security Policy" in each for each in said), "something was stopped"
        assert asked == ["/report.html"], "nothing else was asked for"
    context.close()


def test_without_the_policy_the_same_page_would_run_them(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the tests above can fail."""
    monkeypatch.setattr(report, "_escape", lambda text: text)
    text = inspect(odd(), image_tensor(8), labels=list(HOSTILE)).to_html()
    open_ = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    page = browser.new_page()
    with serving(open_, {}) as (url, _):
        page.goto(url)
        assert page.evaluate("window.ran") == 1
    page.close()


@pytest.mark.parametrize("view", ["feature_maps", "filters"])
def test_where_no_script_runs_a_picture_of_the_first_layer_is_shown(
    browser: Browser, view: str
) -> None:
    torch.manual_seed(0)
    text = inspect(TwoConvs(), image_tensor(48)).to_html(state={"layer": "second", "view": view})
    context = browser.new_context(java_script_enabled=False, viewport={"width": 900, "height": 700})
    page = context.new_page()
    with serving(text, {"Content-Security-Policy": strict(text)}) as (url, _):
        page.goto(url)
        expect(page.locator("noscript p")).to_contain_text("allow scripts for this page")
        expect(page.locator("noscript p")).to_be_visible()
        picture = page.locator("noscript img")
        expect(picture).to_be_visible()
        named = "Filters of second" if view == "filters" else "Feature maps of second"
        assert picture.get_attribute("alt") == named
        content = str(picture.get_attribute("src")).removeprefix("data:image/png;base64,")
        assert len(content) < 60_000
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
        assert shown.shape[1] == 720
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 20
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] <= 900
    context.close()
