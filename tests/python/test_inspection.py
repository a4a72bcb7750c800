"""All that is known of one look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from nets import Shared, TwoConvs, fingerprint, image_tensor, same
from torch import Tensor, nn

from cnnvis import ForwardError, inspect
from cnnvis.describe import describe
from cnnvis.frame import FEATURE_MAPS, FILTERS, unpack
from cnnvis.layers import find_layers
from cnnvis.quantize import dequantize


def test_layers_come_in_the_order_in_which_they_ran() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Conv2d(4, 2, 1)
            self.never = nn.Conv2d(9, 9, 1)
            self.first = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x))

    look = inspect(Backwards().eval(), image_tensor())
    assert [run.name for run in look.layers] == ["first", "last", "never"]
    assert [run.ran for run in look.layers] == [True, True, False]
    assert look.layers[0].output_shapes == ((1, 4, 32, 32),)
    assert [n.kind for n in look.notes if n.layer == "never"] == ["never ran"]


def test_activation_is_exact_and_a_copy() -> None:
    model, x = TwoConvs(), image_tensor()
    look = inspect(model, x)
    with torch.no_grad():
        expected = model.by_hand(x)["first"]
    got = look.activation("first")
    assert torch.equal(got, expected)
    got.zero_()
    assert torch.equal(look.activation("first"), expected)


def test_what_does_not_fit_the_memory_is_computed_again() -> None:
    model, x = TwoConvs(), image_tensor()
    look, full = inspect(model, x, memory_mb=0), inspect(model, x)
    for name in ("first", "second"):
        assert torch.equal(look.activation(name), full.activation(name))
        assert unpack(look.frame(name)).codes.tolist() == unpack(full.frame(name)).codes.tolist()


def test_a_model_that_writes_into_its_input_changes_neither_it_nor_a_second_look() -> None:
    class Scales(TwoConvs):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.mul_(2))

    model, x = Scales(), image_tensor()
    with torch.no_grad():
        expected = model.by_hand(x * 2)["first"]
    for inputs in (x, (x,), {"x": x}):
        look = inspect(model, inputs=inputs, memory_mb=0)
        for _ in range(2):
            assert torch.equal(look.activation("first"), expected)
    assert torch.equal(x, image_tensor())


def test_an_output_that_could_not_be_copied_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(buffers: object, output: Tensor) -> Tensor:
        raise MemoryError("no room")

    monkeypatch.setattr("cnnvis.buffers.Buffers.copy", full)
    look = inspect(TwoConvs(), image_tensor())
    with pytest.raises(ValueError, match="layer 'first' ran but could not be taken: MemoryError"):
        look.frame("first")
    assert "not taken" in [note.kind for note in look.notes]


def test_every_call_of_a_shared_layer_can_be_had() -> None:
    model, x = Shared(), image_tensor()
    look = inspect(model, x)
    with torch.no_grad():
        for call in range(3):
            x = nn.functional.conv2d(x, model.conv.weight, model.conv.bias, padding=1)
            assert torch.equal(look.activation("conv", call), x)
    assert look.layer("conv").calls == 3
    with pytest.raises(ValueError, match="layer 'conv' has no call 3: it ran 3 times"):
        look.activation("conv", 3)
    with pytest.raises(
        ValueError, match="layer 'unused' has no call 0: it never ran for this input"
    ):
        look.activation("unused")


def test_multiply_adds_are_those_torchvision_publishes() -> None:
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    look = inspect(torchvision.models.resnet18(weights=None), torch.zeros(1, 3, 224, 224))
    convs = sum(run.macs or 0 for run in look.layers)
    linear = 512 * 1000
    assert (convs + linear) / 1e9 == pytest.approx(weights.meta["_ops"], abs=1e-3)


def test_a_frame_of_feature_maps_is_the_activation() -> None:
    model, x = TwoConvs(), image_tensor(batch=2)
    look = inspect(model, x)
    for image in range(2):
        frame = unpack(look.frame("first", FEATURE_MAPS, image=image))
        exact = look.activation("first")[image].double()
        back = dequantize(torch.from_numpy(frame.codes), torch.from_numpy(frame.bounds))
        span = torch.from_numpy(frame.bounds[:, 1] - frame.bounds[:, 0]).double()
        assert ((back - exact).abs().amax((1, 2)) <= span / 508 * (1 + 1e-6)).all()
        assert frame.key.image == image


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Conv1d(2, 3, 5), torch.rand(1, 2, 20)),
        (nn.Conv2d(4, 6, (3, 2), groups=2), torch.rand(1, 4, 9, 8)),
        (nn.Conv3d(1, 2, (2, 3, 4)), torch.rand(1, 1, 5, 6, 7)),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), torch.rand(1, 4, 5, 5)),
    ],
)
def test_each_dimension_becomes_tiles(layer: nn.Module, x: Tensor) -> None:
    model = nn.Sequential(layer)
    look = inspect(model, inputs=x)
    exact, weights = look.activation("0")[0], look.filters("0")
    frame = unpack(look.frame("0", FEATURE_MAPS))
    assert frame.shape[0] == exact.shape[0]
    assert int(np.prod(frame.shape)) == exact.numel()
    assert frame.codes.shape[1:] == (frame.shape[1] * frame.shape[2], frame.shape[3])
    kernels = unpack(look.frame("0", FILTERS))
    assert kernels.shape[0] == weights.shape[0]
    assert int(np.prod(kernels.shape)) == weights.numel()
    back = dequantize(torch.from_numpy(kernels.codes), torch.from_numpy(kernels.bounds))
    error = (back.flatten(1) - weights.flatten(1).double()).abs()
    assert (error <= torch.from_numpy(kernels.bounds[:, 1:]).double() / 254 * (1 + 1e-6)).all()


def test_predictions_are_the_softmax_with_labels() -> None:
    model, x = TwoConvs(), image_tensor()
    look = inspect(model, x, labels=list("abcde"))
    expected = look.output[0].double().softmax(0)
    top = look.predictions(2)
    assert [p.index for p in top] == expected.topk(2).indices.tolist()
    assert top[0].label == "abcde"[top[0].index]
    assert top[0].probability == pytest.approx(float(expected.max()))
    assert inspect(model, x).predictions(1)[0].label == f"class {top[0].index}"
    wrong = inspect(model, x, labels=["a", "b"])
    assert wrong.predictions(1)[0].label == f"class {top[0].index}"
    (note,) = [note for note in wrong.notes if note.kind == "labels"]
    assert "labels= has 2 names and the model gives 5 scores" in note.text
    assert inspect(Shared(), x).predictions() == [], "its output is no table of class scores"


def test_which_layers_is_up_to_the_person() -> None:
    model, x = TwoConvs(), image_tensor()

    def names(choice: Any) -> list[str]:
        return [run.name for run in inspect(model, x, layers=choice).layers]

    assert names(None) == ["first", "second"]
    assert names("all") == ["first", "relu", "second", "head"]
    assert names(["second"]) == ["second"]
    assert names(lambda layer: layer.kind == "linear") == ["head"]
    for choice in ("all", ["head"]):
        look = inspect(model, x, layers=choice)
        for run in look.layers:
            assert unpack(look.frame(run.name)).shape[0] == run.output_shapes[0][1]


def test_looking_leaves_the_model_in_training_mode_and_says_so() -> None:
    model = TwoConvs().train()
    before = fingerprint(model)
    look = inspect(model, image_tensor())
    assert same(before, fingerprint(model))
    assert "train mode" in [note.kind for note in look.notes]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_a_model_in_another_precision_gets_its_input_in_it(dtype: torch.dtype) -> None:
    look = inspect(TwoConvs().to(dtype), image_tensor())
    assert look.activation("first").dtype == dtype
    assert unpack(look.frame("first")).shape == (4, 1, 16, 16)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_first_convolution_decides_how_many_channels_the_image_gets(channels: int) -> None:
    from PIL import Image

    model = nn.Sequential(nn.Conv2d(channels, 2, 3))
    look = inspect(model, Image.new("RGB", (300, 280), "teal"))
    assert look.input_shapes == [(1, channels, 224, 224)]
    assert "224" in look.preprocessing


def test_a_transform_for_a_model_of_one_channel_gets_a_gray_picture() -> None:
    from PIL import Image

    modes: list[str] = []

    def transform(picture: Image.Image) -> Tensor:
        modes.append(picture.mode)
        return torch.zeros(len(picture.getbands()), 8, 8)

    model = nn.Sequential(nn.Conv2d(1, 2, 3))
    inspect(model, Image.new("RGB", (9, 9), "teal"), transform=transform)
    assert modes == ["L"]


@pytest.mark.parametrize("memory_mb", [0, 10])
def test_values_that_are_not_finite_are_noted_whatever_is_kept(memory_mb: float) -> None:
    x = image_tensor()
    x[0, 0, 5, 5] = float("nan")
    look = inspect(TwoConvs(), x, memory_mb=memory_mb)
    count = int((~look.activation("first").isfinite()).sum())
    texts = [n.text for n in look.notes if (n.layer, n.kind) == ("first", "non-finite")]
    assert len(texts) == 1
    assert texts[0].startswith(f"{count} ")


class TestErrorsSayWhatToDo:
    def test_no_module(self) -> None:
        with pytest.raises(TypeError, match=r"Module.*str"):
            inspect("resnet18", image_tensor())  # type: ignore[arg-type]

    def test_no_convolution(self) -> None:
        with pytest.raises(
            ValueError,
            match=r'model Sequential has no convolution \(its layers are Linear\); pass layers="all"',
        ):
            inspect(nn.Sequential(nn.Linear(3, 2)), image_tensor())

    def test_no_image(self) -> None:
        with pytest.raises(TypeError, match="needs an image .* got neither"):
            inspect(TwoConvs())

    def test_unknown_layer(self) -> None:
        look = inspect(TwoConvs(), image_tensor())
        with pytest.raises(
            KeyError, match="layer 'secnd' is not one of the 2 layers .* nearest are 'second'"
        ):
            look.activation("secnd")
        with pytest.raises(ValueError, match="'secnd' is not one of the 4 layers"):
            inspect(TwoConvs(), image_tensor(), layers=["secnd"])
        with pytest.raises(ValueError, match="chose none of the 4 layers of TwoConvs"):
            inspect(TwoConvs(), image_tensor(), layers=lambda layer: False)
        with pytest.raises(ValueError, match="got 'convs'"):
            inspect(TwoConvs(), image_tensor(), layers="convs")

    def test_unknown_view(self) -> None:
        with pytest.raises(
            ValueError, match="view 'maps' is unknown; choose one of feature_maps, filters"
        ):
            inspect(TwoConvs(), image_tensor()).frame("first", "maps")

    def test_wrong_channels(self) -> None:
        with pytest.raises(
            ForwardError, match=r"expected input\[1, 4, 32, 32\] to have 3 channels"
        ) as e:
            inspect(TwoConvs(), image_tensor(channels=4))
        assert "none of its 2 layers had run" in str(e.value)
        assert "Check the input's shape and channels, or pass transform=" in str(e.value)

    def test_lazy_model(self) -> None:
        model = nn.Sequential(nn.LazyConv2d(4, 3))
        with pytest.raises(
            ValueError, match="lazy layers that are not initialized, .* run the model once"
        ):
            inspect(model, image_tensor(channels=2))
        assert model[0].in_channels == 0

    def test_meta_model(self) -> None:
        with torch.device("meta"):
            model = TwoConvs()
        with pytest.raises(ValueError, match="TwoConvs is on the meta device"):
            inspect(model, image_tensor())


def test_the_description_is_plain_json() -> None:
    import json

    model = nn.Sequential()
    model.add_module('</script>"\u2028', nn.Conv2d(3, 2, 3, padding="same"))
    model.add_module("lone \ud800", nn.Conv2d(2, 2, 1))
    described = describe(inspect(model, image_tensor()))
    text = json.dumps(described, allow_nan=False).encode()
    assert json.loads(text) == described
    assert [layer["name"] for layer in described["layers"]] == ['</script>"\u2028', "lone ?"]
    assert described["layers"][0]["padding"] == "same"
    assert described["layers"][0]["filters_shape"] == [2, 3, 3, 3]


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(4, 6, (3, 2), groups=2), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.Conv2d(4, 4, 1)]
)  # fmt: skip
def test_the_described_shape_of_the_filters_is_theirs(layer: nn.Module) -> None:
    look = inspect(nn.Sequential(layer, nn.ReLU()), image_tensor(channels=4), layers="all")
    first, second = describe(look)["layers"]
    assert first["filters_shape"] == list(look.filters("0").shape)
    assert second["filters_shape"] is None
    with pytest.raises(ValueError, match="layer '1' is a ReLU, which has no filters"):
        look.filters("1")


def test_find_layers_and_inspect_name_the_same_layers() -> None:
    model = torchvision.models.squeezenet1_1(weights=None)
    convs = [layer.name for layer in find_layers(model) if layer.kind == "conv"]
    assert sorted(convs) == sorted(run.name for run in inspect(model, image_tensor(64)).layers)
