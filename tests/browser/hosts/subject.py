"""The widget that every front end shows, and what is true of it."""

from __future__ import annotations

from typing import Any

import torch
from nets import TwoConvs, image_tensor
from torch import Tensor, nn

from cnnvis import CNNVisWidget

WIDE = 512
READ = ("layer", "view", "channels")
"""What each front end reads back from Python."""

_left: dict[str, Any] = {}


class Subject(nn.Module):
    """Two convolutions to compare pixel by pixel, and one whose filters weigh over 2 MiB."""

    def __init__(self) -> None:
        super().__init__()
        self.small = TwoConvs()
        self.wide = nn.Conv2d(WIDE, WIDE, 3)

    def forward(self, x: Tensor) -> Tensor:
        second = self.small.second(self.small.relu(self.small.first(x)))
        repeated: Tensor = second.repeat(1, WIDE // 6 + 1, 1, 1)
        wide: Tensor = self.wide(repeated[:, :WIDE])
        return wide.mean((2, 3))


def subject() -> Subject:
    """The same model in every process."""
    torch.manual_seed(0)
    return Subject().eval()


def picture() -> Tensor:
    """The same input in every process."""
    return image_tensor(48)


def widget() -> CNNVisWidget:
    """A widget that opens where the last one of this process was left, as an app does for a visitor."""
    shown = CNNVisWidget(subject(), picture())
    if _left:
        shown.view_state = _left
    shown.observe(lambda _: _left.update(shown.view_state), READ)
    return shown


def read(shown: Any) -> dict[str, Any]:
    """What Python has of a widget."""
    return {name: getattr(shown, name) for name in READ}


def activations() -> dict[str, Tensor]:
    """The maps of the two small layers, by torch's functions alone."""
    with torch.no_grad():
        outputs = subject().small.by_hand(picture())
    return {f"small.{name}": outputs[name] for name in ("first", "second")}
