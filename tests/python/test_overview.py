"""The overview of mean maps, against torch's own mean and average pooling."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from nets import TwoConvs, image_tensor
from torch import Tensor, nn

from cnnvis import CNNVisWidget, inspect
from cnnvis import overview as module
from cnnvis.frame import unpack
from cnnvis.inspection import Inspection
from cnnvis.overview import MAX_BYTES, overview
from cnnvis.quantize import dequantize


def pictures(packed: bytes) -> dict[int, Tensor]:
    """By the number of its layer, each tile's values; NaN where it has none."""
    frame = unpack(packed)
    values = dequantize(torch.from_numpy(frame.codes), torch.from_numpy(frame.bounds))
    return dict(zip(frame.channels.tolist(), values, strict=True))


def by_hand(look: Inspection, index: int, image: int, side: int) -> Tensor:
    mean = look.activation(look.layers[index].name)[image].double().mean(0)
    longest = max(mean.shape)
    if longest <= side:
        return mean
    rows, columns = (max(1, round(n * side / longest)) for n in mean.shape)
    return nn.functional.adaptive_avg_pool2d(mean[None], (rows, columns))[0]


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("size", [(48, 48), (20, 90), (150, 31)])
def test_it_is_the_mean_map_of_each_layer(size: tuple[int, int], memory_mb: float) -> None:
    torch.manual_seed(0)
    look = inspect(TwoConvs(), torch.rand(2, 3, *size), memory_mb=memory_mb)
    for image in (0, 1):
        frame = unpack(overview(look, image, 7))
        assert (frame.key.layer, frame.key.image, frame.key.generation) == ("", image, 7)
        found = pictures(overview(look, image))
        assert list(found) == [0, 1]
        for index, tile in found.items():
            expected = by_hand(look, index, image, 24)
            rows, columns = expected.shape
            shown = tile[:rows, :columns]
            assert tile.isfinite().sum() == expected.numel()
            spread = float(expected.max() - expected.min())
            # the mean of codes is off by as much as codes are
            exact = look.activation(look.layers[index].name)[image]
            step = 0.0 if memory_mb else float(exact.max() - exact.min()) / 508
            assert (shown - expected).abs().max() <= spread / 508 + 3 * step / 2 + 1e-5


def test_a_look_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    look = inspect(TwoConvs(), image_tensor(48), memory_mb=0)
    monkeypatch.setattr(type(look._look), "_again", lambda *_: pytest.fail("it ran again"))
    assert list(pictures(overview(look))) == [0, 1]


def test_values_that_are_not_finite_do_not_spoil_it() -> None:
    x = image_tensor(48)
    look = inspect(nn.Sequential(nn.Conv2d(3, 4, 1)), x)
    kept = look._look.kept("0", 0)
    assert kept is not None
    kept[0, 0, :10] = torch.nan
    kept[0, 1, 5, 5] = torch.inf
    kept[0, :, 40:, 40:] = torch.nan
    (tile,) = pictures(overview(look)).values()
    mean = kept[0].double().where(kept[0].isfinite(), torch.nan).nanmean(0)
    finite = mean.isfinite()
    pool = nn.functional.avg_pool2d
    expected = pool(mean.nan_to_num()[None], 2)[0] / pool(finite.double()[None], 2)[0]
    assert torch.equal(tile.isfinite(), expected.isfinite())
    spread = float(expected.nan_to_num().max() - expected.nan_to_num().min())
    assert (tile - expected).abs().nan_to_num().max() <= spread / 254


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_codes_of_values_that_are_not_finite_do_not_spoil_it(broken: float) -> None:
    x = image_tensor(20)
    x[0, 0, 3, 4] = broken
    look = inspect(nn.Sequential(nn.Conv2d(3, 4, 1)), x, memory_mb=0)
    (tile,) = pictures(overview(look)).values()
    exact = look.activation("0")[0]
    expected = exact.mean(0)
    assert not expected[3, 4].isfinite()
    assert torch.equal(tile[:20, :20].isfinite(), expected.isfinite())
    values = exact[exact.isfinite()]
    step = float(values.max() - values.min()) / 508
    assert (tile[:20, :20] - expected).nan_to_num(posinf=0, neginf=0).abs().max() <= 3 * step


def test_layers_without_a_map_are_left_out() -> None:
    class Net(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            for layer in list(self)[:-1]:
                x = layer(x)
            return x

    model = Net(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 6), nn.Flatten(), nn.Linear(2, 3), nn.Conv2d(3, 3, 1)
    )
    look = inspect(model, image_tensor(8), layers="all")
    assert list(pictures(overview(look))) == [0]
    assert overview(inspect(nn.Sequential(nn.Conv2d(3, 2, 8)), image_tensor(8))) == b""


@pytest.mark.parametrize(("layers", "side"), [(200, 24), (600, 13)])
def test_many_layers_get_smaller_pictures(layers: int, side: int) -> None:
    look = inspect(
        nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(layers))), torch.rand(1, 1, 30, 30)
    )
    packed = overview(look)
    assert len(packed) <= MAX_BYTES
    assert unpack(packed).codes.shape == (layers, side, side)


def test_a_failure_is_no_failure_of_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    look = inspect(TwoConvs(), image_tensor(48))
    monkeypatch.setattr(module, "mean_map", fail)
    assert overview(look) == b""
    monkeypatch.setattr(module, "_packed", fail)
    assert overview(look) == b""
    monkeypatch.undo()
    monkeypatch.setattr(module, "mean_map", interrupt)
    with pytest.raises(KeyboardInterrupt):
        overview(look)


def test_the_widget_has_that_of_the_picked_image() -> None:
    x = torch.rand(2, 3, 48, 48)
    widget = CNNVisWidget(TwoConvs(), x)
    for image in (0, 1):
        widget.batch_index = image
        frame = unpack(widget.overview)
        assert (frame.key.image, frame.key.generation) == (image, 1)
        expected = unpack(overview(widget.inspection, image, 1))
        assert (frame.codes == expected.codes).all()
        assert (frame.bounds == expected.bounds).all()
    widget.image = torch.rand(1, 3, 48, 48)
    assert unpack(widget.overview).key.generation == 2
    widget.close()
