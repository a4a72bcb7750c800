"""See inside a convolutional network: `CNNVisWidget(model, image)` in a notebook."""

from cnnvis._version import __version__
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
