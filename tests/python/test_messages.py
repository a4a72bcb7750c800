"""Anything that a page may send, sent: no exception, nothing lost, and the page told what is true."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from nets import TwoConvs, image_tensor

from cnnvis import CNNVisWidget
from cnnvis.frame import unpack
from cnnvis.view_state import COLORMAPS, HIDES, SCALES, SORTS, VIEW_STATE

COUNT = 20_000

NASTY: list[Any] = [
    None, True, False, -1, 0, 1, 2, 7, 10**9, 10**30, -(2**63), 0.5, -0.0, 1e308, float("nan"),
    float("inf"), "nan", "", "first", "second", "filters", "\ud800", "__proto__", "constructor",
    "</script><script>alert(1)</script>", "x" * 5000, [], [0], [1, 1], [-1], [None], ["0"], [[0]],
    [2**40], [float("nan"), 1], [0, 1], [3, 1], {}, {"k": 1}, {"layer": "first"}, {"id": 1},
    {"k": 2.0, "x": 1.0, "y": 1.0, "columns": 3}, {"k": -1, "x": 0, "y": 0, "columns": 0},
    {"k": float("inf"), "x": 0, "y": 0, "columns": 1}, b"bytes", memoryview(b"buffer"),
]  # fmt: skip
KERNELS_OWN = (
    "metadata",
    "generation",
    "notes",
    "seen",
    "picture",
    "thumbnails",
    "overview",
    "frame",
    "progress",
    "_esm",
    "_css",
)
GOOD: dict[str, list[Any]] = {
    "layer": ["first", "second"],
    "view": ["feature_maps", "filters"],
    "call": [0],
    "batch_index": [0, 1],
    "channels": [[], [0], [3, 1], [0, 1, 2]],
    "pinned": [[], [2], [0, 3]],
    "colormap": list(COLORMAPS),
    "scale": list(SCALES),
    "sort": list(SORTS),
    "hide": list(HIDES),
    "limits": [None, [0, 1], [-2.5, 3]],
    "clip": [0, 0.1, 5],
    "overlay": [0, 0.5, 1],
    "slice": [0, 4],
    "height": [200, 900],
    "place": [None, {"k": 2.0, "x": 1.0, "y": 1.0, "columns": 3, "by": "v1"}],
}


class Page(CNNVisWidget):
    """A widget whose page is a dict: what the kernel sends is put into it, as a front end does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.page: dict[str, Any] = {}
        self.answers: list[dict[str, Any]] = []
        super().__init__(*args, **options)
        self.page |= self.get_state()

    def _send(self, msg: dict[str, Any], buffers: Any = None) -> None:
        if msg["method"] in ("update", "echo_update"):
            self.page |= msg["state"]
            for path, content in zip(msg["buffer_paths"], buffers or [], strict=True):
                self.page[path[0]] = bytes(content)
        elif msg["method"] == "custom":
            self.answers.append(msg["content"])

    def take(self, data: dict[str, Any], buffers: Any = ()) -> None:
        """What came over the wire."""
        if data.get("method") == "update":
            self.page |= data["state"]  # a front end has set it before it is sent
        self._handle_msg({"content": {"data": data}, "buffers": list(buffers)})


@pytest.fixture
def widget() -> Iterator[Page]:
    torch.manual_seed(0)
    widget = Page(TwoConvs(), image_tensor(12, batch=2))
    yield widget
    widget.close()


def updates(random_: random.Random) -> dict[str, Any]:
    """An update of a few traits: good, wrong, unknown or the kernel's own."""
    state: dict[str, Any] = {}
    for _ in range(random_.randint(1, 4)):
        name = random_.choice(
            [*GOOD, *KERNELS_OWN, "problem", "theme", "comm", "__class__", "no_such"]
        )
        good = GOOD.get(name)
        value = random_.choice(good if good and random_.random() < 0.5 else NASTY)
        state[name] = value
    return {"method": "update", "state": state, "buffer_paths": []}


def requests(random_: random.Random) -> dict[str, Any]:
    """A question: whole, or with parts that are missing or wrong."""
    content: dict[str, Any] = {
        "id": random_.choice([1, "a1", None]),
        "kind": random_.choice(["detail", "values", "ping", "resend", "what", None]),
        "layer": "first", "view": "feature_maps", "call": 0, "image": 0, "channels": [0, 1],
        "channel": 1, "plane": 0, "rows": [0, 2], "columns": [0, 3], "generation": 1, "factor": 1,
    }  # fmt: skip
    for name in random_.sample(list(content), random_.randint(0, 3)):
        if random_.random() < 0.3:
            del content[name]
        else:
            content[name] = random_.choice(NASTY)
    if random_.random() < 0.05:
        return {"method": "custom", "content": random_.choice(NASTY)}
    return {"method": "custom", "content": content}


def comparable(value: Any) -> Any:
    """As JavaScript compares: 5 and 5.0 are one number."""
    return bytes(value) if isinstance(value, bytes | memoryview) else json.loads(json.dumps(value))


def check(widget: Page, own: dict[str, Any]) -> None:
    """What always holds."""
    names = [layer["name"] for layer in widget.metadata["layers"]]
    assert widget.layer in names
    if widget.problem == "" or widget.frame:
        key = unpack(widget.frame).key
        assert (key.layer, key.view) == (widget.layer, widget.view)
        if widget.view == "feature_maps":
            assert (key.call, key.image) == (widget.call, widget.batch_index)
        assert key.generation == widget.generation
    for name in ("metadata", "notes", "_esm", "_css", "thumbnails"):
        assert getattr(widget, name) is own[name], name
    kernel = widget.get_state()
    for name in (*VIEW_STATE, "height", "theme", *KERNELS_OWN):
        assert comparable(widget.page[name]) == comparable(kernel[name]), name


@pytest.mark.parametrize("kind", [updates, requests])
def test_twenty_thousand_messages_of_any_kind_change_nothing_that_they_may_not(
    widget: Page, kind: Callable[[random.Random], dict[str, Any]]
) -> None:
    random_ = random.Random(20_000)
    own = {
        name: getattr(widget, name) for name in ("metadata", "notes", "_esm", "_css", "thumbnails")
    }
    asked = 0
    for step in range(COUNT // 2):
        data = kind(random_)
        content = data.get("content")
        asked += isinstance(content, dict) and "id" in content
        widget.take(data, random_.choice([[], [memoryview(b"x")]]))
        if step % 50 == 0:
            check(widget, own)
    check(widget, own)
    assert len(widget.answers) == asked, "every question has one answer"
    widget.take(
        {"method": "update", "state": {"layer": "second", "view": "filters"}, "buffer_paths": []}
    )
    check(widget, own)
    assert unpack(widget.frame).key.layer == "second"


def test_what_is_lost_on_the_way_is_sent_again(widget: Page) -> None:
    widget.layer = "second"
    widget.page |= {"layer": "first", "frame": b"", "metadata": {}}
    widget.take({"method": "custom", "content": {"id": "a", "kind": "resend"}})
    assert widget.answers == [{"id": "a", "kind": "resend"}]
    kernel = widget.get_state()
    for name in ("layer", "frame", "metadata"):
        assert comparable(widget.page[name]) == comparable(kernel[name])
