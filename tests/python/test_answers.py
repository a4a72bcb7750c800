"""What the kernel answers: exact values of every dtype, and a refusal by name for all else."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnvis import inspect
from cnnvis.answers import MAX_VALUES, answer
from cnnvis.frame import FEATURE_MAPS, FILTERS, unpack
from cnnvis.inspection import Inspection

torch.manual_seed(0)
LOOK = inspect(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, (2, 3))), torch.rand(2, 3, 12, 9))


def request(**more: Any) -> dict[str, Any]:
    whole = {"layer": "0", "view": FEATURE_MAPS, "call": 0, "image": 0, "channel": 0, "plane": 0}
    return {"kind": "values", "generation": 5, **whole, "rows": [0, 2], "columns": [0, 3], **more}


def values(look: Inspection, message: dict[str, Any], generation: int = 5) -> Tensor:
    packed = answer(look, message, generation)
    assert packed is not None
    loaded = safetensors.torch.load(packed)
    assert list(loaded) == ["values"]
    assert loaded["values"].dtype == torch.float64
    return loaded["values"]


class Given(nn.Module):
    """A layer that gives what it is told to."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.layer = nn.Identity()
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        out: Tensor = self.layer(self.output.clone())
        return out


DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype).removeprefix("torch."))
def test_values_of_every_dtype_are_the_models_own(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    output = (torch.randn(1, 2, 5, 7) * 50).abs().to(dtype)
    look = inspect(Given(output), torch.rand(1, 1, 5, 7), layers=["layer"])
    message = request(layer="layer", channel=1, rows=[1, 5], columns=[2, 7])
    exact = output[0, 1, 1:5, 2:7]
    exact = exact.abs() if exact.is_complex() else exact
    assert torch.equal(values(look, message), exact.double())


def test_values_that_are_not_finite_and_the_largest_cross_unchanged() -> None:
    odd = [torch.nan, torch.inf, -torch.inf, 3.4028234663852886e38, 1e-45, -0.0]
    output = torch.tensor(odd).reshape(1, 1, 2, 3)
    look = inspect(Given(output), torch.rand(1, 1, 2, 3), layers=["layer"])
    got = values(look, request(layer="layer"))
    assert torch.equal(got.nan_to_num(7), output[0, 0].double().nan_to_num(7))
    assert torch.equal(got.signbit()[1], output[0, 0].signbit()[1])


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_values_of_a_quantized_layer_are_dequantized() -> None:
    output = torch.quantize_per_tensor(torch.randn(1, 2, 4, 4), 0.1, 5, torch.quint8)
    look = inspect(Given(output), torch.rand(1, 1, 4, 4), layers=["layer"])
    got = values(look, request(layer="layer", rows=[0, 4], columns=[0, 4]))
    assert torch.equal(got, output.dequantize()[0, 0].double())


def test_an_answer_is_of_what_was_before_an_operation_in_place() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True))
    x = torch.rand(1, 1, 6, 6)
    before = model[0](x).detach()
    assert bool((before < 0).any())
    got = values(inspect(model, x), request(rows=[0, 4], columns=[0, 4]))
    assert torch.allclose(got, before[0, 0].double(), atol=1e-6)


@settings(max_examples=60)
@given(
    data=st.data(), layer=st.sampled_from(["0", "1"]), view=st.sampled_from([FEATURE_MAPS, FILTERS])
)
def test_every_part_of_every_tile_is_that_part(data: st.DataObject, layer: str, view: str) -> None:
    image = data.draw(st.integers(0, 1))
    whole = LOOK.filters(layer) if view == FILTERS else LOOK.activation(layer)[image][:, None]
    channels, planes, height, width = whole.shape
    channel, plane = data.draw(st.integers(0, channels - 1)), data.draw(st.integers(0, planes - 1))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    message = request(layer=layer, view=view, image=image, channel=channel, plane=plane)
    got = values(LOOK, {**message, "rows": [top, bottom], "columns": [left, right]})
    assert torch.equal(got, whole[channel, plane, top:bottom, left:right].double())


@settings(max_examples=80)
@given(
    which=st.sampled_from(["channel", "plane", "rows", "columns", "image", "call"]),
    far=st.integers(-(2**40), 2**40).filter(lambda n: not 0 <= n < 12),
    length=st.integers(-3, 3),
)
def test_a_part_that_is_not_there_is_refused(which: str, far: int, length: int) -> None:
    change: Any = [far, far + length] if which in ("rows", "columns") else far
    with pytest.raises(ValueError, match=r"\d"):
        answer(LOOK, request(**{which: change}), 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": [0, 11]}, "rows 0 to 9, asked for 0 to 10"),
        ({"columns": [3, 3]}, "columns 0 to 6"),
        ({"channel": 4}, "channels 0 to 3, asked for 4"),
        ({"plane": 1}, "planes 0 to 0"),
        ({"layer": "none"}, "there is no layer 'none'"),
        ({"view": "x-ray"}, "view 'x-ray' is unknown"),
        ({"kind": "song"}, "unknown request 'song'"),
        ({"generation": 4}, "looked at anew"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_refusal_says_what_there_is(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answer(LOOK, request(**change), 5)


@pytest.mark.parametrize("missing", ["layer", "view", "channel", "plane", "rows", "columns"])
def test_a_request_that_lacks_a_part_is_refused(missing: str) -> None:
    message = request()
    del message[missing]
    with pytest.raises(KeyError, match=missing):
        answer(LOOK, message, 5)


def test_no_answer_has_more_values_than_may_go_at_once() -> None:
    side = 600
    look = inspect(Given(torch.zeros(1, 1, side, side)), torch.rand(1, 1, 2, 2), layers=["layer"])
    rows = MAX_VALUES // side
    most = request(layer="layer", rows=[0, rows], columns=[0, side])
    assert values(look, most).shape == (rows, side)
    with pytest.raises(ValueError, match=f"{rows + 1} x {side} values at once"):
        answer(look, {**most, "rows": [0, rows + 1]}, 5)


def test_a_ping_is_answered_with_nothing_and_a_detail_with_a_frame() -> None:
    assert answer(LOOK, {"kind": "ping"}, 5) is None
    packed = answer(LOOK, {**request(kind="detail"), "channels": [2, 0]}, 5)
    assert packed is not None
    frame = unpack(packed)
    assert frame.channels.tolist() == [2, 0]
    assert frame.key.generation == 5


def test_what_is_fetched_ahead_is_the_whole_frame_and_never_runs_the_model() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3))
    look = inspect(model, torch.rand(1, 3, 12, 9))
    ran: list[Any] = []
    model.register_forward_hook(lambda *given: ran.append(given))
    for view in (FEATURE_MAPS, FILTERS):
        message = request(kind="ahead", layer="1", view=view)
        found, whole = (answer(look, {**message, "kind": kind}, 5) for kind in ("ahead", "whole"))
        assert found is not None
        assert whole is not None
        assert unpack(found).key == unpack(whole).key
        assert (unpack(found).codes == unpack(whole).codes).all()
    # neither values nor codes are kept of what takes more than there is room for
    forgetful = inspect(model, torch.rand(1, 3, 12, 9), memory_mb=0)
    forgetful._look._coded.clear()
    ran.clear()
    assert answer(forgetful, request(kind="ahead", layer="1"), 5) is None
    assert ran == []
    assert answer(forgetful, request(kind="ahead", layer="1", view=FILTERS), 5)
    with pytest.raises(ValueError, match="no layer 'gone'"):
        answer(look, request(kind="ahead", layer="gone"), 5)
