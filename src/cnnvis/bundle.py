"""The built front end, as text."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def read(name: str) -> str:
    """The text of a built file, such as "widget.js".

    Raises:
        RuntimeError: It is not there: this is a source tree whose front end was never built.
    """
    file = resources.files("cnnvis") / "static" / name
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise RuntimeError(
            f"cnnvis was not built: {name} is missing from its static folder; "
            "run `pip install -e .` or `npm ci && npm run build` in the source tree"
        ) from None
