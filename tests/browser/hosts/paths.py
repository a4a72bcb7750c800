"""Where the tests' own modules lie, for the processes that the tests start."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOLDERS = [str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "python")]

IMPORTS = f"import sys; sys.path[:0] = {FOLDERS!r}"
"""A line of Python for a notebook's cell."""


def environment() -> dict[str, str]:
    """This process's environment, in which a server finds the same modules."""
    paths = [*FOLDERS, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
