"""Tells when values of tensors leave torch, as lists or NumPy arrays: no operation shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor

_WAYS_OUT = ("tolist", "numpy", "__array__", "__dlpack__")


class Reading:
    """While it is entered, calls told(tensor, method) whenever this thread reads a tensor so.

    The methods of `Tensor` itself are wrapped, and are what they were when it is left; it may be
    left twice.
    """

    def __init__(self, told: Callable[[Tensor, str], None]) -> None:
        self._told = told
        self._own: dict[str, Any] = {}

    def __enter__(self) -> Reading:
        thread = threading.get_ident()

        def wrapped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
            def read(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
                if threading.get_ident() == thread:
                    self._told(tensor, name)
                return original(tensor, *args, **kwargs)

            return read

        for name in _WAYS_OUT:
            self._own[name] = vars(Tensor).get(name)  # None: inherited
            setattr(Tensor, name, wrapped(name, getattr(Tensor, name)))
        return self

    def __exit__(self, *_: object) -> None:
        while self._own:
            name, own = next(iter(self._own.items()))
            if own is not None:
                setattr(Tensor, name, own)
            elif name in vars(Tensor):
                delattr(Tensor, name)
            del self._own[name]
