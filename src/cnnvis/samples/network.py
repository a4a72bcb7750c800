"""The architecture of the shipped sample: a small residual network for RGB pictures of any size."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut around them (He et al., 2016, Fig. 2).

    Args:
        inputs: Channels it takes.
        outputs: Channels it gives.
        stride: Of the first convolution; with a stride, or where the channels differ, the shortcut is
            a 1x1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)  # type: ignore[no-any-return]


class Stem(nn.Sequential):
    """A 7x7 convolution and a pooling, each of stride 2."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, outputs, 7, stride=2, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)


class SampleNet(nn.Module):
    """Tells which of a few photographs a picture was cut from.

    Sixteen convolutions, 0.68 million parameters. Takes (N, 3, H, W) with H, W >= 32, normalized with
    ImageNet's mean and standard deviation; gives (N, classes) logits.

    Args:
        classes: How many photographs it was trained on.
    """

    WIDTHS = (32, 48, 80, 104)

    # what its pictures are to go through, in timm's words
    pretrained_cfg: Final[dict[str, object]] = {
        "input_size": (3, 224, 224),
        "crop_pct": 0.875,
        "interpolation": "bilinear",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
    }

    def __init__(self, classes: int) -> None:
        super().__init__()
        stem, first, second, third = self.WIDTHS
        self.stem = Stem(stem)
        self.stage1 = nn.Sequential(Block(stem, first), Block(first, first))
        self.stage2 = nn.Sequential(Block(first, second, stride=2), Block(second, second))
        self.stage3 = nn.Sequential(Block(second, third, stride=2), Block(third, third))
        self.head = nn.Linear(third, classes)

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 104): the last maps, averaged over all positions."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, classes) logits."""
        return self.head(self.features(x))  # type: ignore[no-any-return]
