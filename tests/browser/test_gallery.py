"""Each state of the gallery looks as it did: the pictures of the README are true."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from gallery import FOLDER, STATES, State, reports, shot
from PIL import Image
from playwright.sync_api import Browser

BLUR = 8
"""Pixels that are averaged before pictures are compared: fonts differ a little from machine to machine."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return reports(tmp_path_factory.mktemp("gallery"))


def blurred(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What is left of a picture for who looks at it from afar, from 0 to 255."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    size = (picture.width // BLUR, picture.height // BLUR)
    return np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.float64)


def difference(a: bytes, b: bytes) -> float:
    """The share of blurred pixels that are visibly others."""
    return other_pixels(blurred(a), blurred(b))


def other_pixels(
    one: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    other: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> float:
    """The same, of pictures that are blurred already."""
    if one.shape != other.shape:
        return 1.0
    return float((np.abs(one - other).max(axis=2) > 32).mean())


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_looks_as_it_did(browser: Browser, pages: dict[str, Path], state: State) -> None:
    expected = (FOLDER / f"{state.name}.webp").read_bytes()
    assert difference(shot(browser, pages, state), expected) < 0.03, (
        "look at both; `make screenshots` renews the gallery"
    )


def test_other_states_look_otherwise() -> None:
    pictures = [blurred((FOLDER / f"{state.name}.webp").read_bytes()) for state in STATES]
    for index, picture in enumerate(pictures):
        for other in pictures[index + 1 :]:
            assert other_pixels(picture, other) > 0.03
