"""What is shipped: the wheel, the sdist, and the notebook that shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

ROOT = Path(__file__).parents[2]
BUNDLE = {
    f"cnnvis/static/{name}" for name in ("widget.js", "report.js", "widget.css", "licenses.txt")
}
SAMPLE = {"cnnvis/samples/sample.safetensors", "cnnvis/samples/photo.jpg"}


def build(source: Path, target: str, folder: Path, **environment: str) -> Path:
    """A wheel or sdist of the source, in the folder; the environment's tools do it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    run = subprocess.run(
        command, cwd=source, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    (built,) = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an sdist becomes where there is no Node, nor any other tool."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    return build(source, "wheel", folder / "dist", PATH=str(folder / "no-tools-here"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip put the wheel, away from the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(folder), str(wheel)], check=True)
    return folder


def run(code: str, installed: Path, folder: Path) -> str:
    """What the code prints where the wheel is installed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_that_an_sdist_makes_without_node_holds_everything(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        described = archive.read(about).decode()
    assert names >= BUNDLE | SAMPLE | {"cnnvis/py.typed", "cnnvis/__init__.py"}
    assert not [name for name in names if name.endswith((".ts", ".map", ".pyc"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.stat().st_size <= 3e6
    assert "Requires-Python: >=3.10" in described
    assert "License-Expression: MIT" in described
    assert "Classifier: Framework :: Jupyter" in described
    assert "See inside a convolutional network" in described, "the README is the long description"


def test_the_installed_package_does_its_main_job_without_torchvision(
    installed: Path, tmp_path: Path
) -> None:
    code = """
import sys
sys.modules["torchvision"] = None
import cnnvis
look = cnnvis.inspect(cnnvis.samples.model(), cnnvis.samples.image(), labels=cnnvis.samples.labels())
widget = cnnvis.CNNVisWidget(look.model, cnnvis.samples.image())
assert len(widget.frame) > 10_000 and not widget.problem
look.save_html("report.html")
print(cnnvis.__file__, cnnvis.__version__)
""".replace("import cnnvis\n", "import cnnvis, cnnvis.samples\n")
    path, version = run(code, installed, tmp_path).split()
    assert Path(path).is_relative_to(installed)
    assert version == version_of(installed)
    assert (tmp_path / "report.html").stat().st_size > 100_000


def version_of(installed: Path) -> str:
    (folder,) = installed.glob("cnnvis-*.dist-info")
    return folder.name.removeprefix("cnnvis-").removesuffix(".dist-info")


def test_importing_it_imports_no_more_than_what_it_is_used_for(
    installed: Path, tmp_path: Path
) -> None:
    loaded = "print(*[m for m in ('torch', 'torchvision', 'anywidget', 'matplotlib') if m in sys.modules])"
    assert run(f"import sys, cnnvis; {loaded}", installed, tmp_path).split() == []
    assert run(
        f"import sys; from cnnvis import inspect; {loaded}", installed, tmp_path
    ).split() == ["torch"]
    with_widget = run(f"import sys; from cnnvis import CNNVisWidget; {loaded}", installed, tmp_path)
    assert with_widget.split() == ["torch", "anywidget"]


def test_the_entry_point_is_installed(installed: Path, tmp_path: Path) -> None:
    program = next(installed.glob("bin/cnnvis*"), None) or next(installed.glob("Scripts/cnnvis*"))
    done = subprocess.run(
        [program, "demo", "--no-open", "-o", "demo.html"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "demo.html" in done.stderr
    assert (tmp_path / "demo.html").stat().st_size > 100_000


def test_an_editor_sees_the_types_of_the_installed_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import cnnvis\nfrom torch import nn\n"
        "look = cnnvis.inspect(nn.Conv2d(3, 4, 3), 'cat.jpg')\n"
        "name: str = look.layers[0].name\n"
        "wrong: int = look.layers[0].name\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "mine.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "MYPYPATH": ""},
        capture_output=True,
        text=True,
    )
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout
    assert errors[0].startswith("mine.py:5:")
    assert "[assignment]" in errors[0]


def test_the_oldest_versions_that_are_tested_are_those_that_are_allowed() -> None:
    lines = (ROOT / "tests" / "oldest.txt").read_text("utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    needed = [each for each in metadata.requires("cnnvis") or () if ";" not in each]
    assert len(needed) == len(tested)
    for requirement in needed:
        name, _, least = requirement.partition(">=")
        assert name in tested
        assert tested[name].startswith(least), requirement


def test_the_bundle_is_small() -> None:
    static = ROOT / "src" / "cnnvis" / "static"
    for name in ("widget.js", "report.js"):
        assert (static / name).stat().st_size <= 100_000, name


def test_demo_ipynb_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # as where there is no network: the cell that would fetch weights has to say so, and go on
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    notebook = nbformat.read(ROOT / "demo.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    ExecutePreprocessor(timeout=120, kernel_name="python3").preprocess(
        notebook, {"metadata": {"path": str(tmp_path)}}
    )
    assert (tmp_path / "build" / "demo.html").stat().st_size < 10e6
    outputs = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert "CNNVisWidget(SampleNet, layer='stem.conv'" in outputs
    assert "Connect to the internet and run this cell again" in outputs
    assert '"output_type": "error"' not in outputs
