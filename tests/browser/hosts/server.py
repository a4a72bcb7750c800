"""A server of one app on 127.0.0.1, for the front ends that are such servers."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hosts.paths import environment
from lab import free_port

START_SECONDS = 60
END_SECONDS = 10


@contextmanager
def running(arguments: list[str], folder: Path) -> Generator[str]:
    """A Python module run as a server; ends with the block.

    Args:
        arguments: Of `python -m`; "{port}" stands for the port.
        folder: Where it keeps what it writes.

    Yields:
        Its address.

    Raises:
        RuntimeError: It did not start; has what it printed.
    """
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    command = [sys.executable, "-m", *(each.format(port=port) for each in arguments)]
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    try:
        _wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)  # between two questions to a server that is starting, not for a state
        else:
            return
    raise RuntimeError(f"the server did not start within {START_SECONDS} s:\n{log.read_text()}")
