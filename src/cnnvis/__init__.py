"""See inside a convolutional network: `CNNVisWidget(model, image)` in a notebook."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cnnvis._version import __version__

if TYPE_CHECKING:
    from cnnvis.capture import Activations, ForwardError, capture
    from cnnvis.extractor import Extractor
    from cnnvis.inspection import Inspection, LayerRun, inspect
    from cnnvis.layers import Layer, find_layers
    from cnnvis.widget import CNNVisWidget

__all__ = [
    "Activations",
    "CNNVisWidget",
    "Extractor",
    "ForwardError",
    "Inspection",
    "Layer",
    "LayerRun",
    "__version__",
    "capture",
    "find_layers",
    "inspect",
]

# name -> the file it comes from, read at first use: torch takes a second that `cnnvis --help` has not
_FILES = {
    "Activations": "capture",
    "CNNVisWidget": "widget",
    "Extractor": "extractor",
    "ForwardError": "capture",
    "Inspection": "inspection",
    "Layer": "layers",
    "LayerRun": "inspection",
    "capture": "capture",
    "find_layers": "layers",
    "inspect": "inspection",
}


class _Package(ModuleType):
    """This package, in which the function `capture` goes before the file of that name."""

    def __getattr__(self, name: str) -> Any:
        if name not in _FILES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Python binds a file that was imported to its name here
        if name in _FILES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
