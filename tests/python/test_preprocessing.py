"""What a model says of its pictures: timm as the judge, and configurations that make no sense."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import timm
import timm.data
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import fails, photo
from PIL import Image
from torch import nn

from cnnvis.image import as_batch
from cnnvis.picture import ImageError
from cnnvis.preprocessing import IMAGENET, Recipe, prepare, recipe_of, spatial_of

TIMM: Any = timm  # it exports more than its types say
DATA: Any = timm.data
SIZES = [(300, 260), (97, 401), (640, 480), (224, 224), (31, 30)]


def conv(channels: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 2, 3))


def configured(channels: int = 3, attribute: str = "pretrained_cfg", **fields: Any) -> nn.Module:
    model = conv(channels)
    setattr(model, attribute, fields)
    return model


def carrying(value: Any) -> nn.Module:
    model: Any = conv()
    model.pretrained_cfg = value
    return cast("nn.Module", model)


def timms(config: dict[str, Any], image: Image.Image) -> torch.Tensor:
    made: torch.Tensor = DATA.create_transform(**config, is_training=False)(image)
    return made


def check_against_timm(
    recipe: Recipe, config: dict[str, Any], sizes: list[tuple[int, int]]
) -> None:
    for width, height in sizes:
        image = photo(width, height).convert("L" if recipe.channels == 1 else "RGB")
        tensor, seen = prepare(image, recipe, 50_000_000)
        assert torch.equal(tensor, timms(config, image)), (width, height)
        assert seen.size == recipe.size[::-1]


# ---------------------------------------------------------------- models of timm

# small, and together every way of timm: bicubic and bilinear, crops of 0.875 to 1.15, means of
# ImageNet, 0.5 and CLIP, squashed and bordered, fixed and not square
NAMES = [
    "mobilenetv3_small_050", "resnet18", "inception_v3", "vit_tiny_patch16_224", "efficientnet_b1",
    "convnext_atto", "test_resnet", "tf_efficientnetv2_b3", "dm_nfnet_f0", "xception41",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_timm_gets_what_timm_gives_it(name: str) -> None:
    with torch.device("meta"):  # its weights do not matter
        model = TIMM.create_model(name)
    recipe = recipe_of(model)
    assert not recipe.is_default
    check_against_timm(recipe, DATA.resolve_model_data_config(model), SIZES)
    batch = as_batch(photo(), recipe=recipe)
    assert not batch.is_default
    assert batch.preprocessing.startswith("Decided from the model's pretrained_cfg: resized (")
    height, width = recipe.size
    assert f"{width} × {height}" in batch.preprocessing


def test_every_configuration_of_timm_is_read_as_timm_reads_it() -> None:
    """All 1,371, without making the models."""
    seen: dict[str, tuple[Recipe, dict[str, Any]]] = {}
    for name in TIMM.list_models():
        config = TIMM.get_pretrained_cfg(name)
        if config is None:
            continue
        recipe = recipe_of(configured(**config.to_dict()))
        resolved = DATA.resolve_data_config(pretrained_cfg=config.to_dict())
        assert (recipe.channels, *recipe.size) == resolved["input_size"], name
        assert recipe.crop == resolved["crop_pct"], name
        assert recipe.crop_mode == resolved["crop_mode"], name
        assert recipe.interpolation == resolved["interpolation"], name
        assert (recipe.mean, recipe.std) == (tuple(resolved["mean"]), tuple(resolved["std"])), name
        assert recipe.source == "Decided from the model's pretrained_cfg", name
        seen[str((recipe.crop_mode, recipe.crop, recipe.size, recipe.interpolation))] = (
            recipe,
            resolved,
        )
    assert len(seen) > 100
    for recipe, resolved in list(seen.values())[::6]:  # and done as timm does it
        check_against_timm(recipe, resolved, [(113, 200)])


@settings(max_examples=60)
@given(
    st.tuples(st.integers(20, 60), st.integers(20, 60)),
    st.floats(0.4, 1.6),
    st.sampled_from(["center", "squash", "border"]),
    st.sampled_from(["bilinear", "bicubic", "nearest", "lanczos", "box", "hamming"]),
    st.tuples(st.integers(10, 90), st.integers(10, 90)),
    st.sampled_from([1, 3]),
)
def test_any_configuration_does_what_timm_does(
    size: tuple[int, int],
    crop: float,
    mode: str,
    interpolation: str,
    picture: tuple[int, int],
    channels: int,
) -> None:
    mean, std = (0.25, 0.5, 0.75)[:channels], (0.5, 0.25, 2.0)[:channels]
    fields: dict[str, Any] = {
        "input_size": (channels, *size), "crop_pct": crop, "crop_mode": mode,
        "interpolation": interpolation, "mean": mean, "std": std,
    }  # fmt: skip
    recipe = recipe_of(configured(channels, **fields))
    check_against_timm(recipe, DATA.resolve_data_config(pretrained_cfg=fields), [picture])


def test_a_wrapped_or_built_in_model_of_timm_is_found() -> None:
    with torch.device("meta"):
        inner = TIMM.create_model("vit_tiny_patch16_224")
        features = TIMM.create_model("mobilenetv3_small_050", features_only=True)
    expected = recipe_of(inner)
    assert expected.mean == (0.5, 0.5, 0.5)
    assert recipe_of(nn.DataParallel(inner)) == expected
    assert recipe_of(torch.compile(inner)) == expected  # type: ignore[arg-type]
    holding = nn.Sequential(OrderedDict(backbone=inner, head=nn.Linear(3, 2)))
    found = recipe_of(holding)
    assert (found.size, found.mean) == (expected.size, expected.mean)
    assert found.source == "Decided from pretrained_cfg of 'backbone'"
    assert recipe_of(features).interpolation == "bicubic"


def test_the_older_name_and_objects_are_read_too() -> None:
    fields: dict[str, Any] = {"input_size": (3, 96, 64), "mean": 0.5, "std": 0.25}
    recipe = recipe_of(configured(attribute="default_cfg", **fields))
    assert (recipe.size, recipe.mean, recipe.std) == ((96, 64), (0.5,) * 3, (0.25,) * 3)
    assert recipe.source == "Decided from the model's default_cfg"
    assert recipe_of(carrying(SimpleNamespace(**fields))).size == (96, 64)


# ---------------------------------------------------------------- channels


def test_a_model_of_one_channel_gets_its_gray() -> None:
    mnist: dict[str, Any] = {
        "input_size": (1, 28, 28),
        "mean": (0.1307,),
        "std": (0.3081,),
        "crop_pct": 1.0,
    }
    model = configured(1, **mnist)
    recipe = recipe_of(model)
    assert recipe.channels == 1
    check_against_timm(recipe, DATA.resolve_data_config(pretrained_cfg=mnist), SIZES)
    batch = as_batch(photo(), recipe=recipe, channels=None)
    assert batch.tensor.shape == (1, 1, 28, 28)
    assert "mean 0.1307 and standard deviation 0.3081" in batch.preprocessing
    assert "turned to gray" in batch.notes[0]


def test_the_first_convolution_counts_more_than_the_configuration() -> None:
    """timm's in_chans=1 changes the weights, and leaves the configuration as it was."""
    with torch.device("meta"):
        model = TIMM.create_model("mobilenetv3_small_050", in_chans=1)
    recipe = recipe_of(model)
    assert recipe.channels == 1
    assert recipe.mean == pytest.approx((0.449,))
    assert recipe.std == pytest.approx((0.226,))
    # the configuration names its first convolution: another may be registered before
    late: Any = nn.Sequential(OrderedDict(side=nn.Conv2d(1, 1, 1), stem=nn.Conv2d(3, 2, 3)))
    late.pretrained_cfg = {"first_conv": "stem", "input_size": (3, 32, 32)}
    assert recipe_of(late).channels == 3


def test_a_model_that_says_nothing_gets_imagenets_recipe() -> None:
    for model in (torchvision.models.resnet18(weights=None), conv(12), nn.Linear(2, 2)):
        assert recipe_of(model) is IMAGENET
    gray = recipe_of(conv(1))
    assert (gray.is_default, gray.mean, gray.std) == (True, (0.5,), (0.5,))
    assert recipe_of(nn.Sequential(nn.Conv1d(1, 2, 3))) is IMAGENET
    for recipe in (gray, IMAGENET):
        batch = as_batch(photo(), recipe=recipe, channels=None)
        assert batch.is_default
        assert batch.preprocessing.startswith("The default: ")
    assert torch.equal(batch.tensor, as_batch(photo()).tensor)
    assert not as_batch(torch.rand(3, 9, 9)).is_default
    assert not as_batch(photo(), transform=torchvision.transforms.ToTensor()).is_default
    assert as_batch([photo(), torch.rand(3, 224, 224)]).is_default


def test_a_recipe_for_other_channels_keeps_what_it_can() -> None:
    recipe = Recipe(mean=(0.1, 0.2, 0.6), std=(0.2, 0.2, 0.5), is_default=False)
    assert recipe.for_channels(3) is recipe
    assert recipe.for_channels(1).mean == pytest.approx((0.3,))
    assert recipe.for_channels(1).for_channels(3).std == pytest.approx((0.3,) * 3)
    assert IMAGENET.for_channels(1).for_channels(3) == IMAGENET


@pytest.mark.parametrize(
    ("model", "spatial"),
    [
        (nn.Conv1d(1, 1, 3), 1), (nn.Conv2d(1, 1, 3), 2), (nn.Conv3d(1, 1, 3), 3),
        (nn.Linear(1, 1), None), (nn.Sequential(nn.Linear(1, 1), nn.LazyConv1d(2, 3)), 1),
        (nn.Sequential(nn.ConvTranspose1d(1, 1, 3), nn.Conv2d(1, 1, 1)), 2),
    ],
)  # fmt: skip
def test_the_first_convolution_says_how_many_dimensions(
    model: nn.Module, spatial: int | None
) -> None:
    assert spatial_of(model) == spatial


# ---------------------------------------------------------------- odd configurations

NONSENSE: list[tuple[str, Any]] = [
    *(("input_size", v) for v in ((3, 224), (12, 9, 9), (3, 0, 9), (3, -1, 9), (3, 10**6, 9), "x")),
    *(("input_size", v) for v in (224, (3, 9.5, 9), (3, None, None), (3, float("nan"), 9))),
    *(("crop_pct", v) for v in (-1, float("nan"), float("inf"), 100, "x", (1, 2), 0.001)),
    *(("interpolation", v) for v in ("random", "linear", 3, ["bicubic"], b"bicubic")),
    *(("crop_mode", v) for v in ("middle", 1, ("center",), np.zeros(3))),
    *(("mean", v) for v in ("x", (0.1, 0.2), (0.1,) * 4, (float("nan"),) * 3, np.zeros((3, 3)))),
    *(("std", v) for v in ((0, 0, 0), (-1, 1, 1), (1, 1, float("inf")), {"a": 1}, object())),
]


@pytest.mark.parametrize(("key", "value"), NONSENSE)
def test_what_makes_no_sense_is_left_out_and_said(key: str, value: Any) -> None:
    other: dict[str, Any] = (
        {"interpolation": "nearest"} if key != "interpolation" else {"crop_pct": 0.5}
    )
    recipe = recipe_of(configured(**{key: value}, **other))
    expected = recipe_of(configured(**other))
    assert f"its {key} cannot be used, so timm's default is" in recipe.source
    assert Recipe(**{**vars(recipe), "source": ""}) == Recipe(**{**vars(expected), "source": ""})
    assert recipe.describe().endswith(".")
    assert as_batch(photo(64, 48), recipe=recipe).tensor.isfinite().all()


def test_a_partial_configuration_is_filled_with_timms_defaults() -> None:
    fields: dict[str, Any] = {"mean": (0.1, 0.2, 0.3), "std": None, "crop_pct": None}
    recipe = recipe_of(configured(**fields))
    assert recipe.source == "Decided from the model's pretrained_cfg"
    check_against_timm(recipe, DATA.resolve_data_config(pretrained_cfg=fields), SIZES)


class Raises(nn.Module):
    @property
    def pretrained_cfg(self) -> object:
        raise RuntimeError("not now")


class Endless(dict[str, Any]):
    def items(self) -> Any:
        raise MemoryError


@pytest.mark.parametrize(
    "make",
    [
        Raises,
        lambda: configured(),
        lambda: configured(architecture="mine", mean=None, input_size=()),
        *(
            (lambda value=value: carrying(value))
            for value in (None, 3, "x", [], [("mean", 0.5)], object(), Endless(mean=0.5), len)
        ),
    ],
)
def test_a_configuration_that_cannot_be_read_is_none(make: Callable[[], nn.Module]) -> None:
    assert recipe_of(make()) is IMAGENET


def test_the_model_is_only_read() -> None:
    fields = {"input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5]}
    model = carrying(fields)
    names = set(vars(model))
    recipe_of(model)
    assert fields == {"input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5]}
    assert set(vars(model)) == names
    with pytest.raises(TypeError):
        recipe_of("resnet18")  # type: ignore[arg-type]


# ---------------------------------------------------------------- its sentence, its limits


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (
            Recipe(),
            "The default: resized (bilinear) so that the shorter side is 256 pixels, cropped",
        ),
        (
            Recipe(crop_mode="squash"),
            "to 256 × 256 whatever its proportions, cropped to the central",
        ),
        (
            Recipe(crop_mode="border"),
            "so that the longer side is 256 pixels, padded with the mean's",
        ),
        (Recipe((100, 50), 1.0), "to fill 50 × 100, cropped to the central 50 × 100"),
        (Recipe((100, 50), 1.0, "border"), "to fit into 50 × 100"),
        (Recipe(crop=1.15), "the shorter side is 194 pixels, padded with black to 224 × 224"),
        (Recipe(mean=(0.5,) * 3, std=(1,) * 3), "with mean 0.5 and standard deviation 1."),
        (Recipe(mean=(0.5, 0.25, 0.125)), "with mean (0.5, 0.25, 0.125) and standard deviation"),
    ],
)
def test_the_sentence_says_what_is_done(recipe: Recipe, said: str) -> None:
    assert said in recipe.describe()


def test_a_sliver_is_refused_in_every_mode_or_stays_small() -> None:
    sliver = Image.new("RGB", (1, 10_000))
    for mode in ("center", "squash", "border"):
        for size in ((224, 224), (200, 100)):
            recipe = Recipe(size, crop_mode=mode)
            if mode == "center":
                fails(lambda: prepare(sliver, recipe, 10**5), ImageError, "not be so narrow")  # noqa: B023
            else:
                assert prepare(sliver, recipe, 10**5)[0].shape == (3, *size)


def test_a_size_replaces_the_recipes() -> None:
    batch = as_batch(photo(), recipe=Recipe((100, 50), source="Decided"), size=20)
    assert batch.tensor.shape == (1, 3, 20, 20)
