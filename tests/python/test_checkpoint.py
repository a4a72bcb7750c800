"""Checkpoints from anybody: nothing in them runs, and nothing is called loaded that is not."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from cnnvis.checkpoint import CheckpointError, load_weights


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def state(seed: int = 1) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net(seed).state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def written(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def refusal(path: Path, **options: Any) -> str:
    """What is said of a file that is refused; the model is as it was."""
    model = net()
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, path, **options)
    assert same(model.state_dict(), state(0))
    return str(caught.value)


class Payload:
    """A pickle of it asks for a command to be run."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("archive", [True, False])
def test_a_state_dict_is_loaded_bit_for_bit(tmp_path: Path, archive: bool) -> None:
    path = written(tmp_path / "w.pt", state(), _use_new_zipfile_serialization=archive)
    model = net()
    loaded = load_weights(model, path)
    assert same(model.state_dict(), state())
    assert (loaded.count, loaded.total, loaded.remarks) == (9, 9, ())


def test_a_safetensors_file_is_loaded_bit_for_bit(tmp_path: Path) -> None:
    safetensors.torch.save_file(state(), tmp_path / "w.safetensors")
    model = net()
    assert load_weights(model, tmp_path / "w.safetensors").count == 9
    assert same(model.state_dict(), state())


def test_the_payload_of_these_tests_would_run(tmp_path: Path) -> None:
    torch.load(written(tmp_path / "w.pt", Payload(tmp_path / "trace")), weights_only=False)
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("place", ["alone", "beside", "as an entry", "as a tensor"])
def test_a_pickle_that_would_run_a_command_leaves_no_trace(
    tmp_path: Path, place: str, archive: bool
) -> None:
    payload = Payload(tmp_path / "trace")
    content: Any = {
        "alone": payload,
        "beside": {**state(), "extra": payload},
        "as an entry": {"state_dict": state(), "optimizer": payload},
        "as a tensor": {**state(), "0.weight": payload},
    }[place]
    path = written(tmp_path / "w.pt", content, _use_new_zipfile_serialization=archive)
    text = refusal(path, partial=True)
    assert "could run code, which cnnvis does not do" in text
    assert "torch.save(model.state_dict(), 'weights.pt')" in text
    assert f"{os.name}.system" in text
    assert not (tmp_path / "trace").exists()


def test_a_bare_pickle_leaves_no_trace_whatever_its_name_ends_with(tmp_path: Path) -> None:
    for ending in (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ""):
        path = tmp_path / f"w{ending}"
        path.write_bytes(pickle.dumps(Payload(tmp_path / "trace"), protocol=2))
        refusal(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"state_dict": state(), "args": argparse.Namespace(lr=1)}, "argparse.Namespace"),
        (net(), "torch.nn.modules.container.Sequential"),
        ({}, "but an empty table"),
        ([1, 2], "but a list"),
        ({"epoch": 3, "loss": 0.5}, "but the entries epoch, loss"),
    ],
)
def test_what_is_no_table_of_tensors_is_refused_by_name(
    tmp_path: Path, content: Any, said: str
) -> None:
    assert said in refusal(written(tmp_path / "w.pt", content))


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    whole = encoded(tmp_path, kind)
    step = max(1, len(whole) // 150)
    for length in range(0, len(whole) - 1, step):
        path = tmp_path / f"cut{suffix(kind)}"
        path.write_bytes(whole[:length])
        refusal(path, partial=True)


@pytest.mark.filterwarnings("ignore")  # torch warns of protocols that a mutation names
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_mutated_file_is_refused_or_its_tensors_all_have_their_places(
    tmp_path: Path, kind: str
) -> None:
    """An archive has checksums; in the others a changed number cannot be told from a true one."""
    whole = encoded(tmp_path, kind)
    chance = random.Random(0)
    refused = 0
    for _ in range(800):
        mutated = bytearray(whole)
        for _ in range(chance.choice((1, 1, 4))):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        path = tmp_path / f"mutated{suffix(kind)}"
        path.write_bytes(mutated)
        model = net()
        try:
            loaded = load_weights(model, path)
        except CheckpointError:
            refused += 1
            assert same(model.state_dict(), state(0))
            continue
        assert loaded.count + sum("num_batches" in name for name in state()) >= 9
        if kind == "zip":
            assert {**model.state_dict(), **counters()}.keys() == state().keys()
            assert all(
                torch.equal(tensor, state()[name])
                for name, tensor in model.state_dict().items()
                if "num_batches" not in name
            )
    assert refused > 50


def test_a_wrong_name_or_shape_is_an_error_with_counts(tmp_path: Path) -> None:
    content = state()
    content["0.weight"] = torch.zeros(5, 3, 3, 3)
    content["head"] = content.pop("2.bias")
    text = refusal(written(tmp_path / "w.pt", content))
    assert "7 of the model's 9 tensors are in it with the right shape" in text
    assert "1 missing in the file: 2.bias" in text
    assert "1 unknown to the model: head" in text
    assert "0.weight float32[5, 3, 3, 3] for the model's float32[4, 3, 3, 3]" in text
    assert "--partial" in text


def test_a_part_is_loaded_only_when_it_is_asked_for_and_said(tmp_path: Path) -> None:
    content = state()
    del content["2.bias"]
    model = net()
    loaded = load_weights(model, written(tmp_path / "w.pt", content), partial=True)
    assert (loaded.count, loaded.total) == (8, 9)
    assert "only 8 of 9 tensors were loaded" in loaded.remarks[0]
    assert same(model.state_dict(), {**state(), "2.bias": state(0)["2.bias"]})


def test_nothing_is_never_a_part(tmp_path: Path) -> None:
    wrong = {f"teacher.{name}": tensor for name, tensor in state().items()}
    text = refusal(written(tmp_path / "w.pt", wrong), partial=True)
    assert "0 of the model's 9" in text
    assert "and 6 more" in text
    # a count of training steps is no weight
    refusal(written(tmp_path / "c.pt", counters()), partial=True)


def counters() -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state().items() if "num_batches" in name}


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "backbone."]
)
@pytest.mark.parametrize(
    "entry", ["state_dict", "model_state_dict", "model", "params", "generator", "ema", None]
)
def test_usual_wrappings_are_taken_off_and_said(
    tmp_path: Path, prefix: str, entry: str | None
) -> None:
    table = OrderedDict((prefix + name, tensor) for name, tensor in state().items())
    content = {entry: table, "epoch": 3} if entry else table
    model = net()
    loaded = load_weights(model, written(tmp_path / "w.pt", content))
    assert same(model.state_dict(), state())
    said = " ".join(loaded.remarks)
    assert f"the prefix {prefix!r}" in said
    assert (f"entry {entry!r}" in said) == (entry is not None)


def test_a_model_whose_own_names_start_like_a_prefix_keeps_them(tmp_path: Path) -> None:
    model, other = nn.ModuleDict({"model": net()}), nn.ModuleDict({"model": net(1)})
    loaded = load_weights(model, written(tmp_path / "w.pt", other.state_dict()))
    assert loaded.remarks == ()
    assert same(model.state_dict(), other.state_dict())


def test_of_weights_and_their_average_it_is_said_which_was_taken(tmp_path: Path) -> None:
    content = {"state_dict_ema": state(2), "state_dict": state(1)}
    model = net()
    loaded = load_weights(model, written(tmp_path / "w.pt", content))
    assert same(model.state_dict(), state(1))
    assert any("not taken" in text and "state_dict_ema" in text for text in loaded.remarks)


def test_half_precision_becomes_the_models_and_whole_numbers_are_refused(tmp_path: Path) -> None:
    half = {n: t.half() if t.is_floating_point() else t for n, t in state().items()}
    model = net()
    load_weights(model, written(tmp_path / "w.pt", half))
    assert model.state_dict()["0.weight"].dtype == torch.float32
    assert torch.equal(model.state_dict()["0.weight"], half["0.weight"].float())
    whole = {name: tensor.int() for name, tensor in state().items()}
    assert "int32[4] for the model's float32[4]" in refusal(written(tmp_path / "i.pt", whole))


def test_values_that_are_not_finite_are_said(tmp_path: Path) -> None:
    content = state()
    content["0.weight"][0] = float("nan")
    loaded = load_weights(net(), written(tmp_path / "w.pt", content))
    assert loaded.remarks == ("0.weight of the file have values that are not finite",)


def test_a_small_file_that_claims_a_huge_tensor_is_refused(tmp_path: Path) -> None:
    content = {**state(), "0.weight": torch.zeros(1).expand(10**5, 10**5)}
    path = written(tmp_path / "w.pt", content)
    assert path.stat().st_size < 10_000
    assert "[100000, 100000]" in refusal(path)


def test_a_part_of_several_files_and_their_index_are_refused_with_a_word(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {}}))
    assert "index of a checkpoint in several files" in refusal(index)
    part = tmp_path / "model-00001-of-00002.safetensors"
    safetensors.torch.save_file({"0.weight": state()["0.weight"]}, part)
    assert "one part of several" in refusal(part)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    source = written(tmp_path / "w.pt", state())
    path = tmp_path / "z.pt"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
    assert "compressed archive" in refusal(path)


def test_safetensors_are_told_by_their_content_too(tmp_path: Path) -> None:
    safetensors.torch.save_file(state(), tmp_path / "w.bin")
    model = net()
    load_weights(model, tmp_path / "w.bin")
    assert same(model.state_dict(), state())


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.pt").touch()
    assert "is empty" in refusal(tmp_path / "w.pt")


def suffix(kind: str) -> str:
    return ".safetensors" if kind == "safetensors" else ".pt"


def encoded(folder: Path, kind: str) -> bytes:
    """A state dict's bytes in one of the formats."""
    if kind == "safetensors":
        return safetensors.torch.save(state())
    path = folder / "whole.pt"
    return written(path, state(), _use_new_zipfile_serialization=kind == "zip").read_bytes()
