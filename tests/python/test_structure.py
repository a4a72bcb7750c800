"""A look like an earlier one takes values alone, and gives what a look of its own would give."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from nets import Shared, TwoConvs, image_tensor
from torch import Tensor, nn
from torch.nn import functional as F

from cnnvis import CNNVisWidget, ForwardError, Inspection, inspect
from cnnvis.describe import describe


class Various(nn.Module):
    """In-place, shared, skipped and dilated, with plain state of several kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.act: nn.Module = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.never = nn.Conv2d(8, 8, 1)
        self.flags: dict[str, Any] = {"twice": True, "order": [1, 2]}
        self.factor = 2

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(x)))
        for _ in range(self.factor if self.flags["twice"] else 1):
            x = x + self.act(self.second(x))
        return x


def image(seed: int, size: int = 24) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


def check(look: Inspection, model: nn.Module, x: Tensor, **options: Any) -> None:
    """All that the look says is what a fresh one says."""
    fresh = inspect(model, inputs=x, **options)
    assert describe(look) == describe(fresh)
    assert look.preprocessing == fresh.preprocessing
    assert look.notes == fresh.notes
    for run in fresh.layers:
        for call in range(run.calls):
            assert torch.equal(look.activation(run.name, call), fresh.activation(run.name, call))
    assert torch.equal(look.output, fresh.output)


MODELS: list[Callable[[], nn.Module]] = [
    TwoConvs,
    Various,
    Shared,
    lambda: torchvision.models.resnet18(weights=None),
    lambda: torchvision.models.squeezenet1_1(weights=None),
    lambda: torchvision.models.mobilenet_v3_small(weights=None),
]


@pytest.mark.parametrize("make", MODELS)
def test_another_image_is_looked_at_without_being_followed(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = make().eval()
    size = 24 if isinstance(model, TwoConvs | Various | Shared) else 64
    look = inspect(model, inputs=image(0, size))
    for seed in (1, 2):
        look = inspect(model, inputs=image(seed, size), like=look)
        assert look._look.repeated
        check(look, model, image(seed, size))


def test_other_weights_are_seen() -> None:
    torch.manual_seed(0)
    model = Various()
    look = inspect(model, inputs=image(0))
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    model(image(3)).mean().backward()
    optimizer.step()
    again = inspect(model, inputs=image(0), like=look)
    assert again._look.repeated
    assert not torch.equal(again.activation("first"), look.activation("first"))
    check(again, model, image(0))


def _set(name: str, value: Any) -> Callable[[Various], Any]:
    return lambda model: setattr(model, name, value)


CHANGES: dict[str, Callable[[Various], Any]] = {
    "a number": _set("factor", 1),
    "a kind of number": _set("factor", True),
    "a flag in a dict": lambda model: model.flags.update(twice=False),
    "a list in a dict": lambda model: model.flags["order"].append(3),
    "a new attribute": _set("extra", "x"),
    "another module": _set("act", nn.GELU()),
    "another module of the kind": _set("act", nn.ReLU(inplace=False)),
    "a new module": lambda model: model.add_module("more", nn.ReLU()),
    "a module in a module": lambda model: model.norm.add_module("more", nn.ReLU()),
    "a stride": lambda model: setattr(model.first, "stride", (2, 2)),
    "another weight": lambda model: setattr(
        model.first, "weight", nn.Parameter(torch.ones(8, 3, 3, 3))
    ),
    "another precision": lambda model: model.double(),
    "another order in memory": lambda model: model.to(memory_format=torch.channels_last),
    "a hook": lambda model: model.first.register_forward_hook(lambda m, a, out: out.neg()),
    "a hook before": lambda model: model.first.register_forward_pre_hook(lambda m, a: (a[0] * 2,)),
    "a forward of its own": lambda model: setattr(
        model.act, "forward", lambda x: x * 3
    ),
    "a buffer": lambda model: model.register_buffer("more", torch.ones(1)),
    "no bias": lambda model: setattr(model.second, "bias", None),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_was_changed_is_followed_anew(change: str) -> None:
    torch.manual_seed(0)
    model = Various().eval()
    look = inspect(model, inputs=image(0))
    CHANGES[change](model)
    x = image(1).to(next(model.parameters()).dtype)
    again = inspect(model, inputs=x, like=look)
    assert not again._look.repeated
    check(again, model, x)


def test_a_class_that_was_changed_is_followed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Various().eval()
    look = inspect(model, inputs=image(0))
    monkeypatch.setattr(Various, "forward", lambda self, x: self.second(self.first(x)))
    again = inspect(model, inputs=image(0), like=look)
    assert not again._look.repeated
    check(again, model, image(0))


@pytest.mark.parametrize(
    "x", [image(1, 32), image(1)[:1], image(1).to(memory_format=torch.channels_last)]
)
def test_an_input_of_another_form_is_followed_anew(x: Tensor) -> None:
    model = Various().eval()
    again = inspect(model, inputs=x, like=inspect(model, inputs=image(0)))
    assert not again._look.repeated
    check(again, model, x)


def test_other_layers_and_another_model_are_followed_anew() -> None:
    model, other = Various().eval(), Various().eval()
    look = inspect(model, inputs=image(0))
    everything = inspect(model, inputs=image(0), layers="all", like=look)
    assert not everything._look.repeated
    check(everything, model, image(0), layers="all")
    assert not inspect(other, inputs=image(0), like=look)._look.repeated
    some = inspect(model, inputs=image(0), layers=["second"], like=look)
    again = inspect(model, inputs=image(1), layers=["second"], like=some)
    assert again._look.repeated
    check(again, model, image(1), layers=["second"])


def test_autocast_is_seen() -> None:
    model = Various().eval()
    look = inspect(model, inputs=image(0))
    with torch.autocast("cpu", torch.bfloat16):
        again = inspect(model, inputs=image(0), like=look)
        assert not again._look.repeated
        assert inspect(model, inputs=image(0), like=again)._look.repeated


class Course(TwoConvs):
    """Takes a course that depends on more than how it is built."""

    def __init__(self, chooses: Callable[[Any, Tensor], Any], **state: Any) -> None:
        super().__init__()
        self.chooses = chooses
        for name, value in state.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.first(x) if self.chooses(self, x) else self.first(x.flip(2))
        return Tensor.contiguous(self.second(y))


def counted(model: Any) -> int:
    model.count += 1
    return int(model.count)


COURSES: dict[str, Callable[[], nn.Module]] = {
    "a condition": lambda: Course(lambda model, x: x.mean() > 0.5),
    "a number": lambda: Course(lambda model, x: x.sum().item() > 5),
    "a list": lambda: Course(lambda model, x: x[0, 0, 0].tolist()[0] > 0.5),
    "an array": lambda: Course(lambda model, x: x.numpy()[0, 0, 0, 0] > 0.5),
    "a weight": lambda: Course(lambda model, x: model.first.weight[0, 0, 0, 0].item() > 0),
    "how many": lambda: Course(lambda model, x: len(x.nonzero()) > 100),
    "Python's chance": lambda: Course(lambda model, x: random.random() > 0.5),
    "NumPy's chance": lambda: Course(lambda model, x: np.random.rand() > 0.5),
    "chance of its own": lambda: Course(
        lambda model, x: model.chance.random() > 0.5, chance=random.Random(0)
    ),
    "a count": lambda: Course(lambda model, x: counted(model) % 2, count=0),
}


@pytest.mark.parametrize("course", COURSES)
def test_a_course_that_depends_on_more_is_followed_each_time(course: str) -> None:
    model = COURSES[course]().eval()
    look = inspect(model, inputs=image(0))
    assert not inspect(model, inputs=image(1), like=look)._look.repeated


def test_what_no_hook_tells_of_is_followed_each_time() -> None:
    class Functions(TwoConvs):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.first(x)
            return F.conv2d(y, torch.ones(5, y.shape[1], 1, 1))

    model = Functions().eval()
    look = inspect(model, inputs=image(0))
    again = inspect(model, inputs=image(1), like=look)
    assert not again._look.repeated
    check(again, model, image(1))


CHOICE = {"other": False, "raises": False}


class Outside(TwoConvs):
    """Reads what stands outside of it, which cannot be seen; that it ran otherwise can."""

    def forward(self, x: Tensor) -> Tensor:
        if CHOICE["raises"]:
            raise ValueError("as it was told to")
        y: Tensor = self.first(x) if CHOICE["other"] else super().forward(x)
        return y


def test_a_pass_that_ran_otherwise_is_followed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Outside().eval()
    look = inspect(model, inputs=image(0))
    monkeypatch.setitem(CHOICE, "other", True)
    again = inspect(model, inputs=image(1), like=look)
    assert not again._look.repeated
    check(again, model, image(1))
    monkeypatch.setitem(CHOICE, "raises", True)
    with pytest.raises(ForwardError, match="as it was told to"):
        inspect(model, inputs=image(1), like=again)
    assert not model.training
    assert not model.first._forward_hooks


def test_what_a_look_keeps_stays_its_own() -> None:
    model = TwoConvs().eval()
    first = inspect(model, inputs=image(0))
    before = first.activation("first")
    second = inspect(model, inputs=image(1), like=first)
    assert torch.equal(first.activation("first"), before)
    part = second.part(["second"])
    assert [run.name for run in inspect(model, inputs=image(2), like=part).layers] == [
        "first",
        "second",
    ]


def test_a_little_memory_is_kept_to_again() -> None:
    model = TwoConvs().eval()
    first = inspect(model, inputs=image(0, 96), memory_mb=0.05)
    again = inspect(model, inputs=image(1, 96), memory_mb=0.05, like=first)
    assert again._look.repeated
    check(
        again, model, image(1, 96), memory_mb=0.05
    )  # of what is not kept, values are not looked through


def test_the_widget_looks_again_without_following() -> None:
    widget = CNNVisWidget(TwoConvs(), image_tensor(24))
    widget.image = image_tensor(24).flip(2)
    assert widget.inspection._look.repeated
    widget.refresh()
    assert widget.inspection._look.repeated
    assert widget.metadata == describe(widget.inspection)
    widget.close()


def test_memory_of_a_look_that_is_gone_is_written_over_and_no_other() -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 3)).eval()
    x = [image(seed, 64) for seed in range(5)]

    def where(look: Inspection) -> int:
        return look.tiles("0", "feature_maps", copy=False).data_ptr()

    look = inspect(model, inputs=x[0])
    places = [where(look)]
    held = look.tiles("0", "feature_maps")
    before = held.clone()
    for each in x[1:]:
        look = inspect(model, inputs=each, like=look)
        places.append(where(look))
    assert places[2:] == places[:-2], "two places take turns"
    assert torch.equal(held, before)
    check(look, model, x[4])
    kept = inspect(model, inputs=x[0], like=look)
    for each in x[1:]:
        look = inspect(model, inputs=each, like=look)
    assert torch.equal(kept.activation("0"), inspect(model, inputs=x[0]).activation("0"))
