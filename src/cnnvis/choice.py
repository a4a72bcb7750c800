"""Which of a model's layers a person wants to see, and what to say of a name that is not there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from cnnvis.layers import Layer, find_layers

LayerChoice = str | Sequence[str] | Callable[[Layer], bool] | None

_FUNCTION = re.compile(r"\(\)( \d+)?$")


@dataclass(frozen=True)
class Chosen:
    """The layers to look at.

    Attributes:
        layers: Those that are modules.
        function: Whether to take a convolution that the model calls as a function.
        nothing: What to say where neither is there.
        choice: What was asked for.
    """

    layers: list[Layer]
    function: Callable[[Layer], bool]
    nothing: str
    choice: LayerChoice = None

    def is_of(self, choice: LayerChoice) -> bool:
        """Whether these are the layers of a choice, for a model that is as it was."""
        if isinstance(choice, str) or callable(choice) or choice is None:
            return self.choice is choice or self.choice == choice
        return self.choice == tuple(choice)


def choose_layers(model: nn.Module, choice: LayerChoice) -> Chosen:
    """The layers to look at; see `inspect`.

    Raises:
        TypeError: model is no module.
        ValueError: A name is unknown, or choice is none of what it may be.
    """
    found = find_layers(model)
    if choice is None:
        others = f"its layers are {', '.join(_types(found))}" if found else "it has no layers"
        return Chosen(
            [layer for layer in found if layer.kind in ("conv", "conv_transpose")],
            lambda layer: True,
            f"model {type(model).__name__} has no convolution ({others}); "
            'pass layers="all" to see its other layers',
        )
    everything = find_layers(model, "all")
    nothing = (
        f"layers={choice!r} chose none of the {len(everything)} layers of {type(model).__name__}; "
        "find_layers(model) lists them"
    )
    if isinstance(choice, str):
        if choice != "all":
            raise ValueError(
                f'layers must be None, "all", a list of names or a predicate, got {choice!r}'
            )
        return Chosen(everything, lambda layer: True, nothing, choice)
    if callable(choice):
        return Chosen([layer for layer in everything if choice(layer)], choice, nothing, choice)
    by_name = {name: layer for layer in everything for name in (layer.name, *layer.aliases)}
    # which functions are called is known after a look only
    functions = {name for name in choice if name not in by_name and _FUNCTION.search(name)}
    for name in choice:
        if name not in by_name and name not in functions:
            raise ValueError(unknown_layer(name, list(by_name)))
    wanted = {by_name[name].name for name in choice if name in by_name}
    return Chosen(
        [layer for layer in everything if layer.name in wanted],
        lambda layer: layer.name in functions,
        nothing,
        tuple(choice),
    )


def unknown_layer(name: object, names: Sequence[str]) -> str:
    """What to say of a layer name that is not there: the nearest ones."""
    near = difflib.get_close_matches(str(name), names, 3, 0.4) or list(names[:3])
    return (
        f"layer {name!r} is not one of the {len(names)} layers of this model; "
        f"the nearest are {', '.join(map(repr, near))}"
    )


def _types(layers: Sequence[Layer]) -> list[str]:
    return sorted({layer.type for layer in layers})
