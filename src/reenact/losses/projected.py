"""A discriminator on the features of a frozen network: only its heads learn, and it knows what faces look like from the start.

Sauer et al., Projected GANs Converge Faster, arXiv 2111.01007; heads on a vision transformer's tokens, and pictures augmented
before it, as in StyleGAN-T, arXiv 2301.09515. Augmentation of true and generated pictures: Zhao et al., arXiv 2006.10738.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from reenact.losses.dinov2 import PATCH, WIDTH, DinoV2
from reenact.losses.patch_gan import Judgement

SHIFT = 0.08
"""ours: of the side, most that a picture is shifted by"""
BRIGHTNESS, SATURATION, CONTRAST = 0.2, 0.4, 0.3
"""ours: how far each is changed either way"""
CUT = 0.3
"""ours: side of the square that is cut out, of the picture's; of every other picture in the mean"""
INNER = 96


@dataclass(frozen=True)
class Change:
    """How pictures are augmented, each in its own way: brighter or darker, paler, flatter, shifted, a square cut out."""

    brightness: Float[Tensor, "n 1 1 1"]
    saturation: Float[Tensor, "n 1 1 1"]
    contrast: Float[Tensor, "n 1 1 1"]
    shift: Float[Tensor, "n 1 1 2"]
    cut: Float[Tensor, "n 1 1 2"]
    """middle of the square, [-1, 1]"""
    whole: Bool[Tensor, "n 1 1 1"]
    """nothing is cut out"""

    @staticmethod
    def draw(count: int, device: torch.device) -> Change:
        def uniform(reach: float, last: int = 1) -> Tensor:
            return (torch.rand(count, 1, 1, last, device=device) * 2 - 1) * reach

        tones = uniform(BRIGHTNESS), uniform(SATURATION), uniform(CONTRAST)
        return Change(*tones, uniform(2 * SHIFT, 2), uniform(1.0, 2), torch.rand(count, 1, 1, 1, device=device) < 0.5)

    def of(self, picture: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n 3 side side"]:
        """The pictures changed, with gradients."""
        x = picture + self.brightness
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * (1 + self.saturation)
        middle = x.mean((1, 2, 3), keepdim=True)
        x = middle + (x - middle) * (1 + self.contrast)
        line = torch.linspace(-1, 1, picture.shape[-1], device=picture.device)
        down, across = torch.meshgrid(line, line, indexing="ij")
        places = torch.stack([across, down], -1)[None]
        x = F.grid_sample(x, places + self.shift, padding_mode="reflection", align_corners=True)
        outside = ((places - self.cut).abs().amax(-1, keepdim=True) > CUT).permute(0, 3, 1, 2)
        return x * (outside | self.whole)


class ProjectedDiscriminator(nn.Module):
    """Small convolutional heads on the tokens of several layers of DINOv2."""

    def __init__(self, side: int = 7 * PATCH) -> None:
        """side: px that pictures are enlarged or reduced to."""
        super().__init__()
        self.side = side
        self.features = DinoV2()
        self.heads = nn.ModuleList(_head() for _ in self.features.layers)

    def forward(self, picture: Float[Tensor, "n 3 height width"], change: Change | None = None) -> Judgement:
        """RGB in [0, 1]; logits of all heads as one map's rows. change: how the pictures are augmented first; in training one is
        drawn where none is given. Features of a true and a generated picture can be compared under the same change alone."""
        resized = F.interpolate(picture, size=(self.side, self.side), mode="bicubic")
        if change is None and self.training:
            change = Change.draw(len(picture), picture.device)
        found = self.features(resized if change is None else change.of(resized))
        logits = torch.cat([head(maps) for head, maps in zip(self.heads, found, strict=True)], 2)
        return Judgement(logits, tuple(found))


def _head() -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(WIDTH, INNER, 1)),
        nn.GroupNorm(8, INNER),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(INNER, INNER, 3, padding=1)),
        nn.GroupNorm(8, INNER),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(INNER, 1, 1)),
    )
