"""Batches of every kind of image: the laws of `as_batch`, torchvision as the judge, its refusals."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, fails, photo
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.models import ResNet18_Weights

from cnnvis.image import Batch, ImageError, as_batch
from cnnvis.preprocessing import IMAGENET_MEAN, IMAGENET_STD

RECIPE = [tv.Resize(256), tv.CenterCrop(224), tv.ToTensor()]
IMAGENET = tv.Compose([*RECIPE, tv.Normalize(IMAGENET_MEAN, IMAGENET_STD)])


def well_formed(batch: Batch, n: int = 1, channels: int = 3) -> None:
    assert batch.tensor.shape[:2] == (n, channels)
    assert batch.tensor.is_floating_point()
    assert batch.tensor.isfinite().all()
    assert len(batch.pictures) == n
    for picture in batch.pictures:
        assert (picture.mode, picture.size) == ("RGB", tuple(batch.tensor.shape[:1:-1]))
    assert batch.preprocessing.endswith(".")
    assert all(note.endswith(".") for note in batch.notes)


# ---------------------------------------------------------------- the default recipe


@given(st.integers(1, 500), st.integers(1, 500))
@settings(max_examples=20)
def test_the_default_is_torchvisions_recipe(width: int, height: int) -> None:
    image = photo(width, height)
    batch = as_batch(image)
    torch.testing.assert_close(batch.tensor[0], IMAGENET(image), rtol=0, atol=1e-6)
    well_formed(batch)
    # the picture is the crop itself, to the last bit
    cropped = tv.Compose(RECIPE[:2])(image)
    assert np.array_equal(np.asarray(batch.pictures[0]), np.asarray(cropped))


def test_the_default_is_what_torchvisions_weights_ask_for() -> None:
    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    torch.testing.assert_close(as_batch(photo()).tensor[0], preset(photo()), rtol=0, atol=1e-6)


def test_the_sentence_says_the_recipe() -> None:
    batch = as_batch(photo())
    assert batch.preprocessing == (
        "The default: resized (bilinear) so that the shorter side is 256 pixels, cropped to the "
        "central 224 × 224, normalized with ImageNet's mean and standard deviation."
    )
    assert batch.notes == ()
    assert "shorter side is 128 pixels" in as_batch(photo(), size=112).preprocessing
    assert as_batch(photo(), size=112).tensor.shape == (1, 3, 112, 112)


def test_a_model_of_one_channel_sees_luma() -> None:
    batch = as_batch(photo(), channels=1)
    gray = tv.Compose([*RECIPE, tv.Normalize(0.5, 0.5)])(photo().convert("L"))
    torch.testing.assert_close(batch.tensor[0], gray, rtol=0, atol=1e-6)
    well_formed(batch, channels=1)
    assert batch.notes == ("The model takes one channel: the picture was turned to gray (luma).",)
    assert "mean 0.5 and standard deviation 0.5" in batch.preprocessing
    assert as_batch(photo().convert("L"), channels=1).notes == ()


def test_a_sliver_is_refused_instead_of_growing_to_gigabytes() -> None:
    fails(
        lambda: as_batch(Image.new("RGB", (1, 10_000))),
        ImageError, "must not be so narrow, received 1 × 10000", "256 × 2560000", "crop it",
    )  # fmt: skip


def test_a_gray_picture_is_repeated_for_three_channels() -> None:
    batch = as_batch(photo().convert("L"))
    raw = batch.tensor * torch.tensor(IMAGENET_STD).view(3, 1, 1)
    raw = raw + torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    torch.testing.assert_close(raw[:, 0], raw[:, 2])
    assert "repeated" in batch.notes[0]


def test_every_form_of_a_picture_gives_the_same_batch(tmp_path: Path) -> None:
    content = encoded(photo(), "PNG")
    path = tmp_path / "a photo.png"
    path.write_bytes(content)
    expected = as_batch(photo())
    for form in (path, content, io.BytesIO(content), Image.open(path), np.asarray(photo())):
        batch = as_batch(form)
        well_formed(batch)
        assert torch.equal(batch.tensor, expected.tensor), type(form)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "I", "F", "P", "RGBA", "CMYK", "HSV"])
def test_every_mode_fits_models_of_one_and_of_three_channels(mode: str, channels: int) -> None:
    well_formed(
        as_batch(photo(64, 48).convert(mode), channels=channels, size=42), channels=channels
    )


def test_notes_of_the_picture_and_of_the_model_are_both_kept() -> None:
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    laid, gray = as_batch(clear, channels=1).notes
    assert laid == "Transparent parts were laid on white."
    assert gray.endswith("turned to gray (luma).")


# ---------------------------------------------------------------- tensors


@pytest.mark.parametrize("shape", [(20, 30), (1, 20, 30), (2, 1, 20, 30)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_tensor_is_taken_as_it_is(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = torch.rand(shape).to(dtype)
    batch = as_batch(tensor, channels=1)
    assert batch.tensor.dtype == dtype
    assert torch.equal(batch.tensor.reshape(shape), tensor)
    well_formed(batch, n=2 if len(shape) == 4 else 1, channels=1)
    assert "taken as it is, without preprocessing" in batch.preprocessing


@pytest.mark.parametrize("channels", [1, 2, 4, 12, None])
def test_a_tensor_may_have_any_number_of_channels(channels: int | None) -> None:
    batch = as_batch(torch.rand(2, channels or 5, 8, 9), channels=channels)
    well_formed(batch, n=2, channels=channels or 5)
    assert any("the picture shows the first" in n for n in batch.notes) == (channels != 1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_integer_tensors_become_float_unscaled_with_a_note(dtype: torch.dtype) -> None:
    tensor = torch.randint(0, 2, (3, 8, 8)).to(dtype)
    batch = as_batch(tensor)
    assert torch.equal(batch.tensor, tensor[None].float())
    assert "converted to float32; its values are not scaled" in batch.notes[0]


UNIT = torch.rand(3, 8, 9, generator=torch.Generator().manual_seed(0))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # quantized ones are deprecated, sparse rows a beta
    QUANTIZED = torch.quantize_per_tensor(UNIT, 1 / 255, 0, torch.quint8)
    PER_CHANNEL = torch.quantize_per_channel(
        UNIT, torch.tensor([1 / 200, 1 / 255, 1 / 300]), torch.tensor([0, 0, 0]), 0, torch.quint8
    )
    ROWS = UNIT[0].to_sparse_csr()
WHOLE = (UNIT * 255).to(torch.uint8)

# each with the float tensor (N, C, ...) that the model must get
TENSORS: dict[str, tuple[Tensor, Tensor]] = {
    "(H, W)": (UNIT[0], UNIT[None, :1]),
    "(C, H, W)": (UNIT, UNIT[None]),
    "(N, C, H, W)": (torch.stack([UNIT, UNIT / 2]), torch.stack([UNIT, UNIT / 2])),
    "(N, C, T, H, W)": (UNIT[None, :, None].expand(2, 3, 4, 8, 9), UNIT[None, :, None].expand(2, 3, 4, 8, 9)),
    "float64": (UNIT.double(), UNIT.double()[None]),
    "float16": (UNIT.half(), UNIT.half()[None]),
    "bfloat16": (UNIT.bfloat16(), UNIT.bfloat16()[None]),
    "float8": (UNIT.to(torch.float8_e4m3fn), UNIT.to(torch.float8_e4m3fn)[None]),
    "uint8": (WHOLE, WHOLE[None].float()),
    "int64": (WHOLE.long() - 100, WHOLE[None].float() - 100),
    "uint16": (WHOLE.to(torch.uint16), WHOLE[None].float()),
    "bool": (UNIT > 0.5, (UNIT > 0.5)[None].float()),
    "quantized": (QUANTIZED, QUANTIZED.dequantize()[None]),
    "quantized by channel": (PER_CHANNEL, PER_CHANNEL.dequantize()[None]),
    "sparse": (UNIT.to_sparse(), UNIT[None]),
    "sparse rows": (ROWS, UNIT[None, :1]),
    "wants a gradient": (UNIT.clone().requires_grad_(), UNIT[None]),
    "has a gradient": (UNIT.clone().requires_grad_() * 1, UNIT[None]),
    "parameter": (torch.nn.Parameter(UNIT.clone()), UNIT[None]),
    "torchvision's": (tv_tensors.Image(UNIT), UNIT[None]),
    "channels last": (UNIT[None].to(memory_format=torch.channels_last), UNIT[None]),
    "transposed": (UNIT.mT, UNIT.mT[None].contiguous()),
    "every other": (UNIT[:, ::2, 1::3], UNIT[None, :, ::2, 1::3]),
    "expanded": (UNIT[:1].expand(3, 8, 9), UNIT[None, :1].expand(1, 3, 8, 9)),
    "negated lazily": (torch.complex(UNIT, -UNIT).conj().imag, UNIT[None]),
    "one pixel": (torch.full((3, 1, 1), 0.5), torch.full((1, 3, 1, 1), 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_of_every_kind_is_given_as_it_is(name: str) -> None:
    assert len(TENSORS) >= 16
    tensor, expected = TENSORS[name]
    batch = as_batch(tensor, channels=None)
    got = batch.tensor
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    assert torch.equal(got.double(), expected.double())
    assert (got.layout, got.requires_grad, type(got)) == (torch.strided, False, Tensor)
    frame = expected[:, :, expected.shape[2] // 2] if expected.dim() == 5 else expected
    assert len(batch.pictures) == len(expected)
    for picture, values in zip(batch.pictures, frame.double(), strict=True):
        if values.min() >= 0 and values.max() <= 1:
            codes = values.expand(3, -1, -1).permute(1, 2, 0).mul(255)
            assert np.abs(np.asarray(picture) - codes.numpy()).max() <= 0.5 + 1e-3
    assert not batch.is_default


def test_a_tensor_made_for_inference_is_copied() -> None:
    with torch.inference_mode():
        made = torch.rand(3, 4, 4)
    copied = as_batch(made).tensor
    assert not copied.is_inference()
    copied.requires_grad_()


def test_a_video_shows_its_middle_frame_and_says_so() -> None:
    video = torch.rand(2, 3, 7, 8, 9)
    for batch in (as_batch(video), as_batch(video, spatial=3), as_batch(video, spatial=2)):
        assert torch.equal(batch.tensor, video)
        shown = as_batch(video[:, :, 3])
        assert [numbers(p).tolist() for p in batch.pictures] == [
            numbers(p).tolist() for p in shown.pictures
        ]
        said = "The input has 7 frames (or slices): the picture shows the middle one, number 4."
        assert batch.notes == (said,)
        assert batch.preprocessing.startswith("A 3 × 7 × 8 × 9 tensor taken as it is")


# ---------------------------------------------------------------- signals and volumes


@pytest.mark.parametrize(
    ("spatial", "shape", "made"),
    [
        (1, (50,), (1, 1, 50)), (1, (2, 50), (1, 2, 50)), (1, (3, 2, 50), (3, 2, 50)),
        (1, (3, 2, 5, 6), (3, 2, 5, 6)), (2, (5, 6), (1, 1, 5, 6)), (2, (2, 5, 6), (1, 2, 5, 6)),
        (3, (4, 5, 6), (1, 1, 4, 5, 6)), (3, (2, 4, 5, 6), (1, 2, 4, 5, 6)),
        (3, (3, 2, 4, 5, 6), (3, 2, 4, 5, 6)), (None, (2, 5, 6), (1, 2, 5, 6)),
    ],
)  # fmt: skip
def test_the_convolutions_dimensions_say_how_a_tensor_is_read(
    spatial: int | None, shape: tuple[int, ...], made: tuple[int, ...]
) -> None:
    tensor = torch.rand(shape)
    batch = as_batch(tensor, spatial=spatial, channels=None)
    assert batch.tensor.shape == made
    assert torch.equal(batch.tensor.reshape(shape), tensor)
    assert len(batch.pictures) == made[0]
    assert all(picture.mode == "RGB" for picture in batch.pictures)
    if spatial in (1, 3):
        array = tensor.numpy().astype(">f4")
        assert torch.equal(as_batch(array, spatial=spatial, channels=None).tensor, batch.tensor)


@pytest.mark.parametrize(
    ("spatial", "model", "tensor"),
    [
        (1, torch.nn.Conv1d(2, 3, 5), torch.rand(2, 40)),
        (2, torch.nn.Conv2d(2, 3, 5), torch.rand(2, 8, 9)),
        (3, torch.nn.Conv3d(2, 3, 3), torch.rand(2, 5, 8, 9)),
    ],
)
def test_a_model_of_any_dimension_takes_what_it_is_given(
    spatial: int, model: torch.nn.Module, tensor: Tensor
) -> None:
    batch = as_batch(tensor, channels=2, spatial=spatial)
    with torch.no_grad():
        assert torch.equal(model(batch.tensor)[0], model(tensor))


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "float16", ">i2", "uint8", "bool", "uint16"])
def test_an_array_of_a_signal_is_taken_as_it_is(dtype: str) -> None:
    values = np.array([[0, 1, 1, 0, 1]], dtype)[:, ::-1]
    batch = as_batch(values, spatial=1, channels=1)
    assert batch.tensor.is_floating_point()
    assert batch.tensor.tolist() == [values.tolist()]
    assert batch.preprocessing.startswith("A 1 × 5 (channels × length) array taken as it is")
    assert bool(batch.notes) == ("f" not in dtype)
    assert (
        as_batch(values.astype(np.longdouble), spatial=1, channels=1).tensor.dtype is torch.float64
    )


def test_a_signals_picture_is_its_waveform() -> None:
    ramp = torch.linspace(-1, 1, 5000)
    batch = as_batch(torch.stack([ramp, -ramp]), spatial=1, channels=2)
    drawn = np.asarray(batch.pictures[0])[..., 0] == 0
    assert drawn.shape == (128, 1024)
    for lane, signal in ((drawn[:64], ramp), (drawn[64:], -ramp)):
        assert lane.any(0).all(), "a line without gaps"
        row = (lane * np.arange(64)[:, None]).sum(0) / lane.sum(0)
        value = 1 - row / 63 * 2
        expected = signal.reshape(1, 1, -1)
        expected = torch.nn.functional.interpolate(expected, size=1024, mode="linear")[0, 0]
        assert np.abs(value - expected.numpy()).max() < 0.05
    assert "from left to right, -1 (bottom) to 1 (top)" in batch.preprocessing


@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 1023, 1024, 1025, 100_000])
@pytest.mark.parametrize("fill", [0.0, 5.0, 3e38, float("nan"), None])
def test_a_signal_of_any_length_has_a_picture(length: int, fill: float | None) -> None:
    noise = torch.randn(1, 6, length, generator=torch.Generator().manual_seed(0))
    signal = noise if fill is None else torch.full((1, 6, length), fill)
    batch = as_batch(signal, spatial=1, channels=6)
    width, height = batch.pictures[0].size
    assert 256 <= width <= 1024
    assert height == 4 * 64
    notes = ["Of 6 channels the picture shows the first 4."]
    blank = fill is not None and np.isnan(fill)
    if blank:
        notes.insert(
            0, f"The input holds {6 * length} values that are not finite; they are left out."
        )
    assert list(batch.notes) == notes
    columns = (np.asarray(batch.pictures[0])[:64, :, 0] == 0).any(0)
    assert not columns.any() if blank else columns.all()


def test_a_gap_in_a_signal_is_a_gap_in_its_picture() -> None:
    signal = torch.rand(256)
    signal[100:120] = torch.inf
    batch = as_batch(signal, spatial=1, channels=1)
    columns = (np.asarray(batch.pictures[0])[..., 0] == 0).any(0)
    assert np.flatnonzero(~columns).tolist() == list(range(100, 120))
    assert batch.notes == ("The input holds 20 values that are not finite; they are left out.",)


def test_a_picture_for_a_model_of_other_dimensions_needs_a_transform() -> None:
    for spatial, kind in ((1, "signals"), (3, "videos or volumes")):
        for image in (photo(), [photo()], encoded(photo(), "PNG")):
            fails(
                lambda image=image, spatial=spatial: as_batch(image, spatial=spatial),  # type: ignore[misc]
                ImageError, f"has {spatial} spatial", kind, "received a picture", "or a transform",
            )  # fmt: skip

    def as_signal(image: Image.Image) -> Tensor:
        tensor: Tensor = tv.ToTensor()(image)
        return tensor.flatten(1)

    def as_video(image: Image.Image) -> Tensor:
        tensor: Tensor = tv.ToTensor()(image)
        return tensor[:, None].repeat(1, 4, 1, 1)

    assert as_batch(photo(9, 8), spatial=1, transform=as_signal).tensor.shape == (1, 3, 72)
    batch = as_batch(photo(9, 8), spatial=3, transform=as_video)
    assert batch.tensor.shape == (1, 3, 4, 8, 9)
    assert np.array_equal(numbers(batch.pictures[0]), numbers(photo(9, 8)))
    fails(
        lambda: as_batch(photo(), spatial=3, transform=as_signal),
        ImageError, "a float tensor (C, T, H, W)",
    )  # fmt: skip


def test_dimensions_that_no_convolution_has_are_refused() -> None:
    for spatial in (0, 4, -1, "2"):
        fails(
            lambda spatial=spatial: as_batch(photo(), spatial=spatial),  # type: ignore[misc]
            ImageError, "spatial must be 1, 2 or 3", repr(spatial), "leave it out",
        )  # fmt: skip
    for spatial, shape, says in [
        (1, (), "(L), (C, L) or (N, C, L)"), (1, (0,), "(L)"), (3, (5, 5), "(T, H, W), (C, T, H, W)"),
        (2, (5,), "(H, W), (C, H, W) or (N, C, H, W)"),
    ]:  # fmt: skip
        fails(
            lambda spatial=spatial, shape=shape: as_batch(torch.zeros(shape), spatial=spatial),  # type: ignore[misc]
            ImageError, f"must be real, {says}", "reshape it",
        )  # fmt: skip
    for array, says in [(np.full(5, "x"), "dtype <U1"), (np.zeros(5, complex), "complex128")]:
        fails(lambda array=array: as_batch(array, spatial=1), ImageError, says, "astype('float32')")  # type: ignore[misc]
    wide = torch.zeros(1).expand(3, 10**9)
    fails(lambda: as_batch(wide, spatial=1), ImageError, "received 1000000000 × 1")


def numbers(image: Any) -> np.ndarray[Any, Any]:
    """A copy of what an image holds now."""
    if isinstance(image, list):
        return np.stack([numbers(item) for item in image])
    return np.asarray(image.detach() if isinstance(image, Tensor) else image).copy()


SHARED: list[Callable[[], Any]] = [
    lambda: torch.rand(3, 9, 9),
    lambda: torch.rand(2, 3, 9, 9),
    lambda: torch.rand(9, 9, 3).permute(2, 0, 1),
    lambda: torch.rand(1, 9, 9).expand(3, 9, 9),
    lambda: torch.rand(3, 9, 9, requires_grad=True),
    lambda: torch.rand(3, 9, 9, dtype=torch.float64),
    lambda: np.random.default_rng(0).random((9, 9, 3), dtype=np.float32),
    lambda: np.zeros((9, 9, 3), np.uint8),
    lambda: [torch.rand(3, 9, 9)],
    lambda: photo(9, 9),
]


@pytest.mark.parametrize("make", SHARED)
@pytest.mark.parametrize("keeping", [False, True])
def test_a_batch_never_shares_memory_with_what_it_came_from(
    make: Callable[[], Any], keeping: bool
) -> None:
    """An in-place first layer must not write into the user's image, nor the transform's cache."""
    image = make()
    kept = torch.rand(3, 5, 5)
    batch = as_batch(image, transform=(lambda _: kept) if keeping else None)
    before = numbers(image), numbers(kept)
    assert not batch.tensor.requires_grad
    batch.tensor.fill_(123)
    assert np.array_equal(numbers(image), before[0])
    assert np.array_equal(numbers(kept), before[1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: x, "its values from 0 to 1"),
        (lambda x: tv.Normalize(IMAGENET_MEAN, IMAGENET_STD)(x), "ImageNet's normalization undone"),
        (lambda x: x * 20 - 3, "stretched from lowest to highest (-3 to 17)"),
        (lambda x: (x - 0.5) * 2 * 3e38, "stretched from lowest to highest"),
    ],
)
def test_the_picture_of_a_tensor_shows_what_it_says(
    make: Callable[[Tensor], Tensor], said: str
) -> None:
    image = photo(20, 20)
    raw = tv.ToTensor()(image)
    raw = (raw - raw.min()) / (raw.max() - raw.min())
    batch = as_batch(make(raw))
    assert said in batch.preprocessing
    shown = np.asarray(batch.pictures[0]).astype(float)
    assert np.abs(shown - raw.permute(1, 2, 0).numpy() * 255).max() <= 0.51


def test_values_that_are_not_finite_are_kept_and_noted() -> None:
    tensor = torch.rand(3, 4, 4)
    tensor[0, 0, 0], tensor[1, 1, 1] = float("nan"), float("inf")
    batch = as_batch(tensor)
    assert torch.equal(batch.tensor[0].nan_to_num(7, 7), tensor.nan_to_num(7, 7))
    assert batch.notes == ("The input holds 2 values that are not finite; they are shown black.",)
    assert as_batch(torch.full((3, 4, 4), float("nan"))).pictures[0].getextrema()[0] == (0, 0)


def test_the_pixel_limit_holds_for_tensors_and_pictures() -> None:
    wide = torch.zeros(1).expand(3, 10**6, 10**6)
    fails(lambda: as_batch(wide), ImageError, "received 1000000 × 1000000")
    fails(lambda: as_batch(photo(), max_pixels=100), ImageError, "at most 100 pixels")
    well_formed(as_batch(photo(), max_pixels=300 * 260))


def test_tensors_that_are_no_images_are_refused() -> None:
    shapes = [(), (5,), (0,), (3, 0, 4), (0, 3, 4, 4), (1, 1, 3, 4, 4, 4)]
    for shape in shapes:
        fails(
            lambda shape=shape: as_batch(torch.zeros(shape)),  # type: ignore[misc]
            ImageError, "must be real, (H, W), (C, H, W), (N, C, H, W) or (N, C, T", str(shape),
        )  # fmt: skip
    fails(lambda: as_batch(torch.zeros(3, 4, 4, dtype=torch.complex64)), ImageError, "complex64")
    fails(lambda: as_batch(torch.zeros(3, 4, 4, device="meta")), ImageError, "meta device")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are a prototype
        nested = torch.nested.nested_tensor([torch.rand(3, 4, 4), torch.rand(3, 5, 5)])
    fails(lambda: as_batch(nested), ImageError, "received a nested one", "one of its parts")


def test_a_wrong_number_of_channels_names_both_and_the_way_out() -> None:
    says = "as many channels as the model takes, "
    fails(lambda: as_batch(torch.rand(9, 9)), ImageError, f"{says}3, received 1", "expand(3, -1")
    one = torch.rand(1, 3, 9, 9)
    fails(lambda: as_batch(one, channels=1), ImageError, f"{says}1, received 3", "tensor.mean(-3")
    fails(lambda: as_batch(torch.rand(4, 9, 9)), ImageError, f"{says}3, received 4", "convert")
    gray = tv.Compose([tv.Grayscale(), tv.ToTensor()])
    fails(lambda: as_batch(photo(), transform=gray), ImageError, f"{says}3, received 1")
    fails(
        lambda: as_batch(photo(), channels=12), ImageError,
        "must have the 12 channels", "received a picture of 3", "pass a tensor (N, 12, H, W)",
    )  # fmt: skip


# ---------------------------------------------------------------- transforms and lists


def test_a_transform_takes_the_place_of_the_default() -> None:
    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    batch = as_batch(photo(), transform=preset)
    assert torch.equal(batch.tensor[0], preset(photo()))
    assert "Made a 3 × 224 × 224 tensor by the transform ImageClassification" in batch.preprocessing
    assert "normalization undone" in batch.preprocessing
    assert np.array_equal(numbers(batch.pictures[0]), numbers(as_batch(photo()).pictures[0]))


def test_a_transform_sees_rgb_or_for_one_channel_gray() -> None:
    modes = []

    def transform(image: Image.Image) -> Tensor:
        modes.append(image.mode)
        tensor: Tensor = tv.ToTensor()(image)
        return tensor

    for channels in (3, 1):
        batch = as_batch(photo().convert("CMYK"), transform=transform, channels=channels)
        well_formed(batch, channels=channels)
    assert modes == ["RGB", "L"]
    assert "by the transform transform;" in batch.preprocessing


def test_a_transforms_own_normalization_is_undone_for_the_picture() -> None:
    transform = tv.Compose([tv.ToTensor(), tv.Normalize((0.1, 0.2, 0.3), (2, 3, 4))])
    batch = as_batch(photo(), transform=transform)
    assert np.array_equal(numbers(batch.pictures[0]), numbers(photo()))


def test_a_tensor_ignores_the_transform_and_says_so() -> None:
    batch = as_batch(torch.rand(3, 9, 9), transform=IMAGENET)
    assert batch.tensor.shape == (1, 3, 9, 9)
    assert batch.notes == ("A tensor is taken as it is: the transform was not applied to it.",)


def test_transforms_that_do_not_do_their_work_are_named() -> None:
    def broken(image: Image.Image) -> Tensor:
        raise RuntimeError("no weights")

    def check(transform: Any, kind: type[Exception], *parts: str) -> None:
        fails(lambda: as_batch(photo(), transform=transform), kind, *parts)

    check(ResNet18_Weights.IMAGENET1K_V1, TypeError, "must be callable", "weights.transforms()")
    check(broken, ImageError, "broken raised RuntimeError: no weights", "try it alone")
    check(lambda image: image, TypeError, "must give a tensor", "gave Image", "ToTensor()")
    check(tv.PILToTensor(), ImageError, "a float tensor (C, H, W)", "torch.uint8 (3, 260, 300)")
    check(lambda image: torch.rand(1, 3, 9, 9), ImageError, "(1, 3, 9, 9)", "no batch dimension")


def test_a_list_is_one_batch_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photo(seed=1).save(path)
    images = [photo(seed=0), path, np.asarray(photo(seed=2))]
    batch = as_batch(images)
    well_formed(batch, n=3)
    for i in range(3):
        assert torch.equal(batch.tensor[i : i + 1], as_batch(photo(seed=i)).tensor)
    assert batch.preprocessing == as_batch(photo()).preprocessing
    mixed = as_batch((photo(), torch.rand(2, 3, 224, 224)))
    well_formed(mixed, n=3)
    assert mixed.preprocessing.startswith("The default: resized")
    assert "taken as it is" in mixed.preprocessing


def test_a_stack_of_arrays_is_a_batch() -> None:
    stack = np.stack([np.asarray(photo(40, 30, seed)) for seed in range(3)])
    for form in (stack, stack.transpose(0, 3, 1, 2), list(stack)):
        batch = as_batch(form)
        well_formed(batch, n=3)
        assert torch.equal(batch.tensor[1:2], as_batch(stack[1]).tensor)


def test_a_stack_of_arrays_has_one_scale() -> None:
    night = np.zeros((2, 300, 300, 3), np.float32)
    night[0], night[1, 100:200] = 200, 1
    batch = as_batch(night)
    assert numbers(batch.pictures[0]).max() == 200
    assert numbers(batch.pictures[1]).max() == 1


def test_lists_that_do_not_fit_together_are_refused() -> None:
    tensors = [torch.rand(3, 8, 8), torch.rand(3, 8, 9)]
    fails(
        lambda: as_batch(tensors), ImageError,
        "of one size", "3 × 8 × 8 on cpu at position 0", "3 × 8 × 9 on cpu at position 1",
        "look at them one by one",
    )  # fmt: skip
    fails(lambda: as_batch([]), ImageError, "must hold at least one")
    sizes = [photo(30, 30), photo(30, 30), photo(31, 30)]
    fails(
        lambda: as_batch(sizes, transform=tv.ToTensor()), ImageError,
        "of one size", "3 × 30 × 30 on cpu at position 0", "3 × 30 × 31 on cpu at position 2",
        "resizes and crops",
    )  # fmt: skip


@pytest.mark.parametrize("image", [None, 3, {"a": 1}, object(), [[1, 2]], [photo(), None]])
def test_what_is_no_image_is_refused_with_all_that_is_one(image: Any) -> None:
    fails(lambda: as_batch(image), TypeError, "image must be a path, bytes", "received", "pass one")


def test_a_size_that_is_none_is_refused() -> None:
    for size in (0, -1, 1.5, "224"):
        fails(
            lambda size=size: as_batch(photo(), size=size),  # type: ignore[misc]
            ImageError, "a positive number of pixels", repr(size), "leave it out for 224",
        )  # fmt: skip
