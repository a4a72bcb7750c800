"""What is told of values: no layer of which there is something to say is passed over."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnvis import notes
from cnnvis.layers import find_layers
from cnnvis.run import LayerRun

# (2 images, 3 x 3 values) of one channel
CHANNELS = {
    "plain": torch.linspace(-1, 2, 18),
    "not above zero": torch.linspace(-2, 0, 18),
    "zero": torch.zeros(18),
    "one value": torch.full((18,), 0.7),
    "negative zero": torch.tensor([0.0, -0.0] * 9),
    "nearly one value": torch.tensor([1.0] * 17 + [1.0 + 2**-23]),
    "subnormal": torch.tensor([0.0] * 17 + [2.0**-149]),
    "not a number": torch.tensor([1.0, torch.nan] * 9),
    "infinite": torch.tensor([1.0, torch.inf] * 9),
    "minus infinity": torch.tensor([1.0, -torch.inf] * 9),
    "all infinite": torch.full((18,), torch.inf),
    "all the range": torch.tensor([3e38, -3e38] * 9),
}


def run_of(channels: int, follower: str | None) -> LayerRun:
    layer = find_layers(nn.Sequential(nn.Conv2d(1, channels, 1)))[0]
    return LayerRun(layer, ((2, channels, 3, 3),), 0, (), "", follower)


@given(
    kinds=st.lists(st.sampled_from(sorted(CHANNELS)), min_size=1, max_size=4),
    follower=st.sampled_from([None, "relu_", "add_"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_no_call_of_which_there_is_something_to_say_is_passed_over(
    kinds: list[str], follower: str | None, dtype: torch.dtype
) -> None:
    run = run_of(len(kinds), follower)
    output = torch.stack([CHANNELS[kind].view(2, 3, 3) for kind in kinds], 1).to(dtype)
    said = list(notes._of_values(run, 0, output))
    found = notes._remarkable([(run, 0, output)])
    if said:
        assert [call for call, _ in found.get("0", [])] == [0]


@pytest.mark.parametrize("follower", [None, "relu_"])
def test_a_call_with_plain_values_is_passed_over(follower: str | None) -> None:
    output = CHANNELS["plain"].view(2, 1, 3, 3)
    assert notes._remarkable([(run_of(1, follower), 0, output)]) == {}
