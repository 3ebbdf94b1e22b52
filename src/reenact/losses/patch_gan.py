"""A patch discriminator and what it teaches: hinge, feature matching, R1.

Isola et al., arXiv 1611.07004 (patches); Miyato et al., arXiv 1802.05957 (spectral norm); Lim and Ye, arXiv 1705.02894
(hinge); Wang et al., arXiv 1711.11585 (feature matching); Mescheder et al., arXiv 1801.04406 (R1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True)
class Judgement:
    """What a discriminator makes of a batch of pictures."""

    logits: Float[Tensor, "batch 1 rows columns"]
    """one for each patch: > 0 where it is taken for real"""
    features: tuple[Tensor, ...]
    """the activations of each block, coarser and coarser"""


class PatchDiscriminator(nn.Module):
    """Blocks of 4x4 convolutions with stride 2, instance norm (not in the first) and leaky ReLU; a 1x1 head.

    At 256 px four blocks see patches of 46 px on a 16x16 grid.
    """

    def __init__(self, width: int = 64, blocks: int = 4, inputs: int = 3) -> None:
        """width: channels of the first block, doubled in each up to 8 x; inputs: more than 3 when maps are given too."""
        super().__init__()
        channels = [inputs] + [width * min(2**i, 8) for i in range(blocks)]
        self.blocks = nn.ModuleList(_block(*channels[i : i + 2], norm=i > 0) for i in range(blocks))
        self.head = spectral_norm(nn.Conv2d(channels[-1], 1, 1))

    def forward(self, picture: Float[Tensor, "batch inputs height width"]) -> Judgement:
        """RGB in [0, 1], further maps behind it."""
        x, features = picture * 2 - 1, []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return Judgement(self.head(x), tuple(features))


def _block(inputs: int, outputs: int, norm: bool) -> nn.Sequential:
    convolution = spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1))
    return nn.Sequential(convolution, nn.InstanceNorm2d(outputs, affine=True) if norm else nn.Identity(), nn.LeakyReLU(0.2))


def hinge_discriminator(real: Float[Tensor, "*patch"], fake: Float[Tensor, "*patch"]) -> Float[Tensor, ""]:
    """mean max(0, 1 - real) + mean max(0, 1 + fake), of logits: 2 for one that knows nothing, 0 for one that is sure."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Float[Tensor, "*patch"]) -> Float[Tensor, ""]:
    """-mean of the logits of generated pictures."""
    return -fake.mean()


def feature_matching(fake: tuple[Tensor, ...], real: tuple[Tensor, ...]) -> Float[Tensor, ""]:
    """Sum over blocks of mean |difference|; gradients in `fake` alone."""
    return torch.stack([(a - b.detach()).abs().mean() for a, b in zip(fake, real, strict=True)]).sum()


def r1(logits: Float[Tensor, "batch 1 rows columns"], real: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, ""]:
    """Mean over the batch of |d (sum of logits) / d picture|^2; weigh it with gamma / 2.

    `logits` are those of `real`, which must ask for gradients; where it is taken every n-th step, weigh n times as much.
    """
    (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()
