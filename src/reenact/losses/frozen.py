"""What frozen networks are made of, where a trained network's own operator does work that nobody asks for."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A 1x1 convolution of [B,C,H,W] in channels last, as the matrix product that it is: PyTorch's own convolution goes
    through a copy in another layout where one thread works. weight: [D,C,1,1]."""
    return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """x, and where it is negative x times its channel's slope. x: [B,C,...]; slope: [C], which gets no gradient.

    As F.prelu, which also works out the slope's gradient, and on a CPU takes channels last value by value: forward and
    backward together are three to ten times as fast here.
    """
    return _FrozenPReLU.apply(x, slope.to(x.dtype).view(-1, *(1,) * (x.dim() - 2)))


class _FrozenPReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return torch.lerp(x.clamp(min=0), x, slope)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x, slope = ctx.saved_tensors
        return torch.lerp(torch.ops.aten.threshold_backward(gradient, x, 0), gradient, slope), None
