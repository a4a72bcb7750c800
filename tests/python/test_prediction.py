"""What a report leaves of the codes of maps is what its predictor does not foretell, and nothing is lost."""

from __future__ import annotations

import numpy as np
import torch
from foretold import added_up
from hypothesis import given
from hypothesis import strategies as st

from cnnvis.frame import FEATURE_MAPS, FrameKey, pack, unpack
from cnnvis.prediction import residuals


@given(
    st.tuples(*[st.integers(0, 5), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)]),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_added_up_it_is_the_frame_that_it_was(
    shape: tuple[int, int, int, int], seed: int, is_smooth: bool
) -> None:
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    if is_smooth:
        maps = maps.cumsum(2).cumsum(3)
    frame = pack(maps, FrameKey("conv", FEATURE_MAPS))
    left = residuals(frame)
    assert len(left) == len(frame)
    assert added_up(left) == frame
    whole, rest = unpack(frame), unpack(left)
    assert np.array_equal(whole.bounds, rest.bounds)
    assert np.array_equal(whole.stats, rest.stats)
    assert whole.metadata == rest.metadata


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=20), st.booleans())
def test_what_changes_along_one_side_only_is_foretold(
    numbers: list[float], is_across: bool
) -> None:
    maps = torch.tensor(numbers).expand(1, 1, 7, -1)
    frame = pack(maps if is_across else maps.mT, FrameKey("conv", FEATURE_MAPS))
    assert not unpack(residuals(frame)).codes[0, 1:, 1:].any()
