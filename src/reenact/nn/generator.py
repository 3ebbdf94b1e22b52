"""From a flow and the source's features to a frame."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import resize_flow, sample
from reenact.nn.blocks import ConvBlock, Maps, Modulation, ResidualBlock, pool, to_flow_size, upsample
from reenact.nn.disocclusion import calm
from reenact.nn.sizes import Scales


class Drawn(NamedTuple):
    """What the generator gives, pictures in [0, 1]."""

    frame: Float[Tensor, "batch 3 size size"]
    warped: Float[Tensor, "batch 3 size size"]
    """the source picture, moved by the flow"""
    small: tuple[Tensor, ...]
    """in training, where scales is "each": pictures at 1/4 and 1/2 of the side"""
    keep: Float[Tensor, "batch 1 size size"]
    """how much of each pixel is the warped source, 0..1; the rest is generated"""
    generated: Float[Tensor, "batch 3 size size"] | None = None
    """what is generated, by itself"""


class Generator(nn.Module):
    """Warps the source pyramid and decodes 1/8 -> 1/4 -> 1/2 -> 1 (or from 1/16 to 1/4 -> 1); the last step is a pixel shuffle.

    The picture is a blend of the source itself, warped at full size (skin, hair and cloth keep their texture), and of
    what is generated (mouth, eyes, what the source hides); the blending mask is the network's.
    """

    training_only = ("small",)

    def __init__(
        self,
        widths: tuple[int, int, int],
        motion: int,
        code: int,
        scales: Scales,
        blocks: tuple[int, int, int],
        shuffle: int = 2,
    ) -> None:
        """widths: channels of the source pyramid; motion: channels of the motion features; code: length of the code; scales,
        blocks (residual blocks at 1/2, 1/4, 1/8 of the side): nn/sizes.py; shuffle: by how much the last step enlarges. With 4
        all before it is at half the side, a quarter of the arithmetic (nn/fast.py)."""
        super().__init__()
        fine, middle, coarse = widths
        self.scales, self.shuffle = scales, shuffle
        self.code = nn.Sequential(nn.Linear(code, 128), nn.ReLU(inplace=True))
        self.modulate_coarse, self.modulate_middle = Modulation(128, coarse), Modulation(128, middle)
        self.enter = ConvBlock(coarse + motion, coarse)
        self.coarse = nn.Sequential(*(ResidualBlock(coarse) for _ in range(blocks[2])))
        self.to_middle = ConvBlock(coarse, middle)
        self.middle = nn.Sequential(ConvBlock(2 * middle + motion, middle), *(ResidualBlock(middle) for _ in range(blocks[1])))
        self.to_fine = ConvBlock(middle, fine)
        self.fine = nn.Sequential(ConvBlock(2 * fine + 3 * shuffle**2, fine), *(ResidualBlock(fine) for _ in range(blocks[0])))
        self.head = nn.Conv2d(fine, 4 * shuffle**2, 3, padding=1)
        self.small = nn.ModuleList(nn.Conv2d(width, 3, 3, padding=1) for width in (middle, fine) if scales == "each")
        for head in (self.head, *self.small):
            nn.init.normal_(head.weight, std=1e-2)
            nn.init.zeros_(head.bias)

    def forward(
        self,
        image: Float[Tensor, "batch 3 size size"],
        features: tuple[Maps, Maps, Maps],
        grids: tuple[Tensor, ...],
        occlusion: Maps,
        motion: Maps,
        code: Float[Tensor, "batch code"],
    ) -> Drawn:
        """grids: the flow at the picture's size and at the features', or the same part of all: then that part is rendered."""
        size = grids[0].shape[1]
        inner = 2 * size // self.shuffle
        warped = sample(image, grids[0]).clamp(0, 1)
        hidden = torch.sigmoid(occlusion[:, :1] + 2)
        fine, middle, coarse = (
            sample(level, grid) * to_flow_size(hidden, grid.shape[1]).to(level.dtype)
            for level, grid in zip(features, grids[1:], strict=True)
        )
        folded = F.pixel_unshuffle(warped - 0.5, self.shuffle)
        if self.scales == "one":  # what the coarsest features do not hold cannot be had
            fine, middle, folded = fine * 0, middle * 0, folded * 0
        code = self.code(code)
        x = self.enter(torch.cat([coarse, to_flow_size(motion, inner // 8)], 1))
        x = upsample(self.to_middle(self.coarse(self.modulate_coarse(x, code))))
        x = self.middle(torch.cat([self.modulate_middle(x, code), middle, to_flow_size(motion, inner // 4)], 1))
        levels = [x]
        x = self.fine(torch.cat([upsample(self.to_fine(x)), fine, folded.to(x.dtype)], 1))
        levels.append(x)
        blocks, colours = self.head(x).float(), 3 * self.shuffle**2
        drawn = torch.sigmoid(4 * F.pixel_shuffle(blocks[:, :colours], self.shuffle))
        small = tuple(torch.sigmoid(4 * head(maps)) for head, maps in zip(self.small, levels, strict=False) if self.training)
        if self.scales == "one":
            return Drawn(drawn, warped, small, torch.zeros_like(drawn[:, :1]), drawn)
        keep = torch.sigmoid(calm(blocks[:, colours:]) + to_flow_size(occlusion[:, 1:], size) + 2)
        return Drawn((keep * warped + (1 - keep) * drawn).clamp(0, 1), warped, small, keep, drawn)


def grids(flow: Float[Tensor, "batch 64 64 2"], size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The flow at 1, 1/2, 1/4 and 1/8 of the picture's side."""
    levels = []
    for side in (size, size // 2, size // 4, size // 8):
        small = side < flow.shape[1]
        levels.append(pool(flow.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1) if small else resize_flow(flow, side))
    return tuple(levels)  # type: ignore[return-value]
