"""A model by its name on a command line: `torchvision:resnet18`, `timm:NAME`, `package.module:function`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cnnvis import samples
from cnnvis.checkpoint import load_weights

DEFAULT = "DEFAULT"
"""The weights that a library offers for a model, fetched by it."""

Say = Callable[[str], None]


class SpecifyError(ValueError):
    """A name that gives no model, or weights that cannot be had; says what to write instead."""


@dataclass(frozen=True)
class Specified:
    """A model that was named.

    Attributes:
        model: It, in eval mode.
        transform: What its weights want to be done to an image; None: not known.
        labels: Names of its classes; None: not known.
    """

    model: nn.Module
    transform: Callable[[Any], Tensor] | None = None
    labels: Sequence[str] | None = None


def specified(name: str, weights: str | None, say: Say, *, partial: bool = False) -> Specified:
    """The model of a name.

    Args:
        name: "sample", "torchvision:NAME", "timm:NAME", or "package.module:function", which is
            imported, from the current folder too, and called without arguments.
        weights: `DEFAULT`: those that the library offers, which it may fetch. A path: see
            `load_weights`. None: random ones, or what the function gave.
        say: Told what is done that a person should know of.
        partial: Whether a file that does not fit whole is loaded as far as it fits.

    Raises:
        SpecifyError: There is no such model, or its weights could not be had.
        CheckpointError: The file of weights is not of this model.
        OSError: The file cannot be read.
    """
    source, _, rest = name.partition(":")
    offered = weights == DEFAULT
    if name == "sample":
        found = Specified(samples.model(), labels=samples.labels())
    elif not rest:
        raise SpecifyError(
            f"model {name!r} names no source; write torchvision:resnet18, timm:NAME, "
            "package.module:function, or sample"
        )
    elif source == "torchvision":
        found = _torchvision(rest, offered)
    elif source == "timm":
        found = _timm(rest, offered)
    elif offered:
        raise SpecifyError(
            f"weights {DEFAULT} are those of torchvision and timm; for {name!r} give a file"
        )
    else:
        say(f"importing {source} and calling {rest}(): this runs its code")
        found = Specified(_called(source, rest))
    if weights is not None and not offered:
        loaded = load_weights(found.model, Path(weights), partial=partial)
        say(f"loaded {loaded.count} tensors of {weights}")
        for remark in loaded.remarks:
            say(remark)
    elif weights is None and source in ("torchvision", "timm"):
        say(f"{name} has random weights; --weights {DEFAULT} takes those that it was trained to")
    found.model.eval()
    return found


def _torchvision(name: str, offered: bool) -> Specified:
    from torchvision import models

    if name not in models.list_models():
        raise SpecifyError(f"torchvision has no model {name!r}{_near(name, models.list_models())}")
    if not offered:
        # a detector's backbone would be fetched all the same
        options = {"weights_backbone": None} if _takes_backbone(models, name) else {}
        return Specified(models.get_model(name, weights=None, **options))
    weights = next(iter(models.get_model_weights(name)), None)
    if weights is None:
        raise SpecifyError(f"torchvision offers no weights for {name!r}; give a file, or none")
    weights = getattr(type(weights), "DEFAULT", weights)
    model = _fetched(lambda: models.get_model(name, weights=weights), f"torchvision:{name}")
    return Specified(model, weights.transforms(), weights.meta.get("categories"))


def _takes_backbone(models: Any, name: str) -> bool:
    import inspect

    return "weights_backbone" in inspect.signature(models.get_model_builder(name)).parameters


def _timm(name: str, offered: bool) -> Specified:
    try:
        import timm
    except ImportError as error:
        raise SpecifyError(
            f"timm is not installed, which timm:{name} is of; pip install timm"
        ) from error
    if not timm.is_model(name.partition(".")[0]):
        raise SpecifyError(f"timm has no model {name!r}{_near(name, timm.list_models())}")
    return Specified(_fetched(lambda: timm.create_model(name, pretrained=offered), f"timm:{name}"))


def _fetched(make: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        return make()
    except Exception as error:
        raise SpecifyError(
            f"{name} could not be made: {type(error).__name__}: {error}. Where its weights could not be "
            "fetched, fetch them on a machine with a network and give the file with --weights"
        ) from error


def _called(module: str, function: str) -> nn.Module:
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` finds what lies in the current folder
    try:
        make = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise  # of what the module itself imports
        raise SpecifyError(
            f"there is no module {error.name!r}; it is looked for in the current folder and among what "
            "is installed"
        ) from error
    except AttributeError as error:
        raise SpecifyError(f"module {module} has no {function!r}") from error
    model = make if isinstance(make, nn.Module) else make()
    if not isinstance(model, nn.Module):
        raise SpecifyError(
            f"{module}:{function} gave {type(model).__name__}, not a torch.nn.Module"
        )
    return model


def _near(name: str, names: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, names, 3)
    return f"; the nearest are {', '.join(near)}" if near else ""
