"""The live view's kernel side: what it sends, and what it takes from the page."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest
import torch
import traitlets
from nets import Failing, TwoConvs, fingerprint, image_tensor, same
from torch import nn

from cnnvis import CNNVisWidget, ForwardError
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
    assert frame.key.generation == widget.metadata["generation"] == 1
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
        {"scale": None}, {"sort": ["index"]},
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
    together = [names for names in widget.updates() if "metadata" in names]
    assert together == [{"metadata", "seen", "picture", "frame"}], "one message: nothing can tear"
    assert widget.metadata["generation"] == unpack(widget.frame).key.generation == 2
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
    class Skips(TwoConvs):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.first(x)

    widget = Recorded(Skips(), image_tensor())
    widget.from_page(layer="second")
    assert widget.problem == "layer 'second' has no call 0: it never ran for this input"
    assert widget.frame == b""
    widget.from_page(view="filters")
    assert widget.problem == ""
    assert unpack(widget.frame).shape == (6, 2, 3, 3)
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
