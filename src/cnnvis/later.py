"""Work that nobody waits for: it is done once what runs now is over."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any


def later(work: Callable[[], None]) -> None:
    """Does the work at the end of the cell that runs, or when the event loop is free; else at once.

    At the end of a cell and not after it, because what a notebook's file stores of a widget is what was
    sent until then.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a script, or a thread of one's own: nobody would come back to it
        work()
        return
    is_done = False
    events = _events_of_cells()

    def once() -> None:
        nonlocal is_done
        if events is not None:
            with contextlib.suppress(ValueError):  # both ways may come to it
                events.unregister("post_execute", once)
        if not is_done:
            is_done = True
            work()

    if events is not None:
        events.register("post_execute", once)
    loop.call_soon(once)


def _events_of_cells() -> Any:
    """IPython's events, where this thread runs its cells; else None."""
    if "IPython" not in sys.modules or threading.current_thread() is not threading.main_thread():
        return None
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else shell.events
