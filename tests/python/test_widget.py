"""The live view's kernel side: what it sends, and what it takes from the page."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import html
import io
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets
from nets import Failing, Shared, TwoConvs, fingerprint, image_tensor, same
from PIL import Image
from torch import nn

from cnnvis import CNNVisWidget, ForwardError, fallback
from cnnvis.frame import FILTERS, unpack


class Recorded(CNNVisWidget):
    """A widget whose messages to the page are kept."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        super().__init__(*args, **options)
        self.sent.clear()

    def _send(self, msg: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append((msg, list(buffers or [])))

    def updates(self) -> list[set[str]]:
        """The names in each state update; what is bytes travels beside the state."""
        states = [msg for msg, _ in self.sent if msg["method"] == "update"]
        return [{*msg["state"], *(path[0] for path in msg["buffer_paths"])} for msg in states]

    def from_page(self, **state: Any) -> None:
        """What a `model.set(...); model.save_changes()` in the page does here."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        self._handle_msg({"content": {"data": data}, "buffers": []})

    def request(self, **content: Any) -> tuple[dict[str, Any], list[bytes]]:
        """Sends a custom message and gives the answer."""
        self.sent.clear()
        self._handle_msg(
            {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
        )
        (answer,) = [(m["content"], b) for m, b in self.sent if m["method"] == "custom"]
        return answer


@pytest.fixture
def widget() -> Iterator[Recorded]:
    torch.manual_seed(0)
    widget = Recorded(TwoConvs(), image_tensor())
    yield widget
    widget.close()


def test_it_opens_on_the_first_layer_with_its_frame(widget: Recorded) -> None:
    assert (widget.layer, widget.view, widget.channels) == ("first", "feature_maps", [])
    frame = unpack(widget.frame)
    assert frame.key.layer == "first"
    assert frame.key.generation == widget.generation == 1
    assert [layer["name"] for layer in widget.metadata["layers"]] == ["first", "second"]
    assert widget.picture.startswith(b"\x89PNG")


def test_setting_layer_or_view_in_python_sends_the_frame_with_it(widget: Recorded) -> None:
    widget.layer = "second"
    assert [names for names in widget.updates() if names] == [{"layer"}, {"frame"}]
    assert unpack(widget.frame).key.layer == "second"
    widget.view = FILTERS
    assert unpack(widget.frame).key.view == FILTERS
    assert unpack(widget.frame).shape == (6, 2, 3, 3)


def test_a_click_in_the_page_reaches_python_and_is_answered_by_a_frame(widget: Recorded) -> None:
    seen: list[Any] = []
    widget.observe(
        lambda change: seen.append((change["name"], change["new"])), ["layer", "channels"]
    )
    widget.from_page(layer="second")
    widget.from_page(channels=[4, 2])
    assert seen == [("layer", "second"), ("channels", [4, 2])]
    assert unpack(widget.frame).key.layer == "second"
    widget.from_page(layer="first", channels=[1])
    assert widget.channels == [1], "channels are those of the layer that came with them"


def test_another_layer_clears_the_picked_channels(widget: Recorded) -> None:
    widget.channels = [3]
    widget.view = FILTERS
    assert widget.channels == [3], "a filter and its map are one channel"
    widget.layer = "second"
    assert widget.channels == []


def test_the_page_cannot_write_what_is_the_kernels(widget: Recorded) -> None:
    before = {
        name: getattr(widget, name) for name in ("frame", "metadata", "_esm", "picture", "height")
    }
    widget.from_page(**dict.fromkeys(before, "hostile"))
    assert {name: getattr(widget, name) for name in before} == before
    sent = set().union(*widget.updates())
    assert set(before) <= sent, "what the kernel holds is sent back"


@pytest.mark.parametrize(
    "state",
    [
        {"layer": "nowhere"}, {"layer": 3}, {"layer": None}, {"view": "maps"}, {"channels": [99]},
        {"channels": [-1]}, {"channels": "abc"}, {"channels": [0.5]}, {"colormap": "jet"},
        {"scale": None}, {"sort": ["index"]}, {"call": 1}, {"call": -1}, {"call": "0"}, {"call": None},
        {"call": True}, {"call": 0.0}, {"call": 1e308}, {"call": 10**30}, {"call": [0]},
        {"batch_index": 1}, {"batch_index": -1}, {"batch_index": {}}, {"batch_index": "NaN"},
    ],
)  # fmt: skip
def test_a_bad_value_from_the_page_is_corrected_and_said(widget: Recorded, state: Any) -> None:
    (name,) = state
    before = getattr(widget, name)
    widget.from_page(**state)
    assert getattr(widget, name) == before
    assert widget.problem
    last = [msg["state"][name] for msg, _ in widget.sent if name in msg.get("state", {})][-1]
    assert last == before, "the page ends with what the kernel has"
    widget.from_page(layer="second")
    assert unpack(widget.frame).key.layer == "second", "and the widget goes on"


def test_a_bad_value_in_python_raises_and_says_the_nearest_layers(widget: Recorded) -> None:
    with pytest.raises(traitlets.TraitError, match="layer 'secnd' is not one of the 2 .* 'second'"):
        widget.layer = "secnd"
    with pytest.raises(
        traitlets.TraitError,
        match="channel 9 is not one of layer 'first', which has channels 0 to 3",
    ):
        widget.channels = [9]
    assert widget.layer == "first"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("call", 3, "call 3 is not one of layer 'conv', which ran 3 times for this input; "
         "set call to 0 to 2"),
        ("call", -1, "call -1 is not one of layer 'conv', which ran 3 times"),
        ("call", 1.0, "call is a whole number that counts from 0, got 1.0; set an int"),
        ("call", True, "got True"),
        ("batch_index", 2, "batch_index 2 is not one of the batch, which has 2 images; "
         "set batch_index to 0 to 1"),
        ("batch_index", "1", "batch_index is a whole number that counts from 0, got '1'; set an int"),
    ],
)  # fmt: skip
def test_a_wrong_call_or_image_says_which_there_are(name: str, value: Any, text: str) -> None:
    widget = Recorded(Shared(), image_tensor(batch=2))
    with pytest.raises(traitlets.TraitError, match=re.escape(text)):
        setattr(widget, name, value)
    assert getattr(widget, name) == 0
    widget.layer = "unused"
    with pytest.raises(traitlets.TraitError, match="'unused', which never ran .* set call to 0$"):
        widget.call = 1
    widget.close()


def shown_maps(widget: Recorded) -> torch.Tensor:
    """What the frame shows, as numbers."""
    frame = unpack(widget.frame)
    lo, hi = torch.from_numpy(frame.bounds.copy())[:, :, None, None].unbind(1)
    return lo + (hi - lo) * (torch.from_numpy(frame.codes.copy()).float() - 1) / 254


def test_each_call_of_a_layer_can_be_shown() -> None:
    torch.manual_seed(0)
    model, x = Shared(), image_tensor()
    widget = Recorded(model, x)
    with torch.no_grad():
        outputs = [model.conv(x)]
        for _ in range(2):
            outputs.append(model.conv(outputs[-1]))
    for call in (1, 2, 0):
        widget.sent.clear()
        widget.from_page(call=call)
        assert [names for names in widget.updates() if names] == [{"frame"}]
        assert unpack(widget.frame).key.call == call
        assert torch.allclose(shown_maps(widget), outputs[call][0], atol=0.02)
    widget.call = 2
    widget.sent.clear()
    widget.layer = "unused"
    assert widget.call == 0, "calls are those of a layer"
    assert [names for names in widget.updates() if names][1:] == [{"call", "frame"}]
    widget.close()


def test_each_image_of_a_batch_can_be_shown_with_what_the_model_said_of_it() -> None:
    torch.manual_seed(0)
    model, x = TwoConvs(), image_tensor(batch=3)
    widget = Recorded(model, x)
    assert widget.thumbnails.startswith(b"\xff\xd8")
    with torch.no_grad():
        expected = model.by_hand(x)
    pictures = set()
    for image in (2, 1, 0):
        widget.sent.clear()
        widget.batch_index = image
        together = [names for names in widget.updates() if names][1:]
        assert together == [{"seen", "picture", "overview", "frame"}], (
            "one message, so nothing can tear"
        )
        assert unpack(widget.frame).key.image == widget.seen["image"] == image
        best = int(expected["head"][image].argmax())
        assert widget.seen["predictions"][0]["index"] == best
        assert torch.allclose(shown_maps(widget), expected["first"][image], atol=0.02)
        pictures.add(widget.picture)
    assert len(pictures) == 3
    widget.batch_index, widget.layer = 1, "second"
    assert (widget.batch_index, unpack(widget.frame).key.image) == (1, 1), "it stays the same image"
    widget.close()


def test_filters_are_sent_once_for_all_calls_and_images() -> None:
    widget = Recorded(Shared(), image_tensor(batch=2))
    widget.view = FILTERS
    frame = widget.frame
    widget.sent.clear()
    widget.call, widget.batch_index = 2, 1
    assert "frame" not in set().union(*widget.updates())
    assert widget.frame is frame
    widget.view = "feature_maps"
    assert (unpack(widget.frame).key.call, unpack(widget.frame).key.image) == (2, 1)
    widget.close()


def test_a_look_with_fewer_calls_or_images_goes_back_to_the_first() -> None:
    class Varying(Shared):
        times = 3

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(self.times):
                x = self.conv(x)
            return x

    model = Varying()
    widget = Recorded(model, image_tensor(batch=3))
    widget.call, widget.batch_index = 2, 2
    widget.refresh()
    assert (widget.call, widget.batch_index) == (2, 2), "what is still there stays"
    model.times = 2
    widget.sent.clear()
    widget.image = image_tensor(batch=2)
    assert (widget.call, widget.batch_index) == (0, 0)
    assert sum("frame" in names for names in widget.updates()) == 1
    key = unpack(widget.frame).key
    assert (key.call, key.image, key.generation) == (0, 0, widget.generation)
    widget.close()


def test_detail_is_of_the_call_and_the_image_that_are_asked_for() -> None:
    widget = Recorded(Shared(), image_tensor(batch=2))
    ask = {"kind": "detail", "layer": "conv", "view": "feature_maps", "factor": 1, "channels": [0]}
    _, (detail,) = widget.request(id=1, call=2, image=1, **ask)
    live = unpack(widget.inspection.frame("conv", "feature_maps", 2, image=1))
    assert (unpack(detail).key.call, unpack(detail).key.image) == (2, 1)
    assert (unpack(detail).codes == live.codes[:1]).all()
    answer, _ = widget.request(id=2, call=9, image=0, **ask)
    assert "no call 9" in answer["error"]
    widget.close()


def test_a_report_opens_on_the_call_and_the_image_that_are_shown(tmp_path: Path) -> None:
    widget = CNNVisWidget(Shared(), image_tensor(batch=2))
    widget.call, widget.batch_index = 1, 1
    page = widget.save_html(tmp_path / "report.html").read_text("utf-8")
    (text,) = re.findall(r'id="cnnvis-data">(.*?)</script>', page, re.S)
    state = json.loads(text)["state"]
    assert (state["call"], state["batch_index"]) == (1, 1)
    widget.close()


def test_detail_is_answered_by_id_and_so_are_errors(widget: Recorded) -> None:
    ask = {"kind": "detail", "layer": "second", "view": "feature_maps", "call": 0, "factor": 1}
    answer, buffers = widget.request(id=7, channels=[5, 0], **ask)
    assert answer == {"id": 7, "kind": "detail"}
    assert unpack(buffers[0]).channels.tolist() == [5, 0]
    for wrong in (
        {**ask, "channels": [6]},
        {**ask, "channels": None},
        {"kind": "what"},
        {"kind": "detail"},
    ):
        answer, buffers = widget.request(id=8, **wrong)
        assert answer["id"] == 8
        assert answer["error"]
        assert buffers == []


def test_another_image_moves_the_view_and_keeps_the_place(widget: Recorded) -> None:
    widget.layer, widget.channels = "second", [2]
    widget.sent.clear()
    other = image_tensor() * 0.5
    widget.image = other
    together = [names for names in widget.updates() if "generation" in names]
    assert together == [{"generation", "seen", "picture", "overview", "frame"}], (
        "one message: nothing can tear; what is the same for both images is not sent again"
    )
    assert widget.generation == unpack(widget.frame).key.generation == 2
    assert (widget.layer, widget.channels) == ("second", [2])
    assert widget.image is other
    model = widget.inspection.model
    assert isinstance(model, TwoConvs)
    with torch.no_grad():
        assert torch.equal(widget.activation("second"), model.by_hand(other)["second"])


def test_an_image_that_cannot_be_shown_raises_and_changes_nothing(widget: Recorded) -> None:
    before, image = (widget.frame, widget.metadata), widget.image
    for wrong in (image_tensor(channels=4), "no such file.png", None):
        with pytest.raises((ForwardError, ValueError, TypeError, OSError)):
            widget.image = wrong
        assert (widget.frame, widget.metadata) == before
        assert widget.image is image
    widget.layer = "second"
    assert unpack(widget.frame).key.layer == "second"


def test_refresh_after_a_training_step_shows_the_new_weights(widget: Recorded) -> None:
    model = widget.inspection.model
    widget.view = FILTERS
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    old = unpack(widget.frame).bounds
    widget.refresh()
    assert (unpack(widget.frame).bounds == 2 * old).all()


class Interrupt:
    """Interrupts the program at the nth line of the widget's file that is run."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.raised = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if (
            not frame.f_code.co_filename.endswith("widget.py")
            or "cnnvis" not in frame.f_code.co_filename
        ):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.raised = True
                raise KeyboardInterrupt
        return self


def test_a_look_interrupted_at_any_line_leaves_the_old_one_or_the_new_one_whole() -> None:
    torch.manual_seed(0)
    widget = Recorded(TwoConvs(), image_tensor())
    widget.layer, widget.channels = "second", [2]
    images = [image_tensor(), image_tensor() * 0.5]
    widget.image = images[0]

    def state() -> tuple[Any, ...]:
        names = ("metadata", "seen", "picture", "frame", "problem", "layer", "channels", "progress")
        return (widget.image, widget.inspection, *(getattr(widget, name) for name in names))

    at = 0
    while True:
        at += 1
        assert at < 500
        before, other = state(), images[at % 2]
        interrupt, tracer = Interrupt(at), sys.gettrace()
        gc.disable()  # other tests' widgets close themselves when they are collected
        sys.settrace(interrupt)
        try:
            widget.image = other
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(tracer)
            gc.enable()
        after = state()
        if widget.inspection is before[1]:
            assert all(a is b or a == b for a, b in zip(after, before, strict=True)), at
        else:
            assert widget.image is other, at
        key = unpack(widget.frame).key
        assert key.generation == widget.generation, at
        assert (key.layer, widget.layer, widget.channels) == ("second", "second", [2]), at
        if not interrupt.raised:
            break
        widget.layer = "first"  # and the widget goes on
        assert unpack(widget.frame).key.layer == "first", at
        widget.layer, widget.channels = "second", [2]
    assert at > 40
    widget.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError("CUDA error")])
def test_an_error_of_any_kind_in_a_look_changes_nothing(
    widget: Recorded, error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, image = (widget.frame, widget.metadata, widget.picture), widget.image
    model = widget.inspection.model

    def fails(*_: Any) -> None:
        raise error

    handle = model.get_submodule("second").register_forward_hook(fails)
    with pytest.raises(BaseException):  # noqa: B017, PT011
        widget.image = image_tensor() * 2
    handle.remove()
    with monkeypatch.context() as patch:
        patch.setattr("cnnvis.widget.describe", fails)
        vars(model)["other"] = 1  # so that its layers are described anew
        with pytest.raises(BaseException):  # noqa: B017, PT011
            widget.image = image_tensor() * 2
        del vars(model)["other"]
    assert (widget.frame, widget.metadata, widget.picture) == before
    assert widget.image is image
    assert widget.problem == ""
    widget.image = image_tensor() * 2
    assert unpack(widget.frame).key.generation == widget.generation


@pytest.mark.parametrize("name", ["seen", "picture", "overview", "remarks"])
def test_what_goes_wrong_around_the_frame_is_said_beside_it(
    widget: Recorded, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(f"cnnvis.widget.{name}", fails)
        widget.image = image_tensor() * 2
    assert unpack(widget.frame).key.generation == widget.generation == 2
    assert widget.problem == "no room"
    widget.image = image_tensor() * 3
    assert widget.problem == ""
    assert unpack(widget.overview).key.generation == 3


def test_the_frame_comes_first_and_the_rest_once_the_kernel_has_time(widget: Recorded) -> None:
    rest = {"seen", "picture", "overview"}

    async def cell() -> None:
        widget.image = image_tensor() * 2
        assert widget.updates() == [{"generation", "frame"}]
        await asyncio.sleep(0)
        assert widget.updates()[1:] == [rest]
        assert unpack(widget.overview).key.generation == 2
        # in a loop the last one is told of
        widget.sent.clear()
        for factor in (3, 4, 5):
            widget.image = image_tensor() * factor
        await asyncio.sleep(0)
        assert widget.updates() == [{"generation", "frame"}] * 3 + [rest]
        assert unpack(widget.overview).key.generation == widget.generation == 5

    asyncio.run(cell())


def test_the_rest_is_not_left_behind_for_long(
    widget: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnvis.widget._PATIENCE", 0)

    async def cell() -> None:
        for factor in (2, 3):
            widget.image = image_tensor() * factor
        assert unpack(widget.overview).key.generation == 3, "without the loop being free"

    asyncio.run(cell())


def test_what_is_stored_of_a_widget_is_all_of_one_look(widget: Recorded) -> None:
    async def cell() -> None:
        widget.image = image_tensor() * 2
        assert unpack(widget.overview).key.generation == 1
        state = widget.get_state()
        assert unpack(state["overview"]).key.generation == state["generation"] == 2

    asyncio.run(cell())


def test_a_closed_widget_is_not_come_back_to() -> None:
    async def cell() -> None:
        widget = Recorded(TwoConvs(), image_tensor())
        widget.close()
        widget.sent.clear()
        await asyncio.sleep(0)
        assert widget.sent == []

    asyncio.run(cell())


def test_an_interrupt_while_a_layer_is_picked_shows_nothing_under_a_wrong_name(
    widget: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(widget.inspection), "frame", interrupted)
        with pytest.raises(KeyboardInterrupt):
            widget.layer = "second"
    assert widget.frame == b""
    assert "w.refresh() looks again" in widget.problem
    widget.refresh()
    assert unpack(widget.frame).key.layer == "second"
    assert widget.problem == ""


class Slow(nn.Module):
    """Ten convolutions that take a while each."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(10)))
        self.seconds = seconds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in self.convs:
            time.sleep(self.seconds)
            x = conv(x)
        return x


def test_a_slow_look_says_how_far_it_is_ten_times_a_second_at_most() -> None:
    model = Slow(0)
    widget = Recorded(model, image_tensor())
    model.seconds = 0.045
    start = time.monotonic()
    widget.refresh()
    seconds = time.monotonic() - start
    said = [m["state"]["progress"] for m, _ in widget.sent if "progress" in m.get("state", {})]
    assert said[-1] == widget.progress == -1
    shares = said[:-1]
    assert 2 <= len(shares) <= seconds / 0.1
    assert shares == sorted(set(shares))
    assert 0 < shares[0] < shares[-1] <= 1
    widget.close()


def test_a_quick_look_says_nothing_and_a_failed_one_ends_what_it_said(widget: Recorded) -> None:
    widget.refresh()
    assert not any("progress" in m.get("state", {}) for m, _ in widget.sent)
    slow = Recorded(Slow(0.04), image_tensor())
    with pytest.raises(ForwardError):
        slow.image = image_tensor(channels=2)
    assert slow.progress == -1
    slow.close()


def test_a_connection_that_is_lost_ends_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Slow(0)
    widget = Recorded(model, image_tensor())
    model.seconds = 0.03

    def lost(change: Any) -> None:
        if change["new"] >= 0:
            raise ConnectionError("no page")

    widget.observe(lost, "progress")
    widget.refresh()
    assert unpack(widget.frame).key.generation == 2
    widget.close()


def test_a_first_look_that_takes_long_says_so_in_one_line_and_erases_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    CNNVisWidget(Slow(0.01), image_tensor()).close()
    assert capsys.readouterr() == ("", ""), "within a second nobody wonders"
    monkeypatch.setattr("cnnvis.progress._PATIENCE", 0.1)
    CNNVisWidget(Slow(0.04), image_tensor()).close()
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"\rcnnvis: \d+ of 10 layers ran", err)
    assert "\n" not in err
    *_, last, end = err.split("\r")
    assert (last.strip(), end) == ("", ""), "written over with spaces"
    assert len(last) == max(map(len, err.split("\r")))


def test_threads_that_look_and_pick_at_once_never_mix_what_they_show() -> None:
    torch.manual_seed(0)
    model = Shared()
    widget = Recorded(model, image_tensor(batch=2))
    layers = ["conv", "unused"]
    problems: list[BaseException] = []

    def looks() -> None:
        for i in range(15):
            widget.image = image_tensor(batch=2) * (i + 1)

    def picks(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(60):
            widget.from_page(layer=chance.choice(layers), channels=[], call=0)
            widget.from_page(call=chance.randrange(3), batch_index=chance.randrange(2))
            widget.layer = chance.choice(layers)
            with contextlib.suppress(traitlets.TraitError):  # another thread took the layer away
                widget.call = 2
            widget.view = chance.choice(["feature_maps", FILTERS])

    def caught(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            problems.append(error)

    works: list[Callable[[], None]] = [looks, lambda: picks(1), lambda: picks(2)]
    threads = [threading.Thread(target=caught, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []

    # what a page that got these messages has shown
    page: dict[str, Any] = {}
    for message, buffers in widget.sent:
        if message["method"] not in ("update", "echo_update"):  # an echo is what a page wrote
            continue
        page.update(message["state"])
        page.update({path[0]: b for path, b in zip(message["buffer_paths"], buffers, strict=True)})
        if page.get("frame") and "generation" in page:
            generation = unpack(bytes(page["frame"])).key.generation
            assert generation == page["generation"], "a frame of another look"
    assert page["generation"] == 16
    for name in ("layer", "view", "call", "batch_index"):
        assert page[name] == getattr(widget, name)
    maps = widget.view == "feature_maps"
    which = (widget.call, widget.batch_index) if maps else (0, 0)
    if widget.frame:
        key = unpack(widget.frame).key
        assert (key.layer, key.view, key.call, key.image) == (widget.layer, widget.view, *which)
    else:
        assert (widget.layer, maps) == ("unused", True)
    widget.close()


def test_a_shown_layer_that_has_left_the_model_gives_way_to_the_first() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1))
    widget = Recorded(model, image_tensor())
    widget.layer, widget.channels = "1", [4]
    model.pop(1)
    widget.refresh()
    assert (widget.layer, widget.channels, widget.problem) == ("0", [], "")
    assert unpack(widget.frame).key.layer == "0"
    widget.close()


def test_an_error_in_the_shown_layer_is_a_banner_and_the_widget_goes_on() -> None:
    widget = Recorded(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), image_tensor(), layers="all")
    widget.layer = "1"
    widget.from_page(view="filters")
    assert widget.problem == "layer '1' is a ReLU, which has no filters"
    assert widget.frame == b""
    widget.from_page(view="feature_maps")
    assert widget.problem == ""
    assert unpack(widget.frame).shape == (4, 1, 32, 32)
    widget.close()


def test_a_layer_that_never_ran_is_no_error_and_has_filters() -> None:
    widget = Recorded(Shared(), image_tensor())
    widget.from_page(layer="unused")
    assert (widget.frame, widget.problem) == (b"", "")
    widget.from_page(view="filters")
    assert unpack(widget.frame).shape == (3, 3, 1, 1)
    widget.close()


@pytest.mark.parametrize(
    ("model", "image", "error", "text"),
    [
        ("resnet18", image_tensor(), TypeError, "Module"),
        (nn.Sequential(nn.Linear(2, 2)), image_tensor(), ValueError, "Sequential has no convolution"),
        (TwoConvs(), "no/such/cat.jpg", ValueError, "no/such/cat.jpg"),
        (TwoConvs(), image_tensor(channels=1), ForwardError, "to have 3 channels, but got 1"),
        (Failing(), image_tensor(), ForwardError, "no second half today"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error_and_leaves_no_widget(
    model: Any, image: Any, error: type[Exception], text: str
) -> None:
    before = fingerprint(model) if isinstance(model, nn.Module) else None
    with pytest.raises(error, match=text):
        CNNVisWidget(model, image)
    if before is not None:
        assert same(before, fingerprint(model))


def test_closing_lets_go_of_everything_and_says_so_afterwards() -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)
    model = TwoConvs()
    widget = CNNVisWidget(model, image_tensor())
    gone = weakref.ref(model)
    assert repr(widget) == "CNNVisWidget(TwoConvs, layer='first', view='feature_maps')"
    widget.close()
    widget.close()
    assert repr(widget) == "CNNVisWidget(closed)"
    assert set(registry) == before, "the layout too"
    with pytest.raises(RuntimeError, match="CNNVisWidget is closed; make a new one"):
        widget.refresh()
    del model
    gc.collect()
    assert gone() is None


def test_a_model_keeps_no_widget_alive() -> None:
    model = TwoConvs()
    widget = CNNVisWidget(model, image_tensor())
    widget.layer = "second"
    widget.refresh()
    gone, look = weakref.ref(widget), weakref.ref(widget.inspection)
    widget.close()
    del widget
    gc.collect()
    assert gone() is None
    assert look() is None
    model(image_tensor())


def test_two_hundred_widgets_leave_nothing_behind() -> None:
    def census() -> tuple[int, int, int]:
        gc.collect()
        kinds = [type(each) for each in gc.get_objects()]
        layouts = sum(issubclass(kind, ipywidgets.Layout) for kind in kinds)
        # a widget's class is made anew for each, by traitlets
        classes = sum(kind.__name__ == "CNNVisWidget" for kind in kinds)
        return len(ipywidgets.widgets.widget._instances), layouts, classes

    model, x = TwoConvs(), image_tensor(8)
    CNNVisWidget(model, x).close()
    before = census()
    for _ in range(200):
        CNNVisWidget(model, x).close()
    assert census() == before


def test_a_widget_that_could_not_be_made_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = ipywidgets.widgets.widget._instances
    before = set(registry)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnvis.widget.describe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        CNNVisWidget(TwoConvs(), image_tensor())
    assert set(registry) == before


MEMORY = """
import gc, sys, torch
from cnnvis import CNNVisWidget
from nets import TwoConvs, image_tensor

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

warm, looks, leaks = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "leak"
images = [image_tensor(64, batch=2) * scale for scale in (1.0, 0.5, 2.0)]
widget = CNNVisWidget(TwoConvs(), images[0])
at, sizes, kept = [], [], []
for i in range(warm + looks):
    widget.image = images[i % 3]
    widget.layer = ("first", "second")[i % 2]
    widget.batch_index = i % 2
    if leaks:
        kept.append(widget.inspection)
    if i >= warm and i % 5 == 0:
        gc.collect()
        at.append(i)
        sizes.append(resident())
x = torch.tensor(at, dtype=torch.float64)
y = torch.tensor(sizes, dtype=torch.float64)
slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
print(float(slope))
widget.close()
"""


def growth(looks: int, how: str = "") -> float:
    """By how many bytes a process grows with each look, by regression over all but the first 50."""
    folder = str(Path(__file__).parent)
    paths = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, "50", str(looks), how],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
def test_looking_again_and_again_takes_no_more_memory() -> None:
    """`CNNVIS_LOOKS=1000` makes it surer, and slower."""
    assert growth(100, "leak") > 100_000, "a look that is kept is seen"
    slope = growth(int(os.environ.get("CNNVIS_LOOKS", "300")))
    assert abs(slope) < 10_000, f"{slope:.0f} bytes a look"


def test_where_no_widget_is_shown_there_are_a_picture_and_words() -> None:
    w = CNNVisWidget(TwoConvs(), image_tensor(48))
    data, _ = w._repr_mimebundle_()
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json",
        "image/png",
        "text/plain",
    }
    content = base64.b64decode(data["image/png"])
    assert len(content) < 60_000
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    colors = picture.getcolors(1 << 24)
    assert colors is not None
    assert len(colors) > 40
    assert "layer='first'" in data["text/plain"]
    assert "2 of 2 layers ran on (1, 3, 48, 48)" in data["text/plain"]
    w.layer = "second"
    again, _ = w._repr_mimebundle_()
    assert again["image/png"] != data["image/png"]
    w.close()


def test_a_picture_that_cannot_be_drawn_keeps_nobody_from_the_widget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = CNNVisWidget(TwoConvs(), image_tensor(48))

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(CNNVisWidget, "figure", fail)
    data, _ = w._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    w.close()


def test_a_static_widget_brings_its_page_along() -> None:
    w = CNNVisWidget(TwoConvs(), image_tensor(48), static=True, height=400)
    w.layer = "second"
    data, _ = w._repr_mimebundle_()
    page = data["text/html"]
    assert page.startswith('<iframe sandbox="allow-scripts" style="width: 100%; height: 400px')
    (inner,) = re.findall(r'srcdoc="([^"]*)"', page)
    assert '"layer":"second"' in html.unescape(inner)
    assert len(page) < 2_700_000
    w.close()


def test_a_static_picture_shows_what_the_view_shows(tmp_path: Path) -> None:
    w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
    w.colormap, w.scale, w.limits, w.pinned = "gray", "limits", [0, 0.5], [2, 0]
    expected = w.inspection.figure(
        "first", colormap="gray", scale="limits", limits=(0, 0.5), pinned=(2, 0), density=2
    )
    assert w.save_png(tmp_path / "first.png") == tmp_path / "first.png"
    assert np.array_equal(np.asarray(Image.open(tmp_path / "first.png")), np.asarray(expected))
    # of another layer what was picked means nothing
    w.save_png(tmp_path / "second.png", "second", "filters", density=1, width=500)
    expected = w.inspection.figure(
        "second", "filters", colormap="gray", scale="limits", limits=(0, 0.5), width=500
    )
    assert np.array_equal(np.asarray(Image.open(tmp_path / "second.png")), np.asarray(expected))
    with pytest.raises(FileNotFoundError):
        w.save_png(tmp_path / "nowhere" / "first.png")
    w.close()


def test_what_a_notebook_stores_stays_small_and_the_page_gets_the_whole() -> None:
    torch.manual_seed(0)
    widget = Recorded(nn.Sequential(nn.Conv2d(3, 512, 1), nn.Conv2d(512, 512, 3)), image_tensor(8))
    widget.layer, widget.view = "1", FILTERS
    stored = unpack(widget.frame)
    assert stored.metadata["stand_in"] == "1"
    assert (stored.shape, stored.factor > 1) == ((512, 512, 3, 3), True)
    assert len(json.dumps(widget._get_embed_state())) < 2_000_000
    answer, (content,) = widget.request(
        id="a", kind="whole", layer="1", view=FILTERS, call=0, image=0, generation=1
    )
    assert "error" not in answer
    whole = unpack(bytes(content))
    assert (whole.key, whole.factor, "stand_in" in whole.metadata) == (stored.key, 1, False)
    widget.view = "feature_maps"
    assert "stand_in" not in unpack(widget.frame).metadata, "what fits is stored as it is shown"
    widget.close()


def test_embedding_keeps_the_defaults_that_the_page_has_not(widget: Recorded) -> None:
    state = widget.get_state(drop_defaults=True)
    assert state["_view_name"] == "AnyView"
    assert set(state) == set(widget.keys)


def test_only_a_notebook_of_jupyter_gets_a_second_picture(
    widget: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published: list[str] = []
    monkeypatch.setattr("cnnvis.fallback.publish", published.append)
    for session in ("", "/a/b-jvsc-1.ipynb", "/a/console-1"):
        monkeypatch.setenv("JPY_SESSION_NAME", session)
        widget._repr_mimebundle_()
    assert published == []
    monkeypatch.setenv("JPY_SESSION_NAME", "/a/b.ipynb")
    data, _ = widget._repr_mimebundle_()
    assert published == [data["image/png"]]
    assert len(data["image/png"]) < 80_000


def test_the_first_widgets_of_a_cell_get_a_second_picture_each_time_it_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = SimpleNamespace(execution_count=1)
    shown: list[Any] = []
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    for execution_count in (1, 2):
        shell.execution_count = execution_count
        shown.clear()
        for _ in range(50):
            fallback.publish("AAAA")
        assert len(shown) == 8


def test_the_stages_of_a_look_are_noted_where_that_is_asked_for(widget: Recorded) -> None:
    widget.from_page(layer="second")
    assert widget.spent == {}
    widget.timing = True
    widget.sent.clear()
    begun = time.time() * 1e3
    widget.from_page(layer="first")
    ended = time.time() * 1e3
    assert set(widget.spent["stages"]) == {"quantize", "pack"}
    assert begun - 1 <= widget.spent["started"] <= widget.spent["sent"] <= ended + 1
    spent = sum(widget.spent["stages"].values())
    assert 0 < spent <= widget.spent["sent"] - widget.spent["started"] + 1
    # with its frame, in one update
    assert any({"frame", "spent"} <= names for names in widget.updates())
    widget.image = image_tensor() * 2
    assert {"hook", "forward", "quantize", "pack"} == set(widget.spent["stages"])
    widget.timing = False
    assert widget.spent == {}
    widget.layer = "second"
    assert widget.spent == {}
