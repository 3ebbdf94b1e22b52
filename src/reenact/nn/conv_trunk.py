"""What every reader of faces begins with."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from reenact.nn.blocks import ConvBlock, ResidualBlock


class ConvTrunk(nn.Module):
    """A view -> one feature vector: strided stages down to 4x4, 1x1 convolution, one linear layer."""

    def __init__(self, view: int, widths: tuple[int, ...], squeeze: int, features: int) -> None:
        """view: side of the view, px; widths: channels of the stages; squeeze: channels after the 1x1 convolution."""
        super().__init__()
        stages: list[nn.Module] = [ConvBlock(3, widths[0], 2)]
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            stages += [ConvBlock(inputs, outputs, 2), ResidualBlock(outputs), ResidualBlock(outputs)]
        self.trunk = nn.Sequential(*stages, nn.Conv2d(widths[-1], squeeze, 1), nn.Flatten())
        self.neck = nn.Sequential(nn.Linear(squeeze * (view // 2 ** len(widths)) ** 2, features), nn.ReLU(inplace=True))

    def forward(self, view: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch feature"]:
        """view in [0, 1]."""
        return self.neck(self.trunk(view - 0.5)).float()


def small(layer: nn.Linear) -> nn.Linear:
    """A head whose answers start near nothing."""
    nn.init.normal_(layer.weight, std=1e-3)
    nn.init.zeros_(layer.bias)
    return layer
