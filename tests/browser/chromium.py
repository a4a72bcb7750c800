"""A Chromium to test with: one that is installed, else Playwright's own, else Debian's.

Run as a script it makes sure that there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# as root there is no sandbox; the rest keeps the browser from looking for the network
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of an installed Chromium or Chrome, or of Playwright's; None: there is none."""
    installed = next((path for name in NAMES if (path := shutil.which(name))), None)
    return installed or _playwrights()


def ensure() -> str:
    """The path of a Chromium, installed if need be.

    Raises:
        RuntimeError: None could be had; says how to get one.
    """
    return find() or _install_playwrights() or _install_debians() or _give_up()


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _install_playwrights() -> str | None:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return _playwrights()


def _install_debians() -> str | None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
        subprocess.run(["apt-get", *command], check=False, env=environment)
    return find()


def _give_up() -> str:
    raise RuntimeError(
        "no Chromium was found and none could be installed; install Chromium or Chrome "
        "(Debian: apt-get install chromium), then run the tests again"
    )


if __name__ == "__main__":
    print(ensure())
