"""benchmarks/RESULTS.md: each benchmark writes its own section."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

PATH = Path(__file__).with_name("RESULTS.md")
_HEAD = "# Measured\n\nEach section is written by its script in this folder; `make bench` runs them all.\n"


def write(title: str, words: str, *parts: str) -> None:
    """Replaces the section of that title, or adds it."""
    today = datetime.date.today().isoformat()
    where = (
        f"{today}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )
    section = "\n\n".join([f"## {title}", f"{words} {where}.", *parts]) + "\n"
    text = PATH.read_text("utf-8") if PATH.exists() else _HEAD
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, re.M | re.S)
    if found:
        text = text[: found.start()] + section + "\n" + text[found.end() :]
    else:
        text = text.rstrip() + "\n\n" + section
    PATH.write_text(text.rstrip() + "\n", "utf-8")
    print(section)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are numbers."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
