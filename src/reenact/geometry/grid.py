"""The only file that samples.

Coordinates run over [-1, 1], x right, y down, and -1 and 1 are the outer edges of the picture (align_corners=False):
pixel i of n has its centre at (2 i + 1) / n - 1. So the identity grid returns its input, at every size.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from reenact.core.shapes import Float


def identity_grid(height: int, width: int, like: Tensor | None = None) -> Float[Tensor, "height width 2"]:
    """xy of every pixel centre, in [-1, 1]."""
    device, dtype = (like.device, like.dtype) if like is not None else (None, None)
    x = (torch.arange(width, device=device, dtype=dtype or torch.float32) * 2 + 1) / width - 1
    y = (torch.arange(height, device=device, dtype=dtype or torch.float32) * 2 + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def sample(
    image: Float[Tensor, "batch channel height width"],
    grid: Float[Tensor, "batch rows columns 2"],
    outside: Literal["border", "zeros"] = "border",
) -> Float[Tensor, "batch channel rows columns"]:
    """`image` sampled bilinearly at `grid`; outside, the border's values go on, or there is nothing. In fp32: a coordinate in
    bf16 is half a pixel off."""
    found = F.grid_sample(image.float(), grid.float(), mode="bilinear", padding_mode=outside, align_corners=False)
    return found.to(image.dtype)


def resize_flow(flow: Float[Tensor, "batch rows columns 2"], size: int) -> Float[Tensor, "batch size size 2"]:
    """A sampling grid at another size, bilinear.

    What is resized is the displacement from the identity, not the coordinates themselves: interpolated coordinates
    are flat beyond the outermost centres, and an identity grid would not stay one.
    """
    offset = flow - identity_grid(flow.shape[1], flow.shape[2], flow)
    offset = F.interpolate(offset.permute(0, 3, 1, 2), size=(size, size), mode="bilinear", align_corners=False)
    return offset.permute(0, 2, 3, 1) + identity_grid(size, size, flow)
