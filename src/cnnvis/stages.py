"""Where the time goes between what was asked for and what is sent: milliseconds by stage.

Nothing is noted unless somebody asks for it with `noted`; `stage` and `timed` mark the stages where the
work is done, in whatever order it is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Stages:
    """What was spent so far.

    Attributes:
        started: When the work began, in milliseconds since 1970, as a page counts.
        spent: From the name of a stage to its milliseconds, without those of stages within it.
    """

    def __init__(self) -> None:
        self.started = time.time() * 1e3
        self.spent: dict[str, float] = {}
        self._within = [0.0]  # what stages within each open one took

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds what the block takes to a stage."""
        begun = time.perf_counter()
        self._within.append(0.0)
        try:
            yield
        finally:
            took = (time.perf_counter() - begun) * 1e3
            self.spent[name] = self.spent.get(name, 0.0) + took - self._within.pop()
            self._within[-1] += took


_NOTED: ContextVar[Stages | None] = ContextVar("cnnvis_stages", default=None)


@contextlib.contextmanager
def noted() -> Iterator[Stages]:
    """Notes the stages of the block; within another such block it is that one's."""
    stages = _NOTED.get()
    if stages is not None:
        yield stages
        return
    stages = Stages()
    token = _NOTED.set(stages)
    try:
        yield stages
    finally:
        _NOTED.reset(token)


def running() -> Stages | None:
    """What is being noted now; None: nothing."""
    return _NOTED.get()


def stage(name: str) -> contextlib.AbstractContextManager[None]:
    """Marks the block as a stage, if somebody takes note."""
    stages = _NOTED.get()
    return contextlib.nullcontext() if stages is None else stages.stage(name)


def timed(name: str, function: Callable[P, T]) -> Callable[P, T]:
    """The function, each call of which is a stage; itself where nobody takes note."""
    stages = _NOTED.get()
    if stages is None:
        return function

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with stages.stage(name):
            return function(*args, **kwargs)

    return call
