"""What the pages say is run: every block of Python, every command, and the build of the site."""

from __future__ import annotations

import ast
import builtins
import re
import shlex
import subprocess
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
import safetensors.torch
import torch
import torchvision
from markdown_it import MarkdownIt
from pages import DOCS, PAGES, ROOT, build, environment, html_of
from PIL import Image
from torch import nn

from cnnvis import samples
from cnnvis.cli import main

README = ROOT / "README.md"

# names that a page speaks of and leaves to the reader
GIVEN = {"README.md": "image, another = 'cat.jpg', 'dog.jpg'"}

MODULE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    pool = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(nn.Conv2d(3, 4, 3), pool, nn.Linear(4, 3))
"""
NOTEBOOK = """from cnnvis import CNNVisWidget, samples
CNNVisWidget(samples.model(), samples.image(), static=True)"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the line before its first."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """All fenced blocks, also those within lists and quotes."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    return [
        Block(token.info.strip(), token.content, token.map[0] + 1)
        for token in tokens
        if token.type == "fence" and token.map
    ]


def run(block: Block, page: Path, names: dict[str, Any]) -> None:
    """Runs a block as a notebook does: what stands alone is shown; `# -> text` is what it has to be."""
    lines = block.text.splitlines()
    for statement in ast.parse(block.text).body:
        # so that a traceback names the page and its line
        ast.increment_lineno(statement, block.line)
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), str(page), "exec"), names)
            continue
        value = eval(compile(ast.Expression(statement.value), str(page), "eval"), names)
        last = lines[(statement.end_lineno or 0) - block.line - 1]
        expected = last.partition("# -> ")[2]
        where = f"{page.name}, line {statement.lineno}: {ast.unparse(statement)}"
        assert expected in ("", repr(value)), where
        shown = getattr(value, "_repr_mimebundle_", None)
        if shown is not None:
            assert "text/plain" in shown()[0], where


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what the pages speak of, in which no weights are fetched."""
    samples.image().save(tmp_path / "cat.jpg")
    samples.image().transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "dog.jpg")
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "models.py").write_text(MODULE)
    made: dict[str, Any] = {}
    exec(MODULE, made)
    safetensors.torch.save_file(made["make"]().state_dict(), tmp_path / "weights.safetensors")
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)]),
        tmp_path / "notebook.ipynb",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", random_weights)
    return tmp_path


def random_weights(weights: Any, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
    """In the place of those that torchvision would fetch: as many, of the same names and shapes."""
    torch.manual_seed(0)
    models = torchvision.models
    name = next(
        name for name in models.list_models() if weights in set(models.get_model_weights(name))
    )
    model: nn.Module = models.get_model(name, weights=None)
    return model.state_dict()


@pytest.mark.parametrize("page", [README, *PAGES], ids=name_of)
def test_every_block_of_python_runs_and_gives_what_is_said(page: Path, folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    exec(GIVEN.get(name_of(page), ""), names)
    for block in blocks(page):
        if block.language == "python":
            run(block, page, names)


@pytest.mark.parametrize("page", [README, *PAGES], ids=name_of)
def test_every_command_of_cnnvis_runs(page: Path, folder: Path) -> None:
    for command in commands(page, "cnnvis"):
        assert main(command[1:]) == 0, shlex.join(command)


def test_the_command_of_nbconvert_makes_a_page_with_the_view_in_it(folder: Path) -> None:
    (command,) = commands(DOCS / "howto" / "report.md", "jupyter")
    subprocess.run([sys.executable, "-m", *command], check=True, env=environment())
    page = (folder / "notebook.html").read_text("utf-8")
    assert '<iframe sandbox="allow-scripts"' in page


def commands(page: Path, program: str) -> list[list[str]]:
    """The lines of shell that run a program, split into words."""
    texts = (block.text.replace("\\\n", " ") for block in blocks(page) if is_shell(block))
    lines = (line for text in texts for line in text.splitlines())
    return [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]


def is_shell(block: Block) -> bool:
    return block.language in ("", "sh")


def test_the_pages_have_what_is_looked_for_here() -> None:
    found = {name_of(page): blocks(page) for page in [README, *PAGES]}
    python = {name for name, those in found.items() if any(b.language == "python" for b in those)}
    assert {"README.md", "docs/index.md", "docs/quickstart.md", "docs/how-it-works.md"} <= python
    howtos = {name for name in found if name.startswith("docs/howto/")}
    assert len(howtos) == 7
    assert howtos <= python
    assert len(commands(README, "cnnvis")) >= 4
    # no block is out of reach of the tests because of how its language is written
    known = {"", "sh", "python", "json", "html", "text", "{toctree}", "{eval-rst}"}
    for name, those in found.items():
        others = {
            b.language for b in those if not re.match(r"\{(report|help)\} [a-z-]+$", b.language)
        }
        assert others <= known, name


def test_what_is_said_wrongly_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n- one\n\n  ```python\n  1 + 1  # -> 3\n  ```\n")
    (block,) = blocks(page)
    with pytest.raises(AssertionError, match=r"page\.md, line 6: 1 \+ 1"):
        run(block, page, {})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("docs"))


def test_the_site_has_every_page_and_the_reports(site: Path) -> None:
    for page in PAGES:
        assert html_of(page, site).is_file()
    framed = set()
    for page in site.rglob("*.html"):
        for frame in re.findall(r"<iframe[^>]*>", page.read_text("utf-8")):
            assert 'sandbox="allow-scripts"' in frame
            for address in re.findall(r' (?:src|data-[a-z]+)="([^"]+)"', frame):
                framed.add((page.parent / address).resolve())
    reports = {path.resolve() for path in (site / "reports").glob("*.html")}
    assert len(reports) == 9, "three, each also in light and in dark"
    assert framed == reports


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loading = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\ssrc=["'](?:https?:)?//|"""
        r"""<link\b(?![^>]*rel=["']?canonical)[^>]*\shref=["'](?:https?:)?//"""
    )
    for page in site.rglob("*.html"):
        assert not loading.search(page.read_text("utf-8")), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text("utf-8")), style


def test_the_reference_has_every_public_name(site: Path) -> None:
    import cnnvis

    page = (site / "reference.html").read_text("utf-8")
    for name in set(cnnvis.__all__) - {"__version__"}:
        assert f'id="cnnvis.{name}"' in page, name
    for name in ("refresh", "save_html", "view_state"):
        assert f'id="cnnvis.CNNVisWidget.{name}"' in page
    assert "memory_mb" in page.partition("cnnvis.CNNVisWidget")[2].partition("</dt>")[0]
    # what stands before a colon in a property's first line is taken for its type
    assert ">Type<" not in page
