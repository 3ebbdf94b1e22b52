"""Where an expression's offsets enter: the method's own equation, and two others to compare it with (docs/design/methods.md 3.3).

mmfa         x = s R (x_c + d) + t      d in the head's own frame, before rotation and scale
liveportrait x = s (R x_c + d) + t      d in the camera's frame, before scale
facevid2vid  x = R x_c + t + d          d in the camera's frame; no scale, so d carries the head's size
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.geometry.rotation import rotation_matrix
from reenact.methods.mmfa.config import Transform
from reenact.nn.blocks import Keypoints
from reenact.nn.keypoints import Pose, Tensors, place


def transformed(transform: Transform, canonical: Keypoints, offsets: Keypoints, motion: Tensors) -> Pose:
    """Keypoints in the picture. motion: head_pose, scale, translation."""
    rotation = rotation_matrix(motion["head_pose"])
    # Rows are vectors: d @ R is R^T d, the offsets turned back into the head's frame.
    head = canonical + (offsets if transform == "mmfa" else offsets @ rotation)
    return place(head, {**motion, "scale": _scale(transform, motion)})


def offsets_of(transform: Transform, truth: Tensors) -> Keypoints:
    """The d with which `transformed` gives the teacher's keypoints (truth: data.pool.Truth)."""
    ratio = truth["scale"] / _scale(transform, truth)
    left = ratio[:, :, None] * truth["head"] - truth["canonical"]
    return left if transform == "mmfa" else left @ rotation_matrix(truth["head_pose"]).transpose(1, 2)


def _scale(transform: Transform, motion: Tensors) -> Float[Tensor, "batch 1"]:
    return torch.ones_like(motion["scale"]) if transform == "facevid2vid" else motion["scale"]
