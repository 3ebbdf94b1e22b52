"""Convolution blocks: 2-D only, batch-normalised, so that they fold into plain convolutions at export."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Maps = Float[Tensor, "batch _channel _row _column"]
Keypoints = Float[Tensor, "batch keypoint 3"]
P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Arithmetic of coordinates: in fp32 whatever autocast says, for in bf16 a coordinate is half a pixel off."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            return function(*args, **kwargs)

    return run


class ConvBlock(nn.Sequential):
    """3x3 (or `kernel`) convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """x + conv(conv(x)); the second half starts at nothing, so a fresh block is the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.constant_(self.norm.weight, 0.1)

    def forward(self, x: Float[Tensor, "batch channel row column"]) -> Float[Tensor, "batch channel row column"]:
        return F.relu(x + self.norm(self.second(self.first(x))))


class Modulation(nn.Module):
    """Feature-wise scale and shift from a code (FiLM); starts as the identity."""

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self, x: Float[Tensor, "batch channel row column"], code: Float[Tensor, "batch code"]
    ) -> Float[Tensor, "batch channel row column"]:
        gain, shift = self.linear(code)[:, :, None, None].chunk(2, 1)
        return x * (1 + gain) + shift


def upsample(x: Float[Tensor, "batch channel row column"]) -> Tensor:
    """Twice the side, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def pool(x: Float[Tensor, "batch channel row column"], size: int) -> Tensor:
    """Mean over cells down to size x size (an integer fraction of the side)."""
    factor = x.shape[-1] // size
    return F.avg_pool2d(x, factor) if factor > 1 else x


def to_flow_size(flow: Float[Tensor, "batch channel row column"], size: int) -> Tensor:
    """A map at another size: mean over cells where it shrinks, bilinear where it grows."""
    if size <= flow.shape[-1]:
        return pool(flow, size)
    return F.interpolate(flow, size=(size, size), mode="bilinear", align_corners=False)


def parameter_count(module: nn.Module) -> int:
    """Trainable numbers in a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
