"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# how long an example takes depends on what else the machine does
settings.register_profile("cnnvis", deadline=None)
settings.load_profile("cnnvis")
