"""Keypoints move with the picture (Siarohin et al., arXiv 1903.00048; values of face-vid2vid, arXiv 2011.15126).

Direction: the warped picture T(d) samples d at warp(p), so what lies at p in T(d) lies at warp(p) in d. Keypoints x of
both must obey x(d) = warp(x(T(d))), not the reverse.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.geometry.grid import identity_grid, sample

AFFINE_SIGMA = 0.05
SPLINE_SIGMA = 0.005
SPLINE_POINTS = 5
"""a side: 5 x 5 over the picture"""


@dataclass(frozen=True)
class Warp:
    """p -> affine(p) + thin-plate spline(p), one for each member of a batch, in [-1, 1]."""

    affine: Float[Tensor, "batch 2 3"]
    bend: Float[Tensor, "batch knots"]
    """how strongly each knot of the spline pulls, in x and y alike"""

    def points(self, points: Float[Tensor, "batch n 2"]) -> Float[Tensor, "batch n 2"]:
        """warp(p)"""
        # Written out: as a matrix product autocast would take it to bf16.
        column_x, column_y, shift = self.affine[:, None].unbind(-1)
        moved = points[..., :1] * column_x + points[..., 1:] * column_y + shift
        side = round(self.bend.shape[1] ** 0.5)
        edge = torch.linspace(-1, 1, side, device=points.device, dtype=points.dtype)
        knots = torch.stack(torch.meshgrid(edge, edge, indexing="xy"), -1).view(1, 1, -1, 2)
        square = (points[:, :, None] - knots).square().sum(-1)
        kernel = square * torch.log(square + 1e-6) / 2  # r^2 log r
        return moved + (kernel * self.bend[:, None]).sum(-1, keepdim=True)

    def picture(self, picture: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        """T(d): the picture that shows at p what `picture` shows at warp(p)."""
        height, width = picture.shape[-2:]
        grid = identity_grid(height, width, picture).view(1, -1, 2).expand(len(picture), -1, -1)
        return sample(picture, self.points(grid).view(-1, height, width, 2))


def random_warp(batch: int, like: Tensor, generator: torch.Generator | None = None) -> Warp:
    """Another warp for each picture, with the sigmas above; on the device and in the type of `like`."""
    noise = torch.randn(batch, 6 + SPLINE_POINTS**2, generator=generator).to(like)
    affine = torch.eye(2, 3).to(like) + AFFINE_SIGMA * noise[:, :6].view(-1, 2, 3)
    return Warp(affine, SPLINE_SIGMA * noise[:, 6:])


def equivariance(keypoints: Float[Tensor, "batch k d"], warped: Float[Tensor, "batch k d"], warp: Warp) -> Float[Tensor, ""]:
    """Mean |x(d) - warp(x(T(d)))| over x and y. keypoints: x(d); warped: x(T(d)); depth is not looked at."""
    return (keypoints[..., :2] - warp.points(warped[..., :2])).abs().mean()
