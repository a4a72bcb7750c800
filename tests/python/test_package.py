"""What is shipped: the wheel, the sdist, and the notebook that shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
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


def test_the_wheel_that_an_sdist_makes_without_node_holds_everything(
    sdist: Path, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    wheel = build(source, "wheel", tmp_path / "dist", PATH=str(tmp_path / "no-tools-here"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode()
    assert names >= BUNDLE | SAMPLE | {"cnnvis/py.typed", "cnnvis/__init__.py"}
    assert not [name for name in names if name.endswith((".ts", ".map", ".pyc"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.stat().st_size <= 3e6
    assert "Requires-Python: >=3.10" in described
    assert "License-Expression: MIT" in described
    assert "Classifier: Framework :: Jupyter" in described


def test_the_bundle_is_small() -> None:
    static = ROOT / "src" / "cnnvis" / "static"
    for name in ("widget.js", "report.js"):
        assert (static / name).stat().st_size <= 140_000, name


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
