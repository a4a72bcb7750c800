"""Weights out of a file into a model: all of them or none, and no code of the file is run.

A pickle can run what it likes when it is read. So files are read by safetensors, or by torch with
`weights_only=True`, which knows tensors and containers alone.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

# under which training scripts keep the weights, what is looked for first, first
_CONTAINERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights",
    "params", "model_ema", "state_dict_ema", "ema_state_dict", "ema", "generator",
)  # fmt: skip
# what wrappers put before every name: DataParallel, torch.compile, Lightning, ...
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.")

_DEEPEST = 4
_SHOWN = 3
# torch.load(weights_only=True) of earlier versions could be made to run code (CVE-2025-32434)
_SAFE_TORCH = (2, 6)


class CheckpointError(ValueError):
    """A file that does not hold the weights of a model; the model is as it was."""


@dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Attributes:
        count: How many tensors.
        container: Under which key of the file they were; "" where it holds nothing else.
        prefix: What was taken from the front of their names.
    """

    count: int
    container: str
    prefix: str

    def __str__(self) -> str:
        where = f" from {self.container!r}" if self.container else ""
        names = f", without {self.prefix!r} before their names" if self.prefix else ""
        return f"{self.count} tensors{where}{names}"


def load(model: nn.Module, path: str | Path) -> Loaded:
    """Loads the weights of a file into a model; every name and shape has to be the model's.

    Args:
        model: Any module.
        path: A file of safetensors, or one that `torch.save` wrote: a state dict, or a dict with one
            under a usual name, as training scripts write it. Names may all have a prefix that
            wrappers add. Numbers of another precision are converted, as torch does it.

    Raises:
        CheckpointError: It is no such file, holds no weights or those of another model: what is
            missing, unexpected or of another shape is counted and the first few named. The model is
            as it was.
        OSError: It cannot be read.
    """
    path = Path(path)
    content = read(path)
    own = {name: tensor for name, tensor in model.state_dict().items() if _is_tensor(tensor)}
    found = [
        (container, prefix, _renamed(tensors, prefix))
        for container, tensors in _state_dicts(content)
        for prefix in _prefixes(tensors)
    ]
    if not found:
        raise CheckpointError(
            f"{path} holds no tensors by name: {_described(content)}. Save the model's state_dict(), "
            "or give the file that has it"
        )
    # the one that fits best, and of those that fit alike the first
    container, prefix, tensors = max(found, key=lambda each: _score(own, each[2]))
    problem = _differences(own, tensors)
    if problem:
        where = f" (in {container!r})" if container else ""
        raise CheckpointError(
            f"the {len(tensors)} tensors of {path}{where} are not those of "
            f"{type(model).__name__}, which has {len(own)}: {problem}. "
            "Nothing was loaded; give the model that was trained, with its number of classes"
        )
    model.load_state_dict(tensors, strict=False)
    return Loaded(len(tensors), container, prefix)


def read(path: str | Path) -> Any:
    """What a file holds: tensors by name, or what `torch.save` was given; on the CPU.

    Raises:
        CheckpointError: It is damaged, of another format, or holds more than tensors and containers.
        OSError: It cannot be read.
    """
    path = Path(path)
    if path.suffix == ".json":
        raise CheckpointError(
            f"{path} is an index of several files; join them first, or give one file with all weights"
        )
    with path.open("rb") as file:
        start = file.read(16)
    if not start:
        raise CheckpointError(f"{path} is empty")
    # the length of a JSON header, and its first character
    is_safetensors = len(start) > 8 and start[8:9] == b"{"
    if path.suffix == ".safetensors" or is_safetensors:
        try:
            return safetensors.torch.load_file(path)
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is no file of safetensors that can be read: {error}"
            ) from error
    if _version() < _SAFE_TORCH:
        raise CheckpointError(
            f"torch {torch.__version__} can be made to run code by such a file as {path}; install torch "
            "2.6 or later, or convert it to safetensors"
        )
    try:
        with warnings.catch_warnings():  # of what is refused anyway
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read as weights alone, and nothing else is run: {_first_line(error)}. "
            "Save the model's state_dict(), or convert the file to safetensors where you trust it"
        ) from error


def _state_dicts(
    content: Any, key: str = "", depth: int = 0
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Dicts of tensors by name in what a file holds, with the key under which they were."""
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if tensors:
        yield key, tensors
    for name in _CONTAINERS:
        if name in content:
            yield from _state_dicts(content[name], f"{key}.{name}" if key else name, depth + 1)


def _prefixes(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """What can be taken from the front of all names: nothing, or what wrappers put there, combined."""
    prefix = ""
    yield prefix
    for _ in range(_DEEPEST):
        more = next(
            (each for each in _PREFIXES if all(name.startswith(prefix + each) for name in tensors)),
            None,
        )
        if more is None:
            return
        prefix += more
        yield prefix


def _renamed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items()}


def _score(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> tuple[int, int]:
    fitting = sum(name in own and tensors[name].shape == own[name].shape for name in tensors)
    return fitting, -len(tensors)


def _differences(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str:
    """What is missing, unexpected, or of another shape; "" where all is as it has to be."""
    shapes = [
        f"{name} is {_shape(tensors[name])}, not {_shape(own[name])}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    return "; ".join(
        f"{word} {len(items)} ({', '.join(items[:_SHOWN])}{', ...' if len(items) > _SHOWN else ''})"
        for word, items in (
            ("missing", [name for name in own if name not in tensors]),
            ("unexpected", [name for name in tensors if name not in own]),
            ("of another shape", shapes),
        )
        if items
    )


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        names = ", ".join(repr(str(name)[:40]) for name in list(content)[:_SHOWN])
        return f"a dict of {len(content)} ({names})" if content else "an empty dict"
    return f"a {type(content).__name__}"


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0].strip().rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _version() -> tuple[int, int]:
    major, minor = re.findall(r"\d+", torch.__version__)[:2]
    return int(major), int(minor)
