"""The pages of the site, and their build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def build(folder: Path) -> Path:
    """Builds the site as `make docs` does, warnings being errors; where it lies."""
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    done = subprocess.run(
        [*sphinx, "-d", folder / "doctrees", DOCS, folder / "site"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def html_of(page: Path, site: Path) -> Path:
    """What a page became."""
    return (site / page.relative_to(DOCS)).with_suffix(".html")


def environment() -> dict[str, str]:
    """That of a process which imports the cnnvis that is tested here."""
    sources = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sources))}
