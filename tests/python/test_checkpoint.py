"""Weights are loaded whole or not at all, and no file runs code."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from cnnvis.checkpoint import CheckpointError, load


def net(seed: int = 0, classes: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, classes)
    )


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def kept(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in net(1).state_dict().items()}


@pytest.mark.parametrize(
    ("content", "container", "prefix"),
    [
        (prefixed(""), "", ""),
        ({"state_dict": prefixed("")}, "state_dict", ""),
        ({"epoch": 3, "model_state_dict": prefixed("module.")}, "model_state_dict", "module."),
        ({"model": {"state_dict": prefixed("_orig_mod.")}}, "model.state_dict", "_orig_mod."),
        (prefixed("module._orig_mod."), "", "module._orig_mod."),
        ({"state_dict": prefixed("model.module."), "lr": 0.1}, "state_dict", "model.module."),
        # of several that fit, the one that is looked for first
        ({"ema": net(2).state_dict(), "state_dict": prefixed("")}, "state_dict", ""),
        # of several, the one that fits
        ({"model": {"x": torch.ones(2)}, "ema": prefixed("")}, "ema", ""),
        # another tensor beside it
        ({"step": torch.tensor(3), "model": prefixed("")}, "model", ""),
    ],
)
def test_weights_are_found_where_training_scripts_put_them(
    tmp_path: Path, content: Any, container: str, prefix: str
) -> None:
    torch.save(content, tmp_path / "weights.pt")
    model = net()
    loaded = load(model, tmp_path / "weights.pt")
    assert (loaded.container, loaded.prefix) == (container, prefix)
    assert loaded.count == len(model.state_dict())
    assert same(kept(model), kept(net(1)))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin"])
def test_safetensors_are_told_by_their_content(tmp_path: Path, name: str) -> None:
    safetensors.torch.save_file(prefixed("module."), tmp_path / name)
    model = net()
    assert load(model, tmp_path / name).prefix == "module."
    assert same(kept(model), kept(net(1)))


def test_half_precision_is_converted(tmp_path: Path) -> None:
    torch.save({name: t.half() for name, t in net(1).state_dict().items()}, tmp_path / "half.pt")
    model = net()
    load(model, tmp_path / "half.pt")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, net(1).state_dict()[name].half().to(tensor.dtype))


def without(*names: str) -> dict[str, Tensor]:
    return {name: t for name, t in net(1).state_dict().items() if name not in names}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (without("0.bias"), "missing 1 (0.bias)"),
        (without("0.bias", "0.weight", "3.bias", "1.bias"), "missing 4 (0.weight, 0.bias, 1.bias, ...)"),
        ({**prefixed(""), "4.weight": torch.ones(1)}, "unexpected 1 (4.weight)"),
        (net(1, classes=5).state_dict(), "of another shape 2 (3.weight is 5x16, not 3x16, 3.bias is 5"),
        (prefixed("teacher."), "missing 9"),
        ({"weights": 3}, "holds no tensors by name: a dict of 1 ('weights')"),
        ({}, "an empty dict"),
        ([torch.ones(2)], "holds no tensors by name: a list"),
        (torch.ones(3), "holds no tensors by name: a Tensor"),
        ({"model": {"a": {"b": prefixed("")}}}, "holds no tensors by name"),
    ],
)  # fmt: skip
def test_other_weights_are_not_loaded_and_it_is_said_why(
    tmp_path: Path, content: Any, said: str
) -> None:
    torch.save(content, tmp_path / "weights.pt")
    model = net()
    before = kept(model)
    with pytest.raises(CheckpointError) as error:
        load(model, tmp_path / "weights.pt")
    assert said in str(error.value)
    assert same(before, kept(model))


class Payload:
    """Runs a command when it is unpickled by anyone who lets it."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._what = (call, arguments)

    def __reduce__(self) -> Any:
        return self._what


@pytest.mark.parametrize("how", ["pickle", "torch", "in a state dict", "zip by hand", "legacy"])
@pytest.mark.parametrize("call", [os.system, exec, eval])
def test_no_code_of_a_file_is_run(tmp_path: Path, how: str, call: Callable[..., Any]) -> None:
    trace = tmp_path / "trace"
    text = f"touch {trace}" if call is os.system else f"open({str(trace)!r}, 'w').close()"
    if call is eval:
        text = f"open({str(trace)!r}, 'w')"
    payload, path = Payload(call, text), tmp_path / "weights.pt"
    if how == "pickle":
        path.write_bytes(pickle.dumps(payload))
    elif how == "torch":
        torch.save(payload, path)
    elif how == "in a state dict":
        torch.save({**prefixed(""), "extra": payload}, path)
    elif how == "legacy":
        torch.save({"state_dict": payload}, path, _use_new_zipfile_serialization=False)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(payload))
            archive.writestr("archive/version", "3\n")
    # the payload is a real one
    control = tmp_path / "control"
    pickle.loads(
        pickle.dumps(Payload(call, text.replace("trace", "control"))),
    )
    assert control.exists()
    model = net()
    before = kept(model)
    with pytest.raises(CheckpointError, match="nothing else is run"):
        load(model, path)
    assert not trace.exists()
    assert same(before, kept(model))


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_damaged_files_are_refused_or_are_what_they_say(tmp_path: Path, kind: str) -> None:
    whole = io.BytesIO()
    if kind == "safetensors":
        whole.write(safetensors.torch.save(prefixed("")))
    else:
        torch.save(prefixed(""), whole, _use_new_zipfile_serialization=kind == "zip")
    content = whole.getvalue()
    draw = random.Random(0)
    model = net()
    before = kept(model)
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pt")
    refused = 0
    cuts = [content[:length] for length in range(0, len(content), max(1, len(content) // 150))]
    for _ in range(350):
        mutated = bytearray(content)
        for _ in range(draw.choice([1, 1, 3, 20])):
            mutated[draw.randrange(len(mutated))] = draw.randrange(256)
        cuts.append(bytes(mutated))
    for damaged in cuts:
        path.write_bytes(damaged)
        try:
            loaded = load(model, path)
        except CheckpointError:
            refused += 1
            assert same(before, kept(model))
        else:
            # a changed number is a number: but then all of them were loaded
            assert loaded.count == len(before)
            model.load_state_dict(before)
    assert refused > 150


def test_an_index_and_an_empty_file_are_named(tmp_path: Path) -> None:
    for name, said in (("model.index.json", "index of several files"), ("a.pt", "is empty")):
        (tmp_path / name).write_text("" if name == "a.pt" else "{}")
        with pytest.raises(CheckpointError, match=said):
            load(net(), tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load(net(), tmp_path / "nowhere.pt")


def test_an_old_torch_is_not_trusted_with_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(prefixed(""), tmp_path / "weights.pt")
    safetensors.torch.save_file(prefixed(""), tmp_path / "weights.safetensors")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cu121")
    with pytest.raises(CheckpointError, match="install torch 2.6 or later"):
        load(net(), tmp_path / "weights.pt")
    load(net(), tmp_path / "weights.safetensors")
