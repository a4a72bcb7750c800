"""What ran: order, calls, functions, in-place followers, multiply-adds, what stood in the way."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from nets import Shared, TwoConvs, image_tensor
from torch import Tensor, nn

from cnnvis import ForwardError, inspect
from cnnvis.callers import NOWHERE, callers
from cnnvis.frame import unpack
from cnnvis.memory import available
from cnnvis.operation import Schema

X = image_tensor(12)


def test_in_place_followers_are_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.by_relu, self.by_add, self.by_view = (nn.Conv2d(3, 3, 1) for _ in range(3))
            self.by_out, self.by_data, self.kept = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            a = F.relu(self.by_relu(x), inplace=True)
            b = self.by_add(a)
            b += 1
            c = self.by_view(b)
            c[:, :1].mul_(2)
            d = self.by_out(c)
            torch.neg(d, out=d)
            e = self.by_data(d)
            e.data.zero_()
            return self.kept(e).relu()

    look = inspect(Net(), inputs=X)
    assert {run.name: run.in_place for run in look.layers} == {
        "by_relu": "relu_",
        "by_add": "add_",
        "by_view": "mul_",
        "by_out": "neg",
        "by_data": "zero_",
        "kept": None,
    }
    (note,) = [note for note in look.notes if note.layer == "by_relu" and "in-place" in note.kind]
    assert note.text == "relu_ then overwrites its output; shown is what it was before."


@pytest.mark.parametrize("build", [torchvision.models.vgg11, torchvision.models.squeezenet1_1])
def test_every_convolution_of_these_is_overwritten_and_of_a_resnet_none(build: Any) -> None:
    look = inspect(build(weights=None).eval(), inputs=image_tensor(64))
    assert {run.in_place for run in look.layers} == {"relu_"}
    look = inspect(torchvision.models.resnet18(weights=None).eval(), inputs=image_tensor(64))
    assert {run.in_place for run in look.layers} == {None}


def products(x: Tensor, layer: Any) -> int:
    """Multiply-adds of a layer, counted: one for each pair of an input value and a weight that meet."""
    x, weight = torch.ones_like(x), layer.weight
    with torch.no_grad():
        ones = torch.ones_like(weight)
        layer.weight.copy_(ones)
        if layer.bias is not None:
            layer.bias.zero_()
        return int(layer(x).sum())  # where nothing is padded every product is a one


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(4, 6, 3, stride=2, groups=2), (1, 4, 11)),
        (nn.Conv2d(4, 6, (3, 2), dilation=(1, 2)), (2, 4, 9, 8)),
        (nn.Conv2d(4, 4, 3, groups=4), (3, 4, 9, 8)),
        (nn.Conv3d(2, 3, 2), (1, 2, 4, 5, 6)),
        (nn.ConvTranspose1d(4, 6, 5, stride=3), (1, 4, 7)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, bias=False), (2, 4, 5, 6)),
        (nn.ConvTranspose3d(2, 3, 2), (1, 2, 3, 4, 5)),
        (nn.Linear(7, 5), (2, 7)),
        (nn.Linear(7, 5), (1, 3, 7)),
    ],
)
def test_multiply_adds_are_the_products_that_are_summed(layer: nn.Module, shape: Any) -> None:
    x = torch.rand(shape)
    look = inspect(nn.Sequential(layer), inputs=x, layers="all")
    macs = look.layers[0].macs
    assert macs is not None
    images = shape[0] if len(shape) > 2 else 1
    assert macs * images == products(x, layer)


def test_multiply_adds_of_calls_add_up() -> None:
    look = inspect(Shared(), inputs=X)
    assert look.layer("conv").macs == 3 * (3 * 12 * 12) * 27
    assert look.layer("unused").macs == 0


def test_functions_are_told_apart() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.rand(3, 3, 1, 1))
            self.b = nn.Parameter(torch.rand(3, 3, 1, 1))
            self.add_module("conv2d() 2", nn.Conv2d(3, 3, 1))  # torch accepts such a name
            self.inner = Inner()

        def forward(self, x: Tensor) -> Tensor:
            x = F.conv2d(x, self.a)
            x = F.conv2d(x, self.b)
            x = F.conv2d(x, self.a)
            for _ in range(2):
                x = F.conv2d(x, torch.ones(3, 3, 1, 1))  # made anew: one place, two calls
            x = self.get_submodule("conv2d() 2")(x)
            return self.inner(self.inner(x))

    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.conv_transpose2d(x, torch.ones(3, 3, 2, 2), stride=2)

    look = inspect(Net(), inputs=X)
    assert [(run.name, run.calls) for run in look.layers] == [
        ("conv2d()", 2),
        ("conv2d() 3", 1),
        ("conv2d() 4", 2),
        ("conv2d() 2", 1),
        ("inner.conv_transpose2d()", 2),
    ]
    run = look.layer("inner.conv_transpose2d()")
    assert (run.layer.kind, run.layer.type) == ("conv_transpose", "F.conv_transpose2d")
    assert (run.layer.stride, run.layer.path) == ((2, 2), ("inner",))
    assert look.filters(run.name).shape == (3, 3, 2, 2)


def test_weights_that_are_used_without_a_call() -> None:
    model = nn.Sequential(nn.Conv1d(4, 8, 1), nn.MultiheadAttention(5, 1, batch_first=True))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.attention = model
            self.aux = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            y: Tensor = self.attention(x, x, x)[0]
            return y

    look = inspect(Net().eval(), inputs=torch.rand(1, 4, 5), layers=lambda la: la.kind != "other")
    notes = {note.layer: note for note in look.notes if note.layer}
    assert notes["attention.out_proj"].kind == "weights bypassed"
    assert notes["aux"].kind == "never ran"
    assert "auxiliary heads are for training" in notes["aux"].text


def test_convolutions_under_autocast_keep_their_names() -> None:
    class Net(TwoConvs):
        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, self.first.weight)

    with torch.autocast("cpu", torch.bfloat16):
        look = inspect(Net(), inputs=X)
    assert [(run.name, run.bypassed) for run in look.layers if run.ran] == [("first", True)]


def test_callers_are_the_modules_in_whose_methods_we_are() -> None:
    seen: list[Any] = []

    class Inner(nn.Module):
        def forward(self) -> None:
            seen.extend(callers())

        def other(self) -> None:
            self.forward()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, how: str) -> None:
            if how == "call":
                self.inner()
            else:
                (lambda: self.inner.other())()

    model = Outer()
    model("call")
    assert [(c.module, c.called) for c in seen] == [(model.inner, True), (model, True)]
    assert all(c.line[0] == __file__ for c in seen)
    seen.clear()
    model("method")
    assert [(c.module, c.called) for c in seen] == [(model.inner, False), (model, True)]
    assert list(callers()) == []
    assert NOWHERE == ("", 0)


def test_what_an_operation_writes_is_in_its_schema() -> None:
    aten: Any = torch.ops.aten
    x, y = torch.ones(2), torch.ones(2)
    assert list(Schema.of(aten.relu_.default).written((x,), {})) == [x]
    assert list(Schema.of(aten.relu.default).written((x,), {})) == []
    (written,) = Schema.of(aten.add.out).written((x, x), {"out": y})
    assert written is y
    assert Schema.of(object()).name == ""


def test_an_output_that_would_not_fit_ends_the_look_and_not_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 64, 1), nn.Conv2d(64, 1, 1))
    x = torch.zeros(1, 3, 600, 600)  # the second gives 92 MB
    assert all(run.ran for run in inspect(model, inputs=x).layers)
    monkeypatch.setattr("cnnvis.trace.available", lambda: 100 << 20)
    with pytest.raises(
        ForwardError, match="MemoryError: conv2d would give .1, 64, 600, 600., 0.1 GiB"
    ):
        inspect(model, inputs=x)
    look = inspect(model, inputs=x, partial=True)
    assert [run.ran for run in look.layers] == [True, False, False]
    monkeypatch.setattr("cnnvis.trace.available", lambda: None)
    assert all(run.ran for run in inspect(model, inputs=x).layers), "where nothing is known, try"


def test_the_system_says_how_much_memory_is_left() -> None:
    left = available()
    assert left is None or 0 < left < 1 << 50


def test_watching_that_fails_is_said_and_disturbs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise ValueError("a bug of ours")

    monkeypatch.setattr("cnnvis.trace.Fields.follow", broken)
    model = TwoConvs()
    look = inspect(model, inputs=X)
    with torch.no_grad():
        truth = model.by_hand(X)
    assert torch.equal(look.activation("first"), truth["first"])
    (note,) = [note for note in look.notes if note.kind == "trace"]
    assert "a bug of ours" in note.text


def test_progress_counts_the_layers() -> None:
    told: list[tuple[int, int]] = []
    inspect(TwoConvs(), inputs=X, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("memory_mb", [0, 0.004, 0.02, 1])
def test_whatever_the_memory_the_numbers_are_the_same(memory_mb: float) -> None:
    model = nn.Sequential(
        *itertools.chain(*((nn.Conv2d(3, 3, 3), nn.ReLU(True)) for _ in range(4)))
    )
    full, look = inspect(model, inputs=X), inspect(model, inputs=X, memory_mb=memory_mb)
    for run in (*look.layers, *reversed(look.layers)):
        one, other = unpack(look.frame(run.name)), unpack(full.frame(run.name))
        assert (one.codes == other.codes).all()
        assert (one.bounds == other.bounds).all()
        assert one.factor == other.factor
        assert torch.equal(look.activation(run.name), full.activation(run.name))
        kept = sum(t.numel() * 4 for r in look.layers for _, t in look._look.exact(r.name))
        assert kept <= memory_mb * 2**20


def test_other_inputs_than_the_image_do_not_hide_its_fields() -> None:
    class Conditioned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.embed = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(5, 4)
            self.last = nn.Conv2d(4, 2, 3)

        def forward(self, x: Tensor, step: Tensor) -> Tensor:
            y: Tensor = self.last(self.conv(x) + self.embed(step)[:, :, None, None])
            return y

    look = inspect(Conditioned(), inputs=(X, torch.rand(1, 5)))
    field = look.layer("last").receptive_field
    assert field is not None
    assert (field.size, field.stride, field.start) == ((5, 5), (1, 1), (-1, -1))


def test_the_receptive_field_of_each_call() -> None:
    look = inspect(Shared(), inputs=X)
    assert [f.size for f in look.layer("conv").receptive_fields if f is not None] == [
        (3, 3),
        (5, 5),
        (7, 7),
    ]
    assert look.layer("unused").receptive_field is None
