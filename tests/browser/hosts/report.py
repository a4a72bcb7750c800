"""The saved report, which has no Python behind it."""

from __future__ import annotations

from pathlib import Path

from hosts.subject import picture, subject
from playwright.sync_api import Page

from cnnvis import inspect


class Report:
    """A report opened from a file."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        # room for the large filters, which a smaller file has averaged
        look = inspect(subject(), picture())
        page.goto(look.save_html(folder / "report.html", max_mb=30).as_uri())

    def darken(self) -> None:
        """The report follows the system."""
        self.page.emulate_media(color_scheme="dark")
