"""axe-core over the states of the view: WCAG 2.2, levels A and AA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from nets import Shared, image_tensor
from playwright.sync_api import Browser, Page, expect
from view import View

from cnnvis import inspect, samples

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accessibility")
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    return look.save_html(folder / "report.html")


def violations(page: Page) -> list[str]:
    """What axe-core finds in the view, one line for each element.

    Rules about a whole page (landmarks, one h1) are not for a view within one.
    """
    page.evaluate(AXE.read_text("utf-8"))
    found: Any = page.evaluate(
        """tags => axe.run(".cnnvis", {
          runOnly: { type: "tag", values: tags },
          rules: { region: { enabled: false }, "page-has-heading-one": { enabled: false } },
        })""",
        TAGS,
    )
    assert found["passes"], "it looked at something"
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (900, "dark"), (340, "light")]
)
def test_every_state_is_free_of_violations(
    browser: Browser, report: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 820},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(report.as_uri())
    view = View(page)
    view.wait("stem.conv")
    assert violations(page) == []
    view.canvas.focus()
    for key in ("ArrowRight", "Enter", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(view.root.get_by_role("dialog", name="Keys")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(view.root.get_by_role("dialog", name="Values").get_by_role("table")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    for name in ("Display", "Save"):
        button = view.root.get_by_role("button", name=name, exact=True)
        button.click()
        assert violations(page) == []
        button.click()
    view.canvas.focus()
    page.keyboard.press("v")
    view.wait("stem.conv", "filters")
    assert violations(page) == []
    context.close()


def test_notes_calls_and_layers_that_never_ran_are_free_of_violations(
    page: Page, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    page.goto(inspect(Shared(), image_tensor(24)).save_html(tmp_path / "shared.html").as_uri())
    view = View(page)
    view.wait("conv")
    assert violations(page) == []
    view.pick_layer("unused")
    expect(view.root).to_contain_text("There are no feature maps.")
    assert violations(page) == []


def test_axe_would_find_text_that_is_too_pale(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    View(page).wait("stem.conv")
    page.evaluate("document.querySelector('.cnnvis-title').style.color = '#bbb'")
    assert any("color-contrast" in line for line in violations(page))


def test_the_systems_high_contrast_and_forced_colors_leave_all_to_be_seen(
    browser: Browser, report: Path
) -> None:
    for options in ({"forced_colors": "active"}, {"contrast": "more"}):
        context = browser.new_context(viewport={"width": 1200, "height": 800}, **options)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(report.as_uri())
        view = View(page)
        view.wait("stem.conv")
        assert [v for v in violations(page) if not v.startswith("color-contrast")] == []
        ink, ground = view.root.evaluate(
            "root => [getComputedStyle(root).color, getComputedStyle(root).backgroundColor]"
        )
        assert ink != ground
        context.close()


@pytest.mark.parametrize("width", [320, 500, 700, 900, 1180, 1400])
def test_no_text_runs_out_of_its_box(page: Page, report: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 760})
    page.goto(report.as_uri())
    view = View(page)
    view.page.locator('.cnnvis-canvas[data-state="ready"]').wait_for()
    view.point(60, 60)
    view.settle()
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".cnnvis *")].filter((box) => {
          const { overflowX, display } = getComputedStyle(box);
          const isCut = overflowX !== "visible" || display === "inline" || box.clientWidth === 0;
          return !isCut && box.scrollWidth > box.clientWidth + 1;
        }).map((box) => `${box.className}: ${box.textContent.slice(0, 60)}`)"""
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
