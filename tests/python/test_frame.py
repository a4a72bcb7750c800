"""What crosses to the page: laws, and golden files that both sides read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from cnnvis.frame import FEATURE_MAPS, FILTERS, FrameKey, clean, pack, size_of, unpack
from cnnvis.quantize import dequantize

GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = '</script><img src=x onerror="alert(1)">\u2028.__proto__'


def golden_frames() -> dict[str, bytes]:
    """Frames that the tests of both languages read; made of small numbers, the same everywhere."""
    ramp = torch.arange(3 * 5 * 7, dtype=torch.float32).reshape(3, 1, 5, 7) / 8 - 4
    ramp[1] = 2.5  # constant
    odd = ramp.clone()
    odd[0, 0, 0, 0], odd[0, 0, 4, 6], odd[2, 0, 2, 2] = torch.nan, torch.inf, -torch.inf
    odd[1] = torch.nan
    filters = (torch.arange(4 * 3 * 3 * 3, dtype=torch.float32).reshape(4, 3, 3, 3) - 50) / 16
    filters[2] = 0
    return {
        "maps.safetensors": pack(ramp, FrameKey("stem.conv", FEATURE_MAPS, generation=1)),
        "odd.safetensors": pack(odd, FrameKey("stem.conv", FEATURE_MAPS, call=2, image=1)),
        "averaged.safetensors": pack(ramp, FrameKey("stem.conv", FEATURE_MAPS), factor=2),
        "detail.safetensors": pack(ramp, FrameKey("stem.conv", FEATURE_MAPS), channels=[2, 0]),
        "filters.safetensors": pack(filters, FrameKey("stem.conv", FILTERS)),
        "filters-averaged.safetensors": pack(filters, FrameKey("a", FILTERS), factor=3),
        "hostile.safetensors": pack(ramp[:, :, :1, :1], FrameKey(HOSTILE, FEATURE_MAPS)),
    }


def expectation(packed: bytes) -> dict[str, Any]:
    frame = unpack(packed)
    values = dequantize(torch.from_numpy(frame.codes), torch.from_numpy(frame.bounds)).flatten()
    return {
        "metadata": frame.metadata,
        "shape": list(frame.codes.shape),
        "bounds": frame.bounds.tolist(),
        "channels": frame.channels.tolist(),
        "codes": frame.codes.flatten().tolist(),
        "values": [v if np.isfinite(v) else None for v in values.tolist()],
    }


def test_golden_files_are_what_is_packed_today() -> None:
    frames = golden_frames()
    expected = {name: expectation(packed) for name, packed in frames.items()}
    text = json.dumps(expected, indent=1, allow_nan=False, sort_keys=True) + "\n"
    if os.environ.get(
        "CNNVIS_WRITE_GOLDEN"
    ):  # review the change, and that of tests/js/golden.test.ts
        for name, packed in frames.items():
            (GOLDEN / name).write_bytes(packed)
        (GOLDEN / "expected.json").write_text(text)
    assert (GOLDEN / "expected.json").read_text() == text
    for name, packed in frames.items():
        # safetensors writes metadata in any order, so the files are compared by what they say
        kept = (GOLDEN / name).read_bytes()
        assert len(kept) == len(packed)
        assert expectation(kept) == expected[name]
        assert np.array_equal(unpack(kept).stats, unpack(packed).stats)


def test_a_frame_is_a_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "frame.safetensors"
    path.write_bytes(golden_frames()["filters.safetensors"])
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == {"codes", "bounds", "stats", "channels"}
        assert file.get_tensor("codes").shape == (4, 9, 3)
        assert file.metadata()["shape"] == "[4, 3, 3, 3]"


@settings(max_examples=80)
@given(
    tiles=st.integers(1, 40), planes=st.integers(1, 5), height=st.integers(1, 60),
    width=st.integers(1, 60), limit=st.integers(2_000, 40_000), view=st.sampled_from([FEATURE_MAPS, FILTERS]),
)  # fmt: skip
def test_a_frame_keeps_its_limit_as_long_as_averaging_can(
    tiles: int, planes: int, height: int, width: int, limit: int, view: str
) -> None:
    values = torch.randn(tiles, planes, height, width)
    packed = pack(values, FrameKey("layer", view), max_bytes=limit)
    frame = unpack(packed)
    assert frame.shape == (tiles, planes, height, width)
    assert frame.key == FrameKey("layer", view)
    rows, columns = -(-height // frame.factor), -(-width // frame.factor)
    assert frame.codes.shape == (tiles, planes * rows, columns)
    assert len(packed) <= limit or (rows, columns) == (1, 1)
    if frame.factor > 1:
        finer = frame.factor - 1
        size = size_of(tiles, planes, -(-height // finer), -(-width // finer))
        assert size > limit, "no coarser than it must be"


def test_large_maps_are_averaged_sooner_than_large_filters() -> None:
    maps = unpack(pack(torch.randn(64, 1, 224, 224), FrameKey("a", FEATURE_MAPS)))
    assert (maps.factor, maps.codes.nbytes) == (2, 64 * 112 * 112)
    filters = unpack(pack(torch.randn(512, 512, 3, 3), FrameKey("a", FILTERS)))
    assert (filters.factor, filters.codes.nbytes) == (1, 512 * 512 * 9)
    assert unpack(pack(torch.randn(1024, 1024, 3, 3), FrameKey("a", FILTERS))).factor == 3


def test_detail_has_the_bounds_of_the_whole_tile() -> None:
    values = torch.randn(6, 1, 40, 40)
    whole = unpack(pack(values, FrameKey("layer", FEATURE_MAPS), factor=4))
    part = unpack(pack(values, FrameKey("layer", FEATURE_MAPS), channels=[5, 1]))
    assert part.channels.tolist() == [5, 1]
    assert np.array_equal(part.bounds, whole.bounds[[5, 1]])
    assert np.array_equal(part.stats, whole.stats[[5, 1]])


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_name_can_be_sent(name: str) -> None:
    packed = pack(torch.zeros(1, 1, 1, 1), FrameKey(name, FEATURE_MAPS))
    assert unpack(packed).key.layer == clean(name) == clean(clean(name))


def test_unknown_channels_and_protocols_are_named() -> None:
    values = torch.zeros(4, 1, 2, 2)
    with pytest.raises(ValueError, match=r"layer 'a.b' has channels 0 to 3, asked for \[4\]"):
        pack(values, FrameKey("a.b", FEATURE_MAPS), channels=[4])
    with pytest.raises(ValueError, match=r"got shape \(4, 2, 2\)"):
        pack(values[:, 0], FrameKey("a.b", FEATURE_MAPS))
    other = pack(values, FrameKey("a", FEATURE_MAPS)).replace(b'"protocol":"1"', b'"protocol":"9"')
    with pytest.raises(ValueError, match="reads frames of protocol 1, got 9"):
        unpack(other)
