"""Which of a model's layers a person wants to see, and what to say of a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from torch import nn

from cnnvis.layers import Layer, find_layers

LayerChoice = str | Sequence[str] | Callable[[Layer], bool] | None


def choose_layers(model: nn.Module, choice: LayerChoice) -> list[Layer]:
    """The layers to look at; see `inspect`.

    Raises:
        TypeError: model is no module.
        ValueError: There is none, or a name is unknown.
    """
    found = find_layers(model)
    if choice is None:
        chosen = [layer for layer in found if layer.kind in ("conv", "conv_transpose")]
        if not chosen:
            others = f"its layers are {', '.join(_types(found))}" if found else "it has no layers"
            raise ValueError(
                f"model {type(model).__name__} has no convolution ({others}); "
                'pass layers="all" to see its other layers'
            )
        return chosen
    everything = find_layers(model, "all")
    if isinstance(choice, str):
        if choice != "all":
            raise ValueError(
                f'layers must be None, "all", a list of names or a predicate, got {choice!r}'
            )
        chosen = everything
    elif callable(choice):
        chosen = [layer for layer in everything if choice(layer)]
    else:
        by_name = {name: layer for layer in everything for name in (layer.name, *layer.aliases)}
        for name in choice:
            if name not in by_name:
                raise ValueError(unknown_layer(name, list(by_name)))
        wanted = {by_name[name].name for name in choice}
        chosen = [layer for layer in everything if layer.name in wanted]
    if not chosen:
        raise ValueError(
            f"layers={choice!r} chose none of the {len(everything)} layers of {type(model).__name__}; "
            "find_layers(model) lists them"
        )
    return chosen


def unknown_layer(name: object, names: Sequence[str]) -> str:
    """What to say of a layer name that is not there: the nearest ones."""
    near = difflib.get_close_matches(str(name), names, 3, 0.4) or list(names[:3])
    return (
        f"layer {name!r} is not one of the {len(names)} layers of this model; "
        f"the nearest are {', '.join(map(repr, near))}"
    )


def _types(layers: Sequence[Layer]) -> list[str]:
    return sorted({layer.type for layer in layers})
