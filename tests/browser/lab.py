"""A real JupyterLab, or Notebook 7, on 127.0.0.1 with real kernels, for the tests and the screenshots."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import Locator, Page

START_SECONDS = 60
CELL_SECONDS = 120
WAIT_SECONDS = 20


@dataclass(frozen=True)
class Lab:
    """A running server.

    Attributes:
        url: Its address.
        token: What it lets people in with.
        folder: Where its notebooks lie.
        runtime: Where the kernels' connection files lie.
        place: Where in its address a notebook is opened.
    """

    url: str
    token: str
    folder: Path
    runtime: Path
    place: str

    def api(self, path: str) -> Any:
        """The answer of the server's REST interface."""
        with urllib.request.urlopen(f"{self.url}/api/{path}?token={self.token}") as answer:
            return json.load(answer)

    def end(self, notebook: str) -> None:
        """Ends the kernel of a notebook, if it has one."""
        with contextlib.suppress(urllib.error.URLError):  # it is gone, or the server is with it
            for session in self.api("sessions"):
                if session["path"] == notebook:
                    address = f"{self.url}/api/sessions/{session['id']}?token={self.token}"
                    request = urllib.request.Request(address, method="DELETE")
                    urllib.request.urlopen(request).close()

    def value(self, kernel: str, expression: str) -> Any:
        """The value of an expression in a kernel, as JSON can hold it.

        Raises:
            RuntimeError: The expression raised.
        """
        client = BlockingKernelClient()
        client.load_connection_file(str(self.runtime / f"kernel-{kernel}.json"))
        client.start_channels()
        try:
            reply = client.execute_interactive(
                "import json as _json",
                silent=True,
                user_expressions={"value": f"_json.dumps({expression})"},
                timeout=CELL_SECONDS,
                output_hook=lambda message: None,
            )
        finally:
            client.stop_channels()
        answer = reply["content"]["user_expressions"]["value"]
        if answer["status"] != "ok":
            raise RuntimeError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(_literal(answer["data"]["text/plain"]))


@contextmanager
def running_lab(folder: Path, app: str = "jupyterlab") -> Generator[Lab]:
    """A JupyterLab that keeps all it writes in the folder, and ends with the block.

    Args:
        folder: Where its notebooks and settings lie.
        app: "jupyterlab", or "notebook" for Notebook 7.

    Raises:
        RuntimeError: It did not start; has what it printed.
    """
    port, token = free_port(), secrets.token_hex(16)
    runtime, log = folder / ".runtime", folder / "jupyter.log"
    environment = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(folder / ".config"),
        "JUPYTER_DATA_DIR": str(folder / ".data"),
        "IPYTHONDIR": str(folder / ".ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
    }
    command = [sys.executable, "-m", app, "--no-browser", "--allow-root"]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": token,
        f"{'LabApp' if app == 'jupyterlab' else 'JupyterNotebookApp'}.expose_app_in_browser": True,
    }
    command += [f"--{name}={value}" for name, value in options.items()]
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    place = "doc/tree" if app == "jupyterlab" else "notebooks"
    lab = Lab(f"http://127.0.0.1:{port}", token, folder, runtime, place)
    try:
        _wait_for(lab, server, log)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


class Notebook:
    """A notebook open in a page of JupyterLab; its kernel ends with the page's context."""

    def __init__(self, lab: Lab, page: Page, name: str, cells: list[str]) -> None:
        self.lab = lab
        self.page = page
        self.name = f"{name}.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, lab.folder / self.name)
        page.context.on("close", lambda context: lab.end(self.name))
        page.goto(f"{lab.url}/{lab.place}/{self.name}?token={lab.token}")
        page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")

    def run(self) -> Locator:
        """Runs every cell; gives the widget's canvas once it is painted."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        canvas = self.page.locator(".cnnvis canvas.cnnvis-canvas").first
        canvas.wait_for(state="attached", timeout=CELL_SECONDS * 1000)
        self.page.locator('.cnnvis canvas.cnnvis-canvas[data-state="ready"]').first.wait_for()
        return canvas

    def kernel(self, expression: str) -> Any:
        """The value of an expression in the notebook's kernel, as JSON can hold it."""
        sessions = self.lab.api("sessions")
        (kernel,) = [s["kernel"]["id"] for s in sessions if s["path"] == self.name]
        return self.lab.value(kernel, expression)

    def wait_for(self, expression: str, value: Any) -> None:
        """Until an expression has that value in the kernel: what a click does there takes a moment.

        Raises:
            AssertionError: It never had.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := self.kernel(expression)) != value:
            assert time.monotonic() < deadline, f"{expression} is {found!r}, not {value!r}"

    def execute(self, code: str) -> None:
        """Runs a statement in the kernel, as another cell would."""
        self.kernel(f"exec({code!r}, globals())")


def _literal(text: str) -> str:
    value: str = ast.literal_eval(text)
    return value


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            lab.api("status")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)  # between two questions to a server that is starting, not for a state
        else:
            return
    raise RuntimeError(f"Jupyter did not start within {START_SECONDS} s:\n{log.read_text()}")
