"""The report as a file; what it draws is tested in a browser."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foretold import added_up
from nets import Shared, TwoConvs, image_tensor
from torch import nn

from cnnvis import inspect
from cnnvis.frame import unpack
from cnnvis.report import save_html, to_html

HOSTILE = ["</script><img src=x onerror=alert(1)>", "<!--<script>", "\"&'\u2028", "lone \ud800"]


def content(page: str) -> Any:
    (text,) = re.findall(
        r'<script type="application/json" id="cnnvis-data">(.*?)</script>', page, re.S
    )
    return json.loads(text)


def frame(data: Any, key: str) -> Any:
    content = gzip.decompress(base64.b64decode(data["frames"][key]))
    return unpack(added_up(content) if "feature_maps" in key else content)


def test_every_layer_is_in_it_in_both_views_at_full_resolution() -> None:
    look = inspect(TwoConvs(), image_tensor())
    data = content(to_html(look))
    assert list(data["frames"]) == [
        "0/feature_maps/0/0",
        "0/filters/0/0",
        "1/feature_maps/0/0",
        "1/filters/0/0",
    ]
    for index, run in enumerate(look.layers):
        for view in ("feature_maps", "filters"):
            kept, live = frame(data, f"{index}/{view}/0/0"), unpack(look.frame(run.name, view))
            assert kept.factor == 1
            assert np.array_equal(kept.codes, live.codes)
            assert np.array_equal(kept.bounds, live.bounds)
    assert data["state"] == {"layer": "first", "view": "feature_maps", "batch_index": 0}


def test_every_call_of_one_image_is_in_it_and_filters_once() -> None:
    look = inspect(Shared(), image_tensor(batch=3))
    data = content(to_html(look, images=[2], state={"call": 1}))
    assert sorted(data["frames"]) == [
        "0/feature_maps/0/2", "0/feature_maps/1/2", "0/feature_maps/2/2", "0/filters/0/0", "1/filters/0/0",
    ]  # fmt: skip
    for call in range(3):
        kept = frame(data, f"0/feature_maps/{call}/2")
        live = unpack(look.frame("conv", "feature_maps", call, image=2))
        assert (kept.key.call, kept.key.image) == (call, 2)
        assert np.array_equal(kept.codes, live.codes)
    assert data["state"] == {
        "layer": "conv",
        "view": "feature_maps",
        "call": 1,
        "batch_index": 2,
    }
    assert list(data["images"]) == ["2"]
    assert data["thumbnails"] == ""


def test_all_images_of_a_small_batch_are_in_it() -> None:
    look = inspect(TwoConvs(), image_tensor(batch=3))
    data = content(to_html(look, state={"batch_index": 1}))
    assert list(data["images"]) == ["1", "0", "2"]
    assert [data["images"][str(i)]["seen"]["image"] for i in range(3)] == [0, 1, 2]
    assert len({told["picture"] for told in data["images"].values()}) == 3
    assert len({told["overview"] for told in data["images"].values()}) == 3
    assert data["thumbnails"].startswith("data:image/jpeg;base64,")
    for image in range(3):
        kept = frame(data, f"1/feature_maps/0/{image}")
        live = unpack(look.frame("second", image=image))
        assert kept.key.image == image
        assert np.array_equal(kept.codes, live.codes)
    without = content(to_html(look, image=False))
    assert {told["picture"] for told in without["images"].values()} == {""}
    assert without["thumbnails"] == ""


def test_of_a_large_batch_the_one_that_is_shown_is_in_it_or_those_asked_for() -> None:
    look = inspect(TwoConvs(), image_tensor(batch=9))
    assert list(content(to_html(look, state={"batch_index": 4}))["images"]) == ["4"]
    assert list(content(to_html(look, images=range(9)))["images"]) == [str(i) for i in range(9)]
    # it opens on one that is in it
    data = content(to_html(look, images=[3, 5], state={"batch_index": 4}))
    assert list(data["images"]) == ["3", "5"]
    assert data["state"]["batch_index"] == 3


def test_images_that_do_not_fit_stay_out_but_for_the_first() -> None:
    torch.manual_seed(0)
    look = inspect(nn.Sequential(nn.Conv2d(3, 512, 1)), image_tensor(64, batch=8))
    full = content(to_html(look, max_mb=100, image=False))
    assert len(full["images"]) == 8
    empty = len(to_html(inspect(nn.Sequential(nn.Conv2d(3, 1, 1)), image_tensor(1))).encode())
    page = to_html(look, max_mb=empty / 1e6 + 0.012, image=False, state={"batch_index": 6})
    assert len(page.encode()) <= empty + 12_000
    data = content(page)
    assert 1 <= len(data["images"]) < 8
    assert "6" in data["images"]
    maps = {key.rpartition("/")[2] for key in data["frames"] if "feature_maps" in key}
    assert maps == set(data["images"])


def test_an_image_that_was_not_looked_at_is_an_error() -> None:
    look = inspect(TwoConvs(), image_tensor(batch=2))
    with pytest.raises(ValueError, match="batch_index must be 0 to 1, .* got 2"):
        to_html(look, state={"batch_index": 2})
    with pytest.raises(ValueError, match="images must be 0 to 1, .* got -1"):
        to_html(look, images=[0, -1])
    with pytest.raises(ValueError, match="at least one index"):
        to_html(look, images=[])


def test_calls_that_do_not_fit_stay_out_the_last_ones_first() -> None:
    class Often(Shared):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(60):
                x = self.conv(x)
            return x

    look = inspect(Often(), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    empty = len(to_html(inspect(nn.Sequential(nn.Conv2d(3, 1, 1)), image_tensor(1))).encode())
    max_mb = empty / 1e6 + 0.06
    page = to_html(look, max_mb=max_mb)
    assert len(page.encode()) <= max_mb * 1e6
    kept = list(content(page)["frames"])
    calls = [int(key.split("/")[2]) for key in kept if key.startswith("0/feature_maps")]
    assert 2 <= len(calls) < 60
    assert calls == list(range(len(calls)))
    assert {"0/filters/0/0", "1/filters/0/0"} <= set(kept)
    whole = content(to_html(look))
    assert len(whole["frames"]) == 62


def test_it_fits_what_was_promised_and_every_layer_stays() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 256, 1), nn.Conv2d(256, 512, 3))
    look = inspect(model, torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    whole = len(to_html(look, max_mb=100).encode())
    empty = len(to_html(inspect(nn.Sequential(nn.Conv2d(3, 1, 1)), image_tensor(1))).encode())
    assert whole > 3e6
    for max_mb in (3, 1.5, empty / 1e6 + 0.05):
        page = to_html(look, max_mb=max_mb)
        assert len(page.encode()) <= max_mb * 1e6
        data = content(page)
        assert len(data["frames"]) == 6
        for key in data["frames"]:
            kept = frame(data, key)
            assert len(kept.channels) >= 1
            assert (np.diff(kept.channels) > 0).all()
    assert frame(data, "2/filters/0/0").shape == (512, 256, 3, 3), "of n is still known"
    assert len(frame(data, "2/filters/0/0").channels) < 512
    with pytest.raises(ValueError, match=r"max_mb=0\.01 is too small .* of 3 layers, which needs"):
        to_html(look, max_mb=0.01)


def test_the_channels_that_vary_most_are_kept() -> None:
    weights = nn.Conv2d(1000, 40, 1, bias=False)
    with torch.no_grad():
        weights.weight.mul_(torch.arange(40)[:, None, None, None])
    look = inspect(nn.Sequential(weights), inputs=torch.rand(1, 1000, 2, 2))
    kept = unpack(look.frame("0", "filters", max_bytes=12_000, cut=True))
    assert 1 < len(kept.channels) < 12
    assert kept.channels.tolist() == list(range(40))[-len(kept.channels) :]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_titles_are_text(text: str) -> None:
    model = nn.Sequential()
    model.add_module(text.replace(".", ""), nn.Conv2d(3, 2, 1))
    page = to_html(inspect(model, image_tensor(), labels=[text]), title=text)
    plain = to_html(inspect(nn.Sequential(nn.Conv2d(3, 2, 1)), image_tensor()), title="plain")
    for tag in ("<script", "</script", "<img", "<!--"):
        assert page.count(tag) == plain.count(tag), tag
    name = text.encode("utf-8", "replace").decode()
    assert content(page)["metadata"]["layers"][0]["name"] == name


def test_it_asks_for_nothing_from_elsewhere() -> None:
    page = to_html(inspect(TwoConvs(), image_tensor()))
    head = page[: page.index("<style>")]
    assert "default-src &#x27;none&#x27;" in head
    assert "unsafe" not in head
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)


def test_a_file_is_replaced_only_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = inspect(TwoConvs(), image_tensor())
    path = tmp_path / "report.html"
    assert save_html(look, path) == path
    written = path.read_bytes()
    assert written.startswith(b"<!doctype html>")
    assert path.stat().st_mode & 0o444 == 0o444, "readable by others, as any file"

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        save_html(look, path, title="another")
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path], "no temporary file stays"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no/such"):
        inspect(TwoConvs(), image_tensor()).save_html(tmp_path / "no" / "such" / "report.html")


def test_layers_without_weights_or_that_never_ran_are_no_trouble() -> None:
    class Skips(TwoConvs):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.relu(self.first(x))

    data = content(to_html(inspect(Skips(), image_tensor(), layers="all")))
    names = [layer["name"] for layer in data["metadata"]["layers"]]
    assert names == ["first", "relu", "second", "head"]
    assert sorted(data["frames"]) == [
        "0/feature_maps/0/0", "0/filters/0/0", "1/feature_maps/0/0", "2/filters/0/0", "3/filters/0/0",
    ]  # fmt: skip


def test_a_report_of_some_layers_and_views_holds_no_others() -> None:
    look = inspect(TwoConvs(), image_tensor())
    data = content(look.to_html(layers=["second"], views=["filters"], image=False))
    assert [layer["name"] for layer in data["metadata"]["layers"]] == ["second"]
    assert list(data["frames"]) == ["0/filters/0/0"]
    assert np.array_equal(
        frame(data, "0/filters/0/0").codes, unpack(look.frame("second", "filters")).codes
    )
    assert data["state"] == {"layer": "second", "view": "filters", "batch_index": 0}
    assert data["images"]["0"]["picture"] == ""
    assert {note["layer"] for note in data["notes"]} <= {"", None, "second"}
    # the look itself still has all of them
    assert [run.name for run in look.layers] == ["first", "second"]
    assert len(content(look.to_html())["frames"]) == 4


def test_what_a_report_opens_on_is_in_it() -> None:
    look = inspect(TwoConvs(), image_tensor())
    state = {"layer": "first", "view": "filters", "colormap": "gray"}
    data = content(look.to_html(layers=["second"], views=["feature_maps"], state=state))
    assert data["state"] == {
        "layer": "second",
        "view": "feature_maps",
        "colormap": "gray",
        "batch_index": 0,
    }


def test_what_was_picked_in_a_layer_that_is_left_out_does_not_open_another() -> None:
    look = inspect(Shared(), image_tensor())
    state = {
        "layer": "conv",
        "call": 2,
        "channels": [1],
        "pinned": [1],
        "place": {"k": 1.0, "x": 0.0, "y": 0.0, "columns": 2, "by": "px"},
        "colormap": "gray",
    }
    (other,) = (run.name for run in look.layers if run.name != "conv")
    data = content(look.to_html(layers=[other], state=state))
    assert data["state"] == {
        "layer": other,
        "view": "feature_maps",
        "colormap": "gray",
        "batch_index": 0,
    }
    assert content(look.to_html(state=state))["state"] == {
        **state,
        "view": "feature_maps",
        "batch_index": 0,
    }


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"layers": ["frist"]}, KeyError, "the nearest are .first."),
        ({"layers": []}, ValueError, "at least one name of a layer"),
        ({"views": ["maps"]}, ValueError, "views takes some of feature_maps, filters"),
        ({"views": []}, ValueError, "views takes some of feature_maps, filters"),
    ],
)
def test_what_a_report_cannot_hold_is_named(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        inspect(TwoConvs(), image_tensor()).to_html(**options)


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    look = inspect(TwoConvs(), image_tensor())
    look.to_html(progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]
