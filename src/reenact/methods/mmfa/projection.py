"""Offsets that cannot imitate a pose: what a shift, a small turn and a change of size would explain is taken out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.faces.points import MESH_POINTS
from reenact.nn.blocks import Keypoints

RIGID = tuple(MESH_POINTS.index(point) for point in (33, 133, 362, 263, 10, 205, 425))
"""Keypoints that say where a head is: eye corners, forehead, cheeks; those of ours that the teacher's pose fit counts, so that
projected offsets and the teacher mean the same by pose. All keypoints would take an open jaw for a nod."""


def without_pose(canonical: Keypoints, offsets: Keypoints, rigid: Sequence[int] = RIGID) -> Keypoints:
    """d - (a + w x x_c + g x_c), with a, w, g the least-squares fit to d on the keypoints `rigid`.

    Linear in d, and a second time it changes nothing; d = 0 stays 0. canonical, offsets: the same number of keypoints.
    rigid: numbers of the keypoints that say where a head is (at least three, not on a line). With all keypoints it is the
    orthogonal projection: mean, best-fit rotation and best-fit scale of d are then zero.
    """
    rigid = list(rigid)
    middle = canonical[:, rigid].mean(1, keepdim=True)
    arm, change = canonical[:, rigid] - middle, offsets[:, rigid]
    shift = change.mean(1, keepdim=True)
    change = change - shift
    squared = arm.square().sum((1, 2), keepdim=True)
    growth = (arm * change).sum((1, 2), keepdim=True) / squared
    inertia = squared * torch.eye(3, device=arm.device, dtype=arm.dtype) - arm.transpose(1, 2) @ arm
    turn = (inverse(inertia) @ cross(arm, change).sum(1)[:, :, None]).transpose(1, 2)
    around = canonical - middle
    return offsets - shift - growth * around - cross(turn.expand_as(around), around)


def cross(left: Float[Tensor, "*batch 3"], right: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """The cross product, of operators that every run-time knows."""
    ahead, behind = [1, 2, 0], [2, 0, 1]
    return left[..., ahead] * right[..., behind] - left[..., behind] * right[..., ahead]


def inverse(matrix: Float[Tensor, "batch 3 3"]) -> Float[Tensor, "batch 3 3"]:
    """Of a 3x3 matrix that has one, by its cofactors (ONNX has no inverse)."""
    first, second, third = matrix.unbind(1)
    cofactors = torch.stack([cross(second, third), cross(third, first), cross(first, second)], 2)
    return cofactors / (first * cross(second, third)).sum(-1)[:, None, None]
