"""The JSON that goes to the page beside the frames."""

from __future__ import annotations

import dataclasses
import io
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nets import Shared, TwoConvs, image_tensor
from PIL import Image
from torch import nn

from cnnvis import Inspection, inspect
from cnnvis.describe import (
    MOST_THUMBNAILS,
    THUMBNAIL_SIDE,
    describe,
    image_count,
    picture,
    remarks,
    seen,
    thumbnails,
)
from cnnvis.inspection import Note


def with_run(look: Inspection, **more: Any) -> Inspection:
    """The look, its first layer's run told more of."""
    run = look.layers[0]
    known = {field.name: getattr(run, field.name) for field in dataclasses.fields(run)}
    known |= {"name": run.name, "calls": run.calls, "ran": run.ran, **more}
    look.layers[0] = SimpleNamespace(**known)  # type: ignore[call-overload]
    return look


def test_it_is_plain_json_whatever_the_model() -> None:
    model = nn.Sequential()
    model.add_module("lone \ud800", nn.Conv2d(3, 2, 1))
    model.add_module("named", nn.Conv2d(2, 2, 1, padding="same"))
    look = inspect(model, image_tensor(), layers="all")
    for told in (describe(look), seen(look), remarks(look)):
        text = json.dumps(told, allow_nan=False)
        assert json.loads(text.encode("utf-8")) == told


def test_notes_are_said_once_with_kind_and_layer() -> None:
    look = inspect(Shared(), image_tensor())
    told = remarks(look)
    assert [(note["layer"], note["kind"]) for note in told if note["layer"]] == [
        (note.layer, note.kind) for note in look.notes if note.layer
    ]
    assert {"conv", "unused"} <= {note["layer"] for note in told}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, None),
        (
            SimpleNamespace(
                size=(43, 43), stride=(8, 8), start=(-17, -17.5), whole=False, regular=True
            ),
            {
                "size": [43, 43],
                "stride": [8, 8],
                "start": [-17, -17.5],
                "whole": False,
                "regular": True,
            },
        ),
        (
            SimpleNamespace(size=(9,), stride=(1,), start=(0,), whole=(True,), regular=True),
            {"size": [9], "stride": [1], "start": [0], "whole": True, "regular": True},
        ),
        (
            SimpleNamespace(
                size=(9, 2), stride=(1, 1), start=(0, 0), whole=(True, False), regular=False
            ),
            {"size": [9, 2], "stride": [1, 1], "start": [0, 0], "whole": False, "regular": False},
        ),
    ],
)
def test_receptive_fields_are_lists_for_each_axis(field: Any, expected: Any) -> None:
    look = with_run(inspect(TwoConvs(), image_tensor()), receptive_field=field, field_reason="why")
    told = describe(look)["layers"][0]
    assert told["receptive_field"] == expected
    assert told["field_reason"] == "why"


def test_what_else_is_known_of_a_layer() -> None:
    look = with_run(inspect(TwoConvs(), image_tensor()), in_place="relu_", functional=True)
    layer = look.layers[0].layer
    told = describe(look)["layers"][0]
    assert (told["in_place"], told["functional"]) == ("relu_", True)
    assert told["dtype"] == str(getattr(layer, "dtype", "") or "").removeprefix("torch.")
    assert "torch" not in told["dtype"]


def test_images_are_counted_by_pictures_and_else_by_what_the_first_convolution_gave() -> None:
    assert image_count(inspect(TwoConvs(), image_tensor(batch=4))) == 4
    assert image_count(inspect(TwoConvs(), image_tensor())) == 1
    assert image_count(inspect(TwoConvs(), inputs=image_tensor(batch=3))) == 3
    audio = nn.Sequential(nn.Conv1d(1, 4, 9))
    assert image_count(inspect(audio, inputs=torch.rand(5, 1, 60))) == 5
    assert image_count(inspect(audio, inputs=torch.rand(1, 60))) == 1, "a single one, unbatched"


def test_what_was_seen_is_of_one_image() -> None:
    x = image_tensor(batch=3)
    look = inspect(TwoConvs(), x, labels=list("abcde"))
    for image in range(3):
        told = seen(look, image)
        alone = inspect(look.model, x[image : image + 1], labels=list("abcde"))
        assert told["image"] == image
        assert [p["label"] for p in told["predictions"]] == [p.label for p in alone.predictions()]
        assert [p["probability"] for p in told["predictions"]] == pytest.approx(
            [p.probability for p in alone.predictions()], abs=1e-5
        )
        shown = np.asarray(Image.open(io.BytesIO(picture(look, image))))
        assert np.array_equal(shown, np.asarray(look.pictures[image]))


def test_thumbnails_are_squares_side_by_side() -> None:
    colors = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    look = inspect(TwoConvs(), colors[:, :, None, None].expand(3, 3, 20, 40).clone())
    strip = Image.open(io.BytesIO(thumbnails(look)))
    assert strip.size == (3 * THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    pixels = np.asarray(strip)
    for image, color in enumerate(colors):
        middle = pixels[THUMBNAIL_SIDE // 2, image * THUMBNAIL_SIDE + THUMBNAIL_SIDE // 2]
        assert np.allclose(middle, color.numpy() * 255, atol=12)


def test_thumbnails_of_one_image_are_none_and_of_very_many_a_part() -> None:
    assert thumbnails(inspect(TwoConvs(), image_tensor())) == b""
    assert thumbnails(inspect(TwoConvs(), inputs=image_tensor(batch=2))) == b""
    many = inspect(nn.Sequential(nn.Conv2d(3, 1, 1)), torch.rand(MOST_THUMBNAILS + 3, 3, 4, 4))
    assert Image.open(io.BytesIO(thumbnails(many))).width == MOST_THUMBNAILS * THUMBNAIL_SIDE


def test_notes_of_a_kind_that_nobody_knows_pass() -> None:
    look = inspect(TwoConvs(), image_tensor())
    look.notes.append(Note("first", "a kind of tomorrow", "Something."))
    assert {"layer": "first", "kind": "a kind of tomorrow", "text": "Something."} in remarks(look)
