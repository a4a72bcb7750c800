"""Receptive fields of models that do odd things with memory: unknown, or right. Never wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnvis import inspect

SIDE = 16


def write_through_a_view(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :1] = x[:, 1:].flip(2)
    return y


def write_through_data(x: Tensor) -> Tensor:
    y = x.clone()
    y.data.copy_(x.flip(3))
    return y


def exchange_data(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y.data = x.flip(2)
    return y


def write_through_a_transposed_view(x: Tensor) -> Tensor:
    y = x.clone()
    y.transpose(2, 3).mul_(x)
    return y


def write_out(x: Tensor) -> Tensor:
    y = torch.empty_like(x)
    torch.add(x, x.flip(2), out=y)
    return y


def write_a_part(x: Tensor) -> Tensor:
    y = torch.zeros(1, 2, SIDE + 4, SIDE)
    y[:, :, 2 : SIDE + 2] = x
    return y


def overwrite_half(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :, : SIDE // 2].copy_(x[:, :, SIDE // 2 :])
    return y


def read_in_another_order(x: Tensor) -> Tensor:
    return x.as_strided(x.shape, (x.stride(0), x.stride(1), x.stride(3), x.stride(2)))


def read_backwards(x: Tensor) -> Tensor:
    return (
        x.as_strided(x.shape, x.stride(), 0).clone().as_strided((1, 2, SIDE, SIDE), (1, 1, 1, SIDE))
    )


def through_numpy(x: Tensor) -> Tensor:
    return x + torch.from_numpy(np.ascontiguousarray(x.numpy()[:, :, ::-1]))


def through_an_array(x: Tensor) -> Tensor:
    return x + torch.as_tensor(np.asarray(x).copy()).flip(2)


def through_a_list(x: Tensor) -> Tensor:
    return x * torch.tensor(x.mean().tolist())


def through_a_number(x: Tensor) -> Tensor:
    return x * float(x.max())


def by_a_condition(x: Tensor) -> Tensor:
    return x if bool(x.sum() > 1e9) else 2 * x.flip(2)


OPERATIONS: list[Callable[[Tensor], Tensor]] = [
    write_through_a_view,
    write_through_data,
    exchange_data,
    write_through_a_transposed_view,
    write_out,
    write_a_part,
    overwrite_half,
    read_in_another_order,
    read_backwards,
    through_numpy,
    through_an_array,
    through_a_list,
    through_a_number,
    by_a_condition,
    lambda x: x.roll(3, 2),
    lambda x: x.roll((1, -2), (2, 3)),
    lambda x: x.flip(2),
    lambda x: x[:, :, torch.arange(SIDE).flip(0)],
    lambda x: x[:, :, torch.randperm(SIDE)],
    lambda x: x + x.transpose(2, 3),
    lambda x: x.cumsum(2),
    lambda x: x.sort(2).values,
    lambda x: torch.fft.fft2(x).real,
    lambda x: x.gather(2, x.argmax(2, keepdim=True).expand_as(x)),
    lambda x: torch.zeros_like(x).scatter_(2, torch.arange(SIDE).flip(0)[:, None].expand_as(x), x),
    lambda x: torch.where(x.flip(2) > 0, x, 0 * x),
    lambda x: x + x.mean(2, keepdim=True).expand_as(x),
    lambda x: x @ torch.ones(SIDE, SIDE).triu(),
    lambda x: torch.ones(SIDE, SIDE).tril() @ x,
    lambda x: torch.einsum("bchw,bdhw->bchd", x, x) @ x.new_ones(2, SIDE),
    lambda x: F.grid_sample(x, torch.rand(1, SIDE, SIDE, 2) * 2 - 1, align_corners=False),
    lambda x: F.pad(x, (3, 3, 3, 3), mode="circular"),
    lambda x: F.pad(x, (5, 5, 5, 5), mode="reflect")[:, :, 2:-2, 2:-2],
    lambda x: F.pad(x, (-2, 3, 1, -1)),
    lambda x: F.interpolate(x, size=(11, 23), mode="bilinear"),
    lambda x: F.interpolate(x, scale_factor=1.7, mode="nearest"),
    lambda x: F.fold(F.unfold(x, 3, padding=1), (SIDE, SIDE), 3, padding=1),
    lambda x: F.pixel_unshuffle(x, 2),
    lambda x: x.view(1, 2, 4, 4, 4, 4).permute(0, 1, 3, 2, 5, 4).reshape(1, 2, SIDE, SIDE),
    lambda x: x.flatten(2).transpose(1, 2).reshape(1, 2, SIDE, SIDE),
    lambda x: torch.cat([x[:, :, 8:], x[:, :, :8]], 2),
    lambda x: torch.stack([x[:, 0], x[:, 1].flip(1)], 1),
    lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    lambda x: F.fractional_max_pool2d(x, 2, output_size=7),
]


class Odd(nn.Module):
    """An operation between two convolutions of positive weights."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.before, self.after = nn.Conv2d(1, 2, 3, padding=1), nn.LazyConv2d(1, 3, padding=1)
        self.operation = operation

    def forward(self, x: Tensor) -> Tensor:
        torch.manual_seed(0)
        y: Tensor = self.after(self.operation(self.before(x)))
        return y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_pixel_outside_the_field_changes_a_unit(operation: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(1)
    model, x = Odd(operation).eval(), torch.rand(1, 1, SIDE, SIDE) + 0.1
    with torch.no_grad():
        model(x)
        for parameter in model.parameters():
            parameter.abs_().add_(0.01)
        base = model(x)
        run = inspect(model, inputs=x).layer("after")
        field = run.receptive_field
        if field is None:
            assert run.field_reason
            return
        for axis in (0, 1):
            for line in range(SIDE):
                changed = x.clone()
                changed.select(axis + 2, line).add_(torch.rand(SIDE) + 5)
                moved = (model(changed) - base).abs()[0, 0] > 1e-5
                for unit in moved.nonzero().tolist():
                    assert line in field.unit(unit)[axis], (axis, line, unit, field)


def test_most_of_these_are_known() -> None:
    x = torch.rand(1, 1, SIDE, SIDE)
    known = 0
    for operation in OPERATIONS:
        model = Odd(operation).eval()
        with torch.no_grad():
            model(x)
        known += inspect(model, inputs=x).layer("after").receptive_field is not None
    assert known >= len(OPERATIONS) // 2
