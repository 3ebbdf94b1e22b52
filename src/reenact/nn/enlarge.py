"""A frame larger than the network's, with the portrait's own detail. ours: no paper here has it.

Nearly all of a frame is the portrait, warped. What the portrait shows beyond the network's resolution (lashes, pores, hair) is
warped by the same flow and added to the enlarged frame, as strongly as the frame is the portrait there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, sample

CRISP = 0.5
"""ours: of a picture's difference from its binomial 3x3 mean; at twice the side it comes nearest to bicubic enlarging"""
Share = Float[Tensor, "batch 1 size size"]


class Enlarge(nn.Module):
    """The very last step of a render, where a portrait is larger than the network's pictures."""

    def forward(
        self,
        frame: Float[Tensor, "batch 3 size size"],
        grid: Float[Tensor, "batch size size 2"],
        moved: Share,
        stayed: Share,
        detail: Float[Tensor, "batch 3 side side"],
    ) -> Tensor:
        """uint8 RGB [batch,side,side,3]. frame: RGB in [0, 1]; grid: where it was looked up, in [-1, 1]; moved, stayed: how much
        of each pixel is the warped and the unmoved portrait, 0..1; detail: `detail_of` the portrait."""
        side = detail.shape[-1]
        offset = (grid - identity_grid(grid.shape[1], grid.shape[2], grid)).permute(0, 3, 1, 2)
        planes = _bilinear(torch.cat([_crisp(frame), offset, moved, stayed], 1), side)
        whole = planes[:, 3:5].permute(0, 2, 3, 1) + identity_grid(side, side, grid)
        large = planes[:, :3] + planes[:, 5:6] * sample(detail, whole) + planes[:, 6:] * detail
        return (large.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)


def detail_of(
    portrait: Float[Tensor, "batch 3 side side"], small: Float[Tensor, "batch 3 size size"]
) -> Float[Tensor, "batch 3 side side"]:
    """What the portrait shows beyond its small form: their difference, both RGB in [0, 1]."""
    return portrait - _bilinear(_crisp(small), portrait.shape[-1])


def _crisp(picture: Tensor) -> Tensor:
    """Edges raised by as much as bilinear enlarging will flatten them. Bicubic enlarging is as good and takes four times as
    long."""
    kernel = picture.new_tensor([1.0, 2.0, 1.0]) / 4
    weight = -CRISP * torch.outer(kernel, kernel)
    weight[1, 1] += 1 + CRISP
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, weight.expand(picture.shape[1], 1, 3, 3), groups=picture.shape[1])


def _bilinear(maps: Tensor, side: int) -> Tensor:
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)
