"""`load_weights(model, path)`: a file of weights into a model, all of it or an error.

A checkpoint comes from anybody. Nothing in it is run: pickles are read with `weights_only`, which
knows tensors and plain containers alone (below torch 2.6, which cnnvis needs, it could be made to run
code: CVE-2025-32434). And a model is never called loaded that is not: names and shapes are compared
before the first number is copied.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

# where training scripts put the weights among the rest; the first that fits is taken
_CONTAINERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "model_ema",
    "state_dict_ema",
    "ema_state_dict",
    "ema",
    "generator",
)
# what DataParallel, torch.compile and Lightning put before each name
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.")
_DEEPEST = 3  # containers in each other, and prefixes after each other
_SHOWN = 3  # names of each kind that an error lists
_COUNTER = "num_batches_tracked"  # counts training steps; old files lack it, evaluation ignores it
_ZIP, _PICKLE = b"PK\3\4", b"\x80"
_SHARD = re.compile(r"-\d+-of-\d+\.")
_STATE_DICT = "save torch.save(model.state_dict(), 'weights.pt') where the model is, and give that"


class CheckpointError(ValueError):
    """A file that does not hold this model's weights. The model is as it was."""


@dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Attributes:
        count: Tensors of the model that the file gave.
        total: Tensors that the model has.
        remarks: Sentences that a person should read: what was unwrapped, what stayed as it was.
    """

    count: int
    total: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Match:
    """A file's tensors, under the names tried, against a model's."""

    state: dict[str, Tensor]
    way: tuple[str, ...]
    fitting: list[str]
    missing: list[str]
    unexpected: list[str]
    unequal: list[str]

    @property
    def whole(self) -> bool:
        return not (self.missing or self.unexpected or self.unequal) and self.carries

    @property
    def carries(self) -> bool:
        """Whether any number of weight is in it; counters alone are nothing."""
        return any(not name.endswith(_COUNTER) for name in self.fitting)


def load_weights(model: nn.Module, path: str | Path, *, partial: bool = False) -> Loaded:
    """Copies a file's weights into a model, in the model's dtypes and on its devices.

    The usual wrappings are taken off where the names fit only without them: the weights as an entry of
    a training checkpoint (`"state_dict"`, `"model"`, ...), and prefixes (`"module."`, `"_orig_mod."`,
    `"model."`, ...). Half precision becomes the model's own.

    Args:
        model: Is changed only when everything fits.
        path: What `torch.save(model.state_dict(), path)` wrote, or a safetensors file, which is known by
            its name's end.
        partial: Whether what fits is loaded when not everything does; the remarks count the rest. A
            file of which nothing fits stays an error.

    Returns:
        What was loaded, and how.

    Raises:
        CheckpointError: It is damaged, holds more than tensors, or does not fit.
        OSError: It cannot be read.
    """
    path = Path(path)
    content = _read(path)
    wanted = model.state_dict(keep_vars=True)
    if not wanted:
        raise CheckpointError(f"{type(model).__name__} has no weights, so nothing can be loaded")
    tried = [_compare(wanted, state, way) for state, way in _ways(content)]
    if not tried:
        raise CheckpointError(
            f"{path} holds no table of names and tensors, but {_said(content)}; {_STATE_DICT}"
        )
    # the first way that fits, else the one that a person would mean: where most fits
    best = next((match for match in tried if match.whole), None) or max(
        tried, key=lambda match: len(match.fitting)
    )
    if not best.whole and not (partial and best.carries):
        raise CheckpointError(_mismatch(path, best, wanted))
    fitting = {name: best.state[name] for name in best.fitting}
    remarks = list(best.way)
    # weights and their moving average, as a rule: which one was taken must be known
    others = [match.way for match in tried if match.whole and match is not best]
    remarks += [f"not taken, though it fits too: {', '.join(way)}" for way in others if best.whole]
    if not best.whole:
        remarks.append(
            f"only {len(fitting)} of {len(wanted)} tensors were loaded; the others are as they were "
            f"({_differences(best)})"
        )
    broken = [name for name, tensor in fitting.items() if not _finite(tensor)]
    if broken:
        remarks.append(f"{_listed(broken)} of the file have values that are not finite")
    model.load_state_dict(fitting, strict=False)
    return Loaded(len(fitting), len(wanted), tuple(remarks))


def _read(path: Path) -> Any:
    """What a file holds: tensors in plain containers, on the CPU.

    Raises:
        CheckpointError: It is damaged, or holds anything else.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise CheckpointError(f"{path} is empty; copy or download it again")
    if path.name.endswith(".json"):
        raise CheckpointError(
            f"{path} is the index of a checkpoint in several files, which cnnvis does not join; "
            f"load it with the library that wrote it, then {_STATE_DICT}"
        )
    # the length of a JSON header, and its first character
    named_otherwise = start[8:9] == b"{" and not start.startswith((_ZIP, _PICKLE))
    try:
        if path.suffix == ".safetensors" or named_otherwise:
            return safetensors.torch.load_file(path)
        if start.startswith(_ZIP):
            return torch.load(_checked(path), map_location="cpu", weights_only=True)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (CheckpointError, MemoryError):
        raise
    # a damaged file can make the readers raise anything
    except Exception as error:
        raise CheckpointError(_unreadable(path, error)) from error


def _checked(path: Path) -> io.BytesIO:
    """The archive written anew from parts that have their checksums.

    torch checks none, and finds some parts by other fields than Python's reader: of a damaged file it
    could read other bytes than those that were checked.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as checked:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if any(name.endswith("/constants.pkl") for name in names):
            raise CheckpointError(f"{path} is a TorchScript program, not weights; {_STATE_DICT}")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise CheckpointError(
                f"{path} is a compressed archive, which torch.save never writes; {_STATE_DICT}"
            )
        if len(set(names)) < len(names):
            raise CheckpointError(
                f"{path} has several parts of one name, which torch.save never writes; {_STATE_DICT}"
            )
        for entry in entries:
            checked.writestr(entry.filename, archive.read(entry))
    copy.seek(0)
    return copy


def _unreadable(path: Path, error: Exception) -> str:
    text = str(error)
    asked = re.search(r"GLOBAL ([\w.]+)|(?:class|function) ([\w.]+) ", text)
    if "Weights only" in text or "weights_only" in text:
        what = f" ({next(filter(None, asked.groups()))})" if asked else ""
        return (
            f"{path} is damaged, or holds more than tensors{what}: reading that could run code, which "
            f"cnnvis does not do; {_STATE_DICT}"
        )
    kind = "safetensors file" if path.suffix == ".safetensors" else "PyTorch checkpoint"
    reason = next(iter(text.splitlines()), "") or type(error).__name__
    return f"{path} is no whole {kind} ({reason}); copy or download it again, or {_STATE_DICT}"


def _ways(content: Any) -> Iterator[tuple[dict[str, Tensor], tuple[str, ...]]]:
    """Each table of tensors in what a file holds, under each choice of names, the plainest first."""
    for table, entry in _tables(content, (), 0):
        found = [f"the weights are the file's entry {entry!r}"] if entry else []
        named: list[tuple[dict[str, Tensor], tuple[str, ...]]] = [(table, ())]
        seen = {frozenset(table)}
        for state, prefixes in named:
            said: list[str] = (
                [f"the prefix {''.join(prefixes)!r} of the names was left out"] if prefixes else []
            )
            yield state, (*found, *said)
            for prefix in _PREFIXES if len(prefixes) < _DEEPEST else ():
                shorter = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
                # two names that became one would lose a tensor without a word
                if len(shorter) == len(state) and frozenset(shorter) not in seen:
                    seen.add(frozenset(shorter))
                    named.append((shorter, (*prefixes, prefix)))


def _tables(
    content: Any, path: tuple[str, ...], depth: int
) -> Iterator[tuple[dict[str, Tensor], str]]:
    if not isinstance(content, Mapping):
        return
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if tensors:
        yield tensors, ".".join(path)
    if depth < _DEEPEST:
        for name in _CONTAINERS:
            if name in content:
                yield from _tables(content[name], (*path, name), depth + 1)


def _compare(wanted: Mapping[str, Any], state: dict[str, Tensor], way: tuple[str, ...]) -> _Match:
    fitting: list[str] = []
    unequal: list[str] = []
    for name in state.keys() & wanted.keys():
        (fitting if _fits(wanted[name], state[name]) else unequal).append(name)
    given = {id(wanted[name]) for name in fitting}
    missing = [
        name
        for name, tensor in wanted.items()
        # a tensor with two names is written once by safetensors
        if name not in state and id(tensor) not in given and not name.endswith(_COUNTER)
    ]
    unexpected = [name for name in state if name not in wanted]
    order = {name: index for index, name in enumerate(wanted)}
    fitting.sort(key=order.__getitem__)
    unequal.sort(key=order.__getitem__)
    described = [
        f"{name} {_shape(state[name])} for the model's {_shape(wanted[name])}" for name in unequal
    ]
    return _Match(state, way, fitting, missing, unexpected, described)


def _fits(wanted: Any, given: Tensor) -> bool:
    """Whether a tensor can be copied without loss of more than precision."""
    if not isinstance(wanted, Tensor) or given.layout != torch.strided or given.is_quantized:
        return False
    if given.is_complex() != wanted.is_complex():
        return False
    if given.is_floating_point() != wanted.is_floating_point():
        return False
    return is_lazy(wanted) or given.shape == wanted.shape


def _mismatch(path: Path, match: _Match, wanted: Mapping[str, Any]) -> str:
    """Why a file is not this model's, in names and counts, and what to do."""
    shard = (
        f" {path.name} looks like one part of several, which cnnvis does not join."
        if _SHARD.search(path.name)
        else ""
    )
    if not match.carries:
        step = "Nothing was loaded: give the model that the file was saved from."
    else:
        step = (
            "Nothing was loaded: give the model that the file was saved from, or --partial "
            "(partial=True) to load what fits and leave the rest as it is."
        )
    return (
        f"{path} does not fit the model: {len(match.fitting)} of the model's {len(wanted)} tensors are in "
        f"it with the right shape; {_differences(match)}.{shard} {step}"
    )


def _differences(match: _Match) -> str:
    kinds = (
        ("missing in the file", match.missing),
        ("unknown to the model", match.unexpected),
        ("of another shape or kind of number", match.unequal),
    )
    return "; ".join(f"{len(names)} {what}: {_listed(names)}" for what, names in kinds if names)


def _listed(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    shown = [name if len(name) <= 120 else f"{name[:117]}..." for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def _shape(tensor: Any) -> str:
    if not isinstance(tensor, Tensor) or is_lazy(tensor):
        return type(tensor).__name__
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"{kind}[{', '.join(map(str, tensor.shape))}]"


def _said(content: Any) -> str:
    if isinstance(content, Mapping):
        entries = [str(name) for name in content]
        return f"the entries {_listed(entries)}" if entries else "an empty table"
    return f"a {type(content).__name__}"


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())
