"""In which modules' methods an operation runs, read from the stack of Python frames.

Hooks on every module would tell it too, but a model behaves differently when it finds hooks on its
modules (torch's transformer layers leave their fast path), and hooks miss what is not called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from torch import nn

# the frame that every call of a module goes through, and a direct `module.forward(x)` does not
_CALL = nn.Module._wrapped_call_impl.__code__
NOWHERE = ("", 0)
_TORCH = nn.__file__.rpartition("nn")[0]


@dataclass(frozen=True)
class Caller:
    """A module whose method is running.

    Attributes:
        module: The module.
        called: Whether it was called as one, so that its hooks will fire.
        line: File and line it is at in the method that its author wrote; NOWHERE if torch did.
    """

    module: nn.Module
    called: bool
    line: tuple[str, int]


def callers(depth: int = 1) -> Iterator[Caller]:
    """The modules in whose methods we are, innermost first.

    Looks no further out than it is asked for: reading a frame's variables keeps a copy of them, and
    so the tensors among them, until that frame ends.

    Args:
        depth: How many frames to leave out, from the one that iterates.
    """
    module: nn.Module | None = None
    line = NOWHERE
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        found = frame.f_locals.get("self") if code.co_varnames[:1] == ("self",) else None
        if isinstance(found, nn.Module):
            if module is not None and found is not module:
                yield Caller(module, False, line)
                line = NOWHERE
            module = found
            if not code.co_filename.startswith(_TORCH):
                line = (code.co_filename, frame.f_lineno)
            if code is _CALL:
                yield Caller(module, True, line)
                module, line = None, NOWHERE
        frame = frame.f_back
    if module is not None:
        yield Caller(module, False, line)
