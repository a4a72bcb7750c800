"""A real Chromium and a real JupyterLab, started once for all browser tests."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from chromium import ARGUMENTS, ensure
from lab import Lab, running_lab
from playwright.sync_api import Browser, Page, sync_playwright


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """A fresh page, 1280 x 900 CSS pixels, that fails the test on an error in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    # Notebook 7's own, of a plugin whose settings it does not ship
    own = "Cannot read properties of undefined (reading 'schema')"
    page.on("pageerror", lambda error: errors.append(str(error)) if str(error) != own else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Generator[Lab]:
    """One JupyterLab for all tests."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def notebook7(tmp_path_factory: pytest.TempPathFactory) -> Generator[Lab]:
    """One Notebook 7 for all tests."""
    with running_lab(tmp_path_factory.mktemp("notebook7"), "notebook") as lab:
        yield lab
