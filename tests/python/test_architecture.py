"""The direction of the arrows: who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cnnvis"

MAY_IMPORT = {
    "_version": set(),
    "bundle": set(),
    "layers": set(),
    "weights": {"layers"},
    "image": {"picture", "preprocessing"},
    "preprocessing": {"layers", "picture"},
    "picture": set(),
    "in_cache": set(),
    "prediction": set(),
    "quantize": {"in_cache"},
    "extractor": {"layers"},
    "borrow": set(),
    "capture": {"layers", "borrow"},
    "reach": set(),
    "atoms": {"reach"},
    "dependence": {"atoms", "reach"},
    "joining": {"atoms", "dependence", "reach"},
    "rulebook": {"dependence", "joining", "reach"},
    "rules": {"dependence", "joining", "reach", "rulebook"},
    "windows": {"dependence", "joining", "reach", "rulebook"},
    "reshapes": {"dependence", "joining", "reach", "rulebook"},
    "storages": {"dependence", "joining", "reach"},
    "fields": {
        "dependence",
        "reach",
        "reshapes",
        "rulebook",
        "rules",
        "storages",
        "windows",
    },
    "memory": set(),
    "callers": set(),
    "operation": {"layers"},
    "reading": set(),
    "trace": {"callers", "fields", "layers", "memory", "operation", "reading"},
    "buffers": set(),
    "look": {
        "buffers",
        "capture",
        "frame",
        "layers",
        "quantize",
        "stages",
        "structure",
        "tiles",
        "trace",
    },
    "structure": {"layers"},
    "run": {"fields", "layers"},
    "notes": {"frame", "look", "quantize", "run", "tiles"},
    "stages": set(),
    "frame": {"quantize", "stages"},
    "choice": {"layers"},
    "labels": {"layers"},
    "tiles": {"layers"},
    "inspection": {
        "capture",
        "choice",
        "figure",
        "frame",
        "image",
        "labels",
        "layers",
        "look",
        "notes",
        "operation",
        "preprocessing",
        "quantize",
        "structure",
        "report",
        "run",
        "tiles",
        "weights",
    },
    "describe": {"_version", "inspection", "frame", "layers"},
    "answers": {"frame", "inspection"},
    "overview": {"frame", "inspection", "look", "quantize"},
    "progress": set(),
    "later": set(),
    "view_state": {"frame"},
    "widget": {
        "answers",
        "bundle",
        "choice",
        "describe",
        "fallback",
        "files",
        "frame",
        "inspection",
        "later",
        "overview",
        "progress",
        "report",
        "small",
        "stages",
        "view_state",
    },
    "fallback": set(),
    "small": set(),
    "colormaps": {"frame"},
    "ranges": {"frame"},
    "figure": {"colormaps", "frame", "inspection", "ranges", "view_state"},
    "files": set(),
    "checkpoint": set(),
    "specify": {"checkpoint", "samples"},
    "cli": {
        "_version",
        "capture",
        "checkpoint",
        "describe",
        "frame",
        "inspection",
        "layers",
        "progress",
        "samples",
        "specify",
    },
    "__main__": {"cli"},
    "report": {
        "inspection",
        "frame",
        "describe",
        "bundle",
        "files",
        "overview",
        "prediction",
        "small",
    },
}
WITHOUT_TORCH = {
    "memory",
    "picture",
    "bundle",
    "describe",
    "report",
    "widget",
    "progress",
    "fallback",
    "small",
    "view_state",
}


def imports(path: Path) -> set[str]:
    """The modules that a file imports; those only needed for type checking are left out."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def ours(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(path) if name.startswith("cnnvis.")}
    return {name for name in names if (PACKAGE / f"{name}.py").is_file()}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_python_files_import_only_what_they_may(path: Path) -> None:
    if path.stem == "__init__":
        return
    assert path.stem in MAY_IMPORT, "a new file: say here what it may import"
    assert ours(path) <= MAY_IMPORT[path.stem]
    uses_torch = any(name.split(".")[0] == "torch" for name in imports(path))
    assert not (uses_torch and path.stem in WITHOUT_TORCH)


def test_the_rule_can_fail(tmp_path: Path) -> None:
    path = tmp_path / "layers.py"
    path.write_text("from cnnvis.widget import CNNVisWidget\nfrom cnnvis import frame\n")
    assert ours(path) == {"widget", "frame"}


def test_importing_cnnvis_imports_neither_torchvision_nor_matplotlib() -> None:
    code = (
        "import sys, cnnvis; "
        "print([m for m in ('torchvision', 'matplotlib', 'torch._dynamo') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# JavaScript: the DOM begins at canvas, gestures and panels, Python's names end at wire and frame

SNAKE_CASE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
PURE = (
    "tree",
    "search",
    "virtual",
    "transform",
    "layout",
    "raster",
    "colormaps",
    "cursor",
    "field",
    "frame",
    "histogram",
    "keymap",
    "place",
    "trail",
    "valuetext",
    "order",
    "ranges",
    "cache",
    "format",
)


@pytest.mark.parametrize("path", sorted((ROOT / "js").rglob("*.ts")), ids=lambda path: path.stem)
def test_typescript_keeps_pythons_names_and_the_dom_where_they_belong(path: Path) -> None:
    text = re.sub(r"//.*|/\*.*?\*/", "", path.read_text("utf-8"), flags=re.S)
    # the names of a view and a colormap are values that both sides share, save_changes is anywidget's
    text = re.sub(r'"feature_maps"|"gray_r"|save_changes', "", text)
    if path.stem not in ("frame", "wire"):
        assert not SNAKE_CASE.findall(text)
    if path.stem in PURE:
        assert not re.search(r"\b(document|window|HTMLElement|getContext)\b", text)
    assert "innerHTML" not in text


def test_the_function_capture_goes_before_the_file_of_that_name() -> None:
    code = "import cnnvis.capture, cnnvis; from cnnvis import capture; print(callable(capture), dir(cnnvis))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("True")
    assert "CNNVisWidget" in run.stdout
