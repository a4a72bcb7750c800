"""The names of a model's classes, where the model itself has them."""

from __future__ import annotations

from typing import Any

from torch import nn

from cnnvis.layers import walk

_NAMES = ("categories", "classes", "class_names")


def own_labels(model: nn.Module, count: int) -> list[str] | None:
    """The names of the classes that a model carries, the outermost module's first.

    Looked for are timm's `pretrained_cfg` with `label_names`, Hugging Face's `config.id2label`, and
    an attribute `categories`, `classes` or `class_names`. Attributes are looked up and not computed:
    no property of the model runs, and none of its objects is called.

    Args:
        model: Any module; it is only read.
        count: How many outputs the model has; names of another number are not those of its outputs.

    Returns:
        One name for each output; None where there are none.
    """
    for _, _, module in walk(model):
        candidates = [
            _stored(_stored(module, "pretrained_cfg"), "label_names"),
            _by_index(_stored(_stored(module, "config"), "id2label")),
            *(_stored(module, name) for name in _NAMES),
        ]
        for names in candidates:
            if type(names) in (list, tuple) and len(names) == count and all(map(_is_name, names)):
                return [str(name) for name in names]
    return None


def _stored(owner: Any, name: str) -> Any:
    """An attribute as it is stored, or the value of a dict's key; None where there is none."""
    if isinstance(owner, dict):
        return dict.get(owner, name)
    try:
        own = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        own = {}
    if isinstance(own, dict) and dict.__contains__(own, name):
        return dict.get(own, name)
    classes = type.__dict__["__mro__"].__get__(type(owner))
    return next((vars(kind)[name] for kind in classes if name in vars(kind)), None)


def _by_index(names: Any) -> list[Any] | None:
    """The values of a mapping from 0, 1, ... (or "0", "1", ...), in that order."""
    if not isinstance(names, dict):
        return None
    found = [dict.get(names, index, dict.get(names, str(index))) for index in range(len(names))]
    # what transformers makes up where nobody named the classes
    invented = all(name == f"LABEL_{index}" for index, name in enumerate(found))
    return None if invented else found


def _is_name(name: Any) -> bool:
    return type(name) is str and name.strip() != ""
