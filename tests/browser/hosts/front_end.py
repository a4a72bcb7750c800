"""What a test may ask of a front end, whichever it is."""

from __future__ import annotations

import time
from typing import Any, Protocol

from playwright.sync_api import Page
from view import View

WAIT_SECONDS = 20


class FrontEnd(Protocol):
    """A front end that shows the widget of `subject` in a page."""

    page: Page

    def python(self) -> dict[str, Any]:
        """What Python has: the traits of `subject.READ`, and in "runs" how often it heard of one."""

    def reload(self) -> None:
        """Loads the page again and does what a person does to have the widget back."""


class Themed(Protocol):
    """One that has a dark theme and tells the widget of it."""

    page: Page

    def darken(self) -> None:
        """Puts the front end itself, not the widget, into its dark theme."""


def view_of(front_end: FrontEnd) -> View:
    """The widget in it."""
    return View(front_end.page)


def wait_for(front_end: FrontEnd, **expected: Any) -> dict[str, Any]:
    """Until Python has these values: what a click does there takes a moment.

    Raises:
        AssertionError: It never had.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = front_end.python()
        if expected.items() <= found.items():
            return found
        assert time.monotonic() < deadline, f"Python has {found!r}, not {expected!r}"
        front_end.page.evaluate("() => new Promise(requestAnimationFrame)")
