"""What the pages show of cnnvis itself: reports in frames of their own, and what the program says.

    ```{report} first-look
    ```

shows one of `REPORTS`, which are written when the site is built, and

    ```{help} report
    ```

what `cnnvis report --help` says.
"""

from __future__ import annotations

import contextlib
import inspect as python
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.domains.python import PythonDomain
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature

from cnnvis import inspect, samples
from cnnvis.cli import main

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "reports"
"""Where they lie in the site."""

HEIGHT = 720
"""Of a frame, in CSS pixels."""


@dataclass(frozen=True)
class Report:
    """One look at the shipped network and photograph.

    Attributes:
        title: Of the page, and what a screen reader says of its frame.
        state: How the view opens.
        layers: Which are in it; None: all.
    """

    title: str
    state: dict[str, Any]
    layers: list[str] | None = None


THEMES = ("auto", "light", "dark")
"""Each report is there in all of them, see static/site.js."""

REPORTS = {
    "first-look": Report("A small network looks at a cat", {}),
    "filters": Report(
        "The first filters of a small network",
        {"view": "filters"},
        ["stem.conv", "stage1.0.conv1", "stage1.0.downsample.0"],
    ),
    "overlay": Report(
        "Maps of a deeper layer over the photograph",
        {"layer": "stage2.1.conv2", "overlay": 0.5, "sort": "max"},
        ["stem.conv", "stage1.1.conv2", "stage2.1.conv2", "stage3.1.conv2"],
    ),
}


def write(folder: Path) -> None:
    """Writes all reports into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    for name, report in REPORTS.items():
        for theme in THEMES:
            look.save_html(
                folder / file_of(name, theme),
                title=report.title,
                layers=report.layers,
                state={**report.state, "theme": theme},
            )


def file_of(name: str, theme: str) -> str:
    """The name of a report's file."""
    return f"{name}.html" if theme == "auto" else f"{name}-{theme}.html"


class ReportDirective(SphinxDirective):
    """Shows a report in a frame that can run its script and do nothing else."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {
        "height": directives.positive_int,
    }

    def run(self) -> Sequence[nodes.Node]:
        """The frame, and a link to what is in it."""
        name = self.arguments[0]
        if name not in REPORTS:
            raise self.error(
                f"there is no report {name!r}; there are {', '.join(REPORTS)}"
            )
        folder = "../" * self.env.docname.count("/") + FOLDER
        themes = " ".join(
            f'data-{theme}="{folder}/{file_of(name, theme)}"'
            for theme in THEMES
        )
        address = f"{folder}/{file_of(name, 'auto')}"
        title = escape(REPORTS[name].title, quote=True)
        height = self.options.get("height", HEIGHT)
        frame = (
            f'<iframe class="report" sandbox="allow-scripts" loading="lazy" title="{title}" '
            f'src="{address}" {themes} height="{height}"></iframe>\n'
            f'<p class="report-link"><a href="{address}">{title}</a>, on a page of its own</p>'
        )
        return [nodes.raw("", frame, format="html")]


class HelpDirective(SphinxDirective):
    """Shows what the command line, or one of its commands, says of itself."""

    optional_arguments = 1

    def run(self) -> Sequence[nodes.Node]:
        """The text as it is printed."""
        text = said([*self.arguments, "--help"])
        return [nodes.literal_block(text, text, language="text")]


def said(arguments: Sequence[str]) -> str:
    """What a command prints, in lines of 80 characters without colors."""
    terminal = {"COLUMNS": "80", "NO_COLOR": "1"}
    with (
        mock.patch.dict("os.environ", terminal),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.suppress(SystemExit),
    ):
        main(arguments)
    return out.getvalue()


def setup(app: Sphinx) -> None:
    """Tells Sphinx of the directives, and writes the reports beside the pages."""
    app.add_directive("report", ReportDirective)
    app.add_directive("help", HelpDirective)
    app.connect("builder-inited", _write)
    app.connect("source-read", _show_gallery)
    app.connect("autodoc-process-signature", _own_signature)
    for kind in PythonDomain.directives["class"].doc_field_types:
        if kind.name == "variable":
            kind.label = "Attributes"  # as our docstrings call them


def _write(app: Sphinx) -> None:
    if app.builder.format == "html":
        write(Path(app.outdir) / FOLDER)


def _show_gallery(app: Sphinx, page: str, source: list[str]) -> None:
    """Lets the page that names the pictures of its folder show them too."""
    if page != "gallery/README":
        return
    folder = Path(app.srcdir) / "gallery"
    rows = re.findall(r"^\|.*$", source[0], re.M)
    names = re.findall(r"`([a-z-]+)`", "\n".join(rows))
    pictures = [name for name in names if (folder / f"{name}.webp").is_file()]
    for name in dict.fromkeys(pictures):
        source[0] += f"\n`{name}`\n\n![{name}]({name}.webp)\n"


def _own_signature(
    app: Sphinx,
    what: str,
    name: str,
    documented: Any,
    options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """That of `__init__`, where a metaclass takes whatever there is."""
    if what != "class" or not (signature or "").startswith("(*args"):
        return signature, returns
    own = python.signature(documented.__init__)
    first, *others = own.parameters.values()
    assert first.name == "self"
    return stringify_signature(
        own.replace(parameters=others, return_annotation=own.empty)
    ), returns
