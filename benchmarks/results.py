"""benchmarks/RESULTS.md: each benchmark writes its own section."""

from __future__ import annotations

import datetime
import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib
import torch

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def spread(took: Sequence[float], beside: Sequence[float]) -> str:
    """How many times as long one took as the other, run for run: the median, and the quartiles."""
    each = [a / b for a, b in zip(took, beside, strict=True)]
    low, middle, high = statistics.quantiles(each, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are numbers."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def lines(
    name: str, across: str, label: str, sizes: Sequence[int], series: Mapping[str, Sequence[float]]
) -> str:
    """A plot of what grows with a size, both logarithmic, as an SVG in this folder.

    Args:
        name: Of the file, without its ending.
        across: What the sizes are.
        label: What the numbers are.
        sizes: From small to large.
        series: The numbers of each size, by what they are of.
    """
    figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    for color, (title, numbers) in enumerate(series.items()):
        axes.plot(sizes, numbers, "o-", label=title, color=f"C{color}", markersize=4)
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=label, xticks=sizes)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return _drawn(name, label, figure, axes)


def dots(name: str, label: str, series: Mapping[str, Mapping[str, float]]) -> str:
    """A plot of numbers beside names, as an SVG in this folder; what shows it in Markdown.

    Args:
        name: Of the file, without its ending.
        label: Of the axis of numbers, which is logarithmic.
        series: From what is compared to its number for each name.
    """
    names = list(next(iter(series.values())))
    figure, axes = pyplot.subplots(figsize=(7.5, 0.8 + 0.38 * len(names)), layout="constrained")
    for color, (title, numbers) in enumerate(series.items()):
        rows = [names.index(each) for each in numbers]
        axes.plot(list(numbers.values()), rows, "o", label=title, color=f"C{color}", alpha=0.85)
    axes.set(xscale="log", xlabel=label, yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    axes.axvline(1, color="0.6", linewidth=0.8, zorder=0)
    axes.grid(axis="x", which="both", color="0.92")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return _drawn(name, label, figure, axes)


def _drawn(name: str, label: str, figure: Figure, axes: Axes) -> str:
    """Writes a plot; what shows it in Markdown."""
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    file = PATH.with_name(f"{name}.svg")
    # no date and no random names: a plot of the same numbers is the same file
    with pyplot.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
    file.write_text("\n".join(line.rstrip() for line in file.read_text().splitlines()) + "\n")
    return f"![{label}]({file.name})"
