"""A discriminator on the features of a frozen network: only its heads learn, and it knows what faces look like from the start.

Sauer et al., Projected GANs Converge Faster, arXiv 2111.01007; heads on a vision transformer's tokens, and pictures augmented
before it, as in StyleGAN-T, arXiv 2301.09515. Augmentation of true and generated pictures: Zhao et al., arXiv 2006.10738.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
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


class ProjectedDiscriminator(nn.Module):
    """Small convolutional heads on the tokens of several layers of DINOv2."""

    def __init__(self, side: int = 7 * PATCH) -> None:
        """side: px that pictures are enlarged or reduced to."""
        super().__init__()
        self.side = side
        self.features = DinoV2()
        self.heads = nn.ModuleList(_head() for _ in self.features.layers)

    def forward(self, picture: Float[Tensor, "n 3 height width"]) -> Judgement:
        """RGB in [0, 1]; logits of all heads as one map's rows. The features are of the picture as it is, the logits of the
        picture augmented: they are one in evaluation."""
        resized = F.interpolate(picture, size=(self.side, self.side), mode="bicubic")
        found = self.features(augmented(resized) if self.training else resized)
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


def augmented(picture: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n 3 side side"]:
    """Brighter or darker, paler, flatter, shifted, a square cut out: each picture in its own way, with gradients."""
    count, device = len(picture), picture.device

    def uniform(reach: float, *shape: int) -> Tensor:
        return (torch.rand(count, *shape, device=device) * 2 - 1) * reach

    x = picture + uniform(BRIGHTNESS, 1, 1, 1)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + uniform(SATURATION, 1, 1, 1))
    middle = x.mean((1, 2, 3), keepdim=True)
    x = middle + (x - middle) * (1 + uniform(CONTRAST, 1, 1, 1))
    line = torch.linspace(-1, 1, picture.shape[-1], device=device)
    y, across = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([across, y], -1)[None] + uniform(2 * SHIFT, 1, 1, 2)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=True)
    centre = uniform(1.0, 1, 1, 2)
    outside = ((torch.stack([across, y], -1)[None] - centre).abs().amax(-1, keepdim=True) > CUT).permute(0, 3, 1, 2)
    kept = outside | (torch.rand(count, 1, 1, 1, device=device) < 0.5)
    return x * kept
