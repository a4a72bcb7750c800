"""How far a look is, told at a pace that a person can follow."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Say = Callable[[int, int], None]

_PACE = 0.1  # seconds between two words of progress
_PATIENCE = 1.0  # seconds before a look that nobody sees says in a line how far it is


@contextlib.contextmanager
def said_in_a_line(what: str = "layers ran") -> Iterator[Say]:
    """How far a look is, in one line that is erased at the end; a quick look says nothing.

    On stderr; but a notebook paints all of stderr red, even what was erased, so there on stdout.
    """
    stream = sys.stdout if type(sys.stderr).__module__.startswith("ipykernel") else sys.stderr
    width = 0

    def say(done: int, total: int) -> None:
        nonlocal width
        text = f"cnnvis: {done} of {total} {what}"
        width = max(width, len(text))
        print(f"\r{text:<{width}}", end="", file=stream, flush=True)

    try:
        yield paced(say, _PATIENCE)
    finally:
        if width:
            with contextlib.suppress(Exception):
                print(f"\r{'':<{width}}\r", end="", file=stream, flush=True)


def paced(say: Say, wait: float = _PACE) -> Say:
    """The same, first after `wait` seconds, then at a pace; what goes wrong in it is left out.

    It is called from within the model's forward pass, which no lost connection may end.
    """
    due = time.monotonic() + wait

    def at_a_pace(done: int, total: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + _PACE
            with contextlib.suppress(Exception):
                say(done, total)

    return at_a_pace
