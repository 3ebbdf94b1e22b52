"""Squares of a picture around a face or a part of it, cut out differentiably and the same way from both pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.core.face_mesh import (
    ARCFACE_GROUPS,
    ARCFACE_POINTS,
    ARCFACE_SIZE,
    LEFT_EYE_OUTER,
    LEFT_LIDS,
    LIPS,
    REGION_SCALE,
    REGION_SIZE,
    RIGHT_EYE_OUTER,
    RIGHT_LIDS,
)
from reenact.geometry.grid import identity_grid, sample

EYE_SCALE, MOUTH_SCALE = 1.6, 1.5
"""ours: side of the square / longer side of the box of an eye's lids, and of the lips; leaves room for the brow and for
lips that part further"""


@dataclass(frozen=True)
class Region:
    """The turned square around each face of a batch, in [-1, 1] of the picture (docs/conventions.md)."""

    centre: Float[Tensor, "batch 2"]
    half: Float[Tensor, " batch"]
    """half the square's side"""
    angle: Float[Tensor, " batch"]
    """radians, clockwise as seen"""

    def inward(self, points: Float[Tensor, "batch n 3"]) -> Float[Tensor, "batch n 3"]:
        """Points of the picture -> the same in [-1, 1] of the square; z in the same unit."""
        xy = _turned(points[..., :2] - self.centre[:, None], -self.angle)
        return torch.cat([xy, points[..., 2:]], -1) / self.half[:, None, None]

    def outward(self, points: Float[Tensor, "batch n 3"]) -> Float[Tensor, "batch n 3"]:
        """The inverse of `inward`."""
        points = points * self.half[:, None, None]
        return torch.cat([_turned(points[..., :2], self.angle) + self.centre[:, None], points[..., 2:]], -1)

    def cut(self, picture: Float[Tensor, "batch 3 height width"], size: int = REGION_SIZE) -> Float[Tensor, "batch 3 size size"]:
        """The square as size x size pixels, bilinear, float32; black beyond the picture, as the landmarker cuts it."""
        grid = identity_grid(size, size, self.centre).view(1, -1, 2) * self.half[:, None, None]
        grid = (_turned(grid, self.angle) + self.centre[:, None]).view(-1, size, size, 2)
        inside = (grid.abs() <= 1).all(-1)[:, None]
        return sample(picture.float(), grid) * inside


def _turned(xy: Float[Tensor, "batch n 2"], angle: Float[Tensor, " batch"]) -> Float[Tensor, "batch n 2"]:
    # Written out: as a matrix product autocast would take it to bf16, where coordinates are half a pixel off.
    cos, sin = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    return torch.stack([cos * xy[..., 0] - sin * xy[..., 1], sin * xy[..., 0] + cos * xy[..., 1]], -1)


def face_region(landmarks: Float[Tensor, "batch 478 d"]) -> Region:
    """The landmarker's region for a face that had these points ([-1, 1] of a square picture), as Face.region()."""
    xy = landmarks[..., :2]
    low, high = xy.amin(1), xy.amax(1)
    eyes = xy[:, LEFT_EYE_OUTER] - xy[:, RIGHT_EYE_OUTER]
    half = REGION_SCALE / 2 * (high - low).amax(1)
    return Region((low + high) / 2, half, torch.atan2(eyes[:, 1], eyes[:, 0]))


def eye_and_mouth_regions(landmarks: Float[Tensor, "batch 478 d"]) -> dict[str, Region]:
    """right_eye, left_eye (the person's) and mouth, each turned with the face; points in [-1, 1] of a square picture.

    Where they lie is taken as given: no gradient runs through the landmarks.
    """
    angle = face_region(landmarks).angle
    parts = {"right_eye": (RIGHT_LIDS, EYE_SCALE), "left_eye": (LEFT_LIDS, EYE_SCALE), "mouth": (LIPS, MOUTH_SCALE)}
    return {name: _around(landmarks[:, list(points), :2], scale, angle) for name, (points, scale) in parts.items()}


def _around(points: Float[Tensor, "batch n 2"], scale: float, angle: Float[Tensor, " batch"]) -> Region:
    low, high = points.amin(1), points.amax(1)
    return Region(((low + high) / 2).detach(), (scale / 2 * (high - low).amax(1)).detach(), angle.detach())


def arcface_region(landmarks: Float[Tensor, "batch 478 d"]) -> Region:
    """The square that lays eyes, nose tip and mouth corners on ArcFace's five reference points, least squares
    (Umeyama 1991), cut at ARCFACE_SIZE px; points in [-1, 1] of a square picture. No gradient runs through it."""
    landmarks = landmarks.detach()
    target = torch.stack([landmarks[:, list(group), :2].mean(1) for group in ARCFACE_GROUPS], 1)
    reference = target.new_tensor(ARCFACE_POINTS) * (2 / ARCFACE_SIZE) - 1
    mean, target_mean = reference.mean(0), target.mean(1)
    p, q = reference - mean, target - target_mean[:, None]
    spread = p.square().sum()
    along = (p * q).sum((1, 2)) / spread
    across = (p[:, 0] * q[..., 1] - p[:, 1] * q[..., 0]).sum(1) / spread
    shift = torch.stack([along * mean[0] - across * mean[1], across * mean[0] + along * mean[1]], -1)
    return Region(target_mean - shift, torch.hypot(along, across), torch.atan2(across, along))
