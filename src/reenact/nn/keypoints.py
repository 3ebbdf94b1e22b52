"""Keypoints of a picture, and what follows from two sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reenact.geometry.rotation import rotation_matrix
from reenact.nn.blocks import exact

Tensors = Mapping[str, Tensor]


class Pose(NamedTuple):
    """Keypoints of one picture, with what they were made of."""

    keypoints: Float[Tensor, "batch keypoint 3"]
    """in [-1, 1] of the crop"""
    head: Float[Tensor, "batch keypoint 3"]
    """the same in the head's own frame: what the method calls the face's shape with its expression"""
    rotation: Float[Tensor, "batch 3 3"]
    motion: Tensors


@exact
def place(head: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
    """Keypoints in the head's frame -> in the picture: s R head + t, with t_z = 0."""
    rotation = rotation_matrix(motion["head_pose"])
    moved = motion["scale"][:, :, None] * (head @ rotation.transpose(1, 2))
    shift = F.pad(motion["translation"], (0, 1))
    return Pose(moved + shift[:, None], head, rotation, motion)


@exact
def relative_matrix(source: Pose, driving: Pose) -> Float[Tensor, "batch 2 2"]:
    """The image-plane block of s_s R_s (s_d R_d)^-1."""
    ratio = source.motion["scale"] / driving.motion["scale"]
    return ratio[:, :, None] * (source.rotation @ driving.rotation.transpose(1, 2))[:, :2, :2]


def keypoint_spread(template: Float[Tensor, "keypoint 3"]) -> Float[Tensor, " keypoint"]:
    """How far a keypoint's influence reaches: half the mean distance to its three nearest (ours), at least 0.03."""
    distance = torch.cdist(template[None], template[None])[0]
    return (0.5 * distance.sort(1).values[:, 1:4].mean(1)).clamp(min=0.03)
