"""The classic interface: the layers of a model as plain lists, and their totals.

It sorts what `layers.walk` finds, and knows nothing of any architecture: a model without blocks,
downsampling or Sequential containers has zero of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any, cast

from torch import Tensor, nn

from cnnvis.layers import kind_of, walk

# as torchvision's ResNet and those after it call their blocks; subclasses count too
_BLOCKS = {"BasicBlock", "Bottleneck"}


class Extractor:
    """The convolutions, Linear layers and downsampling modules of a model, in registration order.

    The lists and `info()` are filled by `activate()`, which the first look at any of them runs.
    They hold the model's own modules and parameters, not copies.

    Args:
        model: A module, wrapped or not, or several, such as `list(model.children())`.
        DS_layer_name: The attribute under which blocks register their downsampling module.

    Raises:
        TypeError: model holds something that is no module, or the name is no string.
        ValueError: the name is a dotted path.
    """

    def __init__(
        self, model: nn.Module | Iterable[nn.Module], DS_layer_name: str = "downsample"
    ) -> None:
        if not isinstance(DS_layer_name, str):
            raise TypeError(
                "Extractor: DS_layer_name must be a string, received "
                f"{type(DS_layer_name).__name__}; pass the attribute's name, such as 'downsample'"
            )
        if "." in DS_layer_name:
            raise ValueError(
                "Extractor: DS_layer_name must be one attribute's name without dots, received "
                f"{DS_layer_name!r}; pass its last part, {DS_layer_name.rpartition('.')[2]!r}"
            )
        self.DS_layer_name = DS_layer_name
        self._model = _as_module(model)
        self._seconds: float | None = None
        self._sequential = self._blocks = 0
        self._convs: list[nn.Module] = []
        self._linears: list[nn.Module] = []
        self._downsampling: list[nn.Module] = []
        next(walk(self._model))  # refuses now what activate() could not look at

    def activate(self) -> None:
        """Look through the model as it is now; a second call starts afresh."""
        start = perf_counter()
        # by id: a module under two names is one module, and lies outside if one name does
        convs: dict[int, nn.Module] = {}
        linears: dict[int, nn.Module] = {}
        downsampling: dict[int, nn.Module] = {}
        sequential: set[int] = set()
        blocks: set[int] = set()
        for name, _, module in walk(self._model):
            *containers, last = name.split(".")
            inside = self.DS_layer_name in containers
            outside = not inside and last != self.DS_layer_name
            kind = kind_of(module)
            if not outside and not inside:
                downsampling[id(module)] = module
            if outside and kind in ("conv", "conv_transpose"):
                convs[id(module)] = module
            if outside and isinstance(module, nn.Sequential):
                sequential.add(id(module))
            if kind == "linear":
                linears[id(module)] = module
            if any(c.__name__ in _BLOCKS for c in type(module).__mro__):
                blocks.add(id(module))
        self._convs = list(convs.values())
        self._linears = list(linears.values())
        self._downsampling = list(downsampling.values())
        self._sequential, self._blocks = len(sequential), len(blocks)
        self._seconds = perf_counter() - start

    def info(self) -> dict[str, str | int]:
        """The totals of the last `activate()`.

        Returns:
            `"Total CNN Layers"` counts convolutions, transposed ones included, outside every
            module named `DS_layer_name`; `"Total Downsampling Layers"` those modules, unless they
            lie in one another; `"Total Sequential Layers"` every `nn.Sequential`, the model itself
            and subclasses included, that neither is nor lies in one of them; `"Total Linear
            Layers"` all of them; `"Total number of Bottleneck and Basicblock"` modules of classes
            of these names or derived from one. `"Total Execution time"` is what `activate()` took.
        """
        self._look_once()
        return {
            "Down-sample layers name": self.DS_layer_name,
            "Total CNN Layers": len(self._convs),
            "Total Sequential Layers": self._sequential,
            "Total Downsampling Layers": len(self._downsampling),
            "Total Linear Layers": len(self._linears),
            "Total number of Bottleneck and Basicblock": self._blocks,
            "Total Execution time": f"{self._seconds:.5f} sec",
        }

    @property
    def CNN_layers(self) -> list[nn.Module]:
        """The convolutions, transposed ones included, outside downsampling modules."""
        self._look_once()
        return self._convs

    @property
    def Linear_layers(self) -> list[nn.Module]:
        """The Linear layers, those in downsampling modules included."""
        self._look_once()
        return self._linears

    @property
    def DS_layers(self) -> list[nn.Module]:
        """The modules registered under `DS_layer_name`."""
        self._look_once()
        return self._downsampling

    @property
    def CNN_weights(self) -> list[Tensor]:
        """The weight of each of `CNN_layers`, the live parameter in the layout of its module.

        Of a parametrized or pruned layer it is the parameter that training changes and the weight
        is made of; `cnnvis.weights.filters` gives what is made of it.
        """
        return [_live_weight(module) for module in self.CNN_layers]

    @property
    def Linear_weights(self) -> list[Tensor]:
        """The weight of each of `Linear_layers`, as in `CNN_weights`."""
        return [_live_weight(module) for module in self.Linear_layers]

    def _look_once(self) -> None:
        if self._seconds is None:
            self.activate()


def _as_module(model: object) -> nn.Module:
    several = isinstance(model, Iterable) and not isinstance(model, (nn.Module, dict, str, bytes))
    if not several:
        return cast(nn.Module, model)  # or something that walk refuses by name
    modules = list(cast(Iterable[object], model))
    for i, module in enumerate(modules):
        if not isinstance(module, nn.Module):
            raise TypeError(
                "Extractor: a list of models must hold torch.nn.Module only, received "
                f"{type(module).__name__} at position {i}; pass list(model.children())"
            )
    return nn.ModuleList(cast(list[nn.Module], modules))


def _live_weight(module: nn.Module) -> Tensor:
    parameters = dict(module.named_parameters(recurse=False))
    made = dict(module.named_children()).get("parametrizations")
    if isinstance(made, nn.ModuleDict) and "weight" in made:
        # weight norm has two, a length and a direction: the direction has the weight's shape
        return max(made["weight"].parameters(recurse=False), key=Tensor.numel)
    for name in ("weight", "weight_orig", "weight_v"):  # plain; pruned, spectral norm; weight norm
        found = parameters.get(name)
        if found is not None:
            return found
    weight: Any = module.weight
    return weight() if callable(weight) and not isinstance(weight, Tensor) else weight  # type: ignore[no-any-return]
