"""Settings for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# how long an example takes depends on what else the machine does
settings.register_profile("cnnvis", deadline=None)
settings.load_profile("cnnvis")

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the others have the other cores


@pytest.fixture(autouse=True)
def _gradients_stay_on() -> Iterator[None]:
    """A test that leaves gradients off would change what those after it test."""
    yield
    left_on = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    assert left_on
