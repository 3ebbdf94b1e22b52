"""The source encoder: the source picture as a small pyramid of features."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from reenact.nn.blocks import ConvBlock, Maps, ResidualBlock


class SourceEncoder(nn.Module):
    """The source picture -> features at 1/2, 1/4 and 1/8 of its side. Runs once a portrait."""

    def __init__(self, widths: tuple[int, int, int], blocks: tuple[int, int, int]) -> None:
        """widths: channels at 1/2, 1/4, 1/8 of the side."""
        super().__init__()
        fine, middle, coarse = widths
        self.fine = nn.Sequential(ConvBlock(3, fine, 2, kernel=7), *(ResidualBlock(fine) for _ in range(blocks[0])))
        self.middle = nn.Sequential(ConvBlock(fine, middle, 2), *(ResidualBlock(middle) for _ in range(blocks[1])))
        self.coarse = nn.Sequential(ConvBlock(middle, coarse, 2), *(ResidualBlock(coarse) for _ in range(blocks[2])))

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> tuple[Maps, Maps, Maps]:
        fine = self.fine(image - 0.5)
        middle = self.middle(fine)
        return fine, middle, self.coarse(middle)
