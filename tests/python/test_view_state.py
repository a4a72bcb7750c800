"""What a view shows as one dict: to come back to, and never half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import TwoConvs, image_tensor

from cnnvis import CNNVisWidget
from cnnvis.frame import unpack
from cnnvis.view_state import COLORMAPS, HIDES, SCALES, SORTS, VIEW_STATE


@pytest.fixture(scope="module")
def widget() -> Iterator[CNNVisWidget]:
    torch.manual_seed(0)
    widget = CNNVisWidget(TwoConvs(), image_tensor())
    yield widget
    widget.close()


finite = st.floats(-1e6, 1e6)
places = st.none() | st.fixed_dictionaries(
    {"k": st.floats(0.01, 80), "x": finite, "y": finite, "columns": st.integers(1, 9)}
)
states = st.sampled_from(["first", "second"]).flatmap(
    lambda layer: st.fixed_dictionaries(
        {"layer": st.just(layer)},
        optional={
            "view": st.sampled_from(["feature_maps", "filters"]),
            "channels": st.lists(st.integers(0, 3), unique=True),
            "pinned": st.lists(st.integers(0, 3), unique=True),
            "colormap": st.sampled_from(COLORMAPS),
            "scale": st.sampled_from(SCALES),
            "sort": st.sampled_from(SORTS),
            "limits": st.none() | st.tuples(st.floats(-9, 0), st.floats(1, 9)).map(list),
            "clip": st.floats(0, 49),
            "hide": st.sampled_from(HIDES),
            "overlay": st.floats(0, 1),
            "slice": st.integers(0, 5),
            "place": places,
        },
    )
)


@settings(max_examples=150)
@given(states, states)
def test_a_state_that_was_read_brings_the_view_back(
    widget: CNNVisWidget, one: dict[str, Any], other: dict[str, Any]
) -> None:
    widget.view_state = one
    kept = widget.view_state
    assert set(kept) == set(VIEW_STATE)
    assert one.items() <= kept.items()
    widget.view_state = other
    widget.view_state = json.loads(json.dumps(kept, allow_nan=False))
    assert widget.view_state == kept
    key = unpack(widget.frame).key
    assert (key.layer, key.view) == (kept["layer"], kept["view"])


WRONG = [
    {"layer": "third"},
    {"layer": "first", "channels": [99]},
    {"view": "both"},
    {"clip": 50},
    {"clip": float("nan")},
    {"clip": -1},
    {"overlay": 1.5},
    {"overlay": "much"},
    {"limits": [1, 1]},
    {"limits": [float("-inf"), 1]},
    {"limits": "0..1"},
    {"limits": [True, 2]},
    {"pinned": [-1]},
    {"slice": -1},
    {"slice": True},
    {"hide": "all"},
    {"place": {"k": 0, "x": 0, "y": 0, "columns": 3}},
    {"place": {"k": 1, "x": 0, "y": float("nan"), "columns": 3}},
    {"place": [1, 2]},
    {"zoom": 3},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_one_that_cannot_be_had_is_refused_by_name_and_changes_nothing(
    widget: CNNVisWidget, wrong: dict[str, Any]
) -> None:
    widget.view_state = {"layer": "second", "view": "filters", "channels": [5], "sort": "norm"}
    before, frame = widget.view_state, widget.frame
    with pytest.raises(
        traitlets.TraitError, match=f"{list(wrong)[-1].removesuffix(chr(115))}|channel -1"
    ):
        widget.view_state = {"layer": "first", "sort": "mean", **wrong}
    assert widget.view_state == before
    assert unpack(widget.frame).key == unpack(frame).key


def test_another_layer_starts_with_all_of_it(widget: CNNVisWidget) -> None:
    place = {"k": 9.0, "x": 1.0, "y": 2.0, "columns": 3}
    widget.view_state = {"layer": "first", "pinned": [1], "channels": [1], "place": place}
    assert widget.view_state["place"] == place
    widget.layer = "second"
    state = widget.view_state
    assert (state["pinned"], state["channels"], state["place"]) == ([], [], None)
