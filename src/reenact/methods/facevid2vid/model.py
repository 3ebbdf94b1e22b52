"""What is the method's own in the three verbs (nn/keypoint_method.py): how a motion places the keypoints.

x = R x_c + t + d          (docs/design/methods.md 1.1: what is left of expression and size is added in the camera's frame)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reenact.geometry.rotation import rotation_matrix
from reenact.methods.facevid2vid.config import Config
from reenact.methods.facevid2vid.parts import MotionEncoder
from reenact.nn.blocks import exact
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import Pose, Tensors


class FaceVid2Vid(KeypointMethod):
    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"] | None = None) -> None:
        """template: the mean face's keypoints (faces/points.py); left out, it comes with the weights."""
        template = torch.zeros(config.keypoints, 3) if template is None else template
        super().__init__(config, MotionEncoder(config, template), template)

    @exact
    def pose(self, canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
        """x = R x_c + t + d, with t_z = 0 and no scale, whatever `motion` says of it."""
        return place(canonical, motion)

    @exact
    def teacher(self, truth: Tensors) -> Pose:
        """The teacher's mesh, R and t; d is what is left of it then: R (s head - x_c)."""
        rotation = rotation_matrix(truth["head_pose"])
        left = truth["scale"][:, :, None] * truth["head"] - truth["canonical"]
        return place(truth["canonical"], {**truth, "expression": (left @ rotation.transpose(1, 2)).flatten(1)})

    @torch.no_grad()
    def amplify(self, gain: float) -> None:
        """What d holds besides the head's size, times `gain`."""
        shown, shape = self.motion.offsets, self.motion.canonical
        shown.weight.copy_(shape.weight + gain * (shown.weight - shape.weight))
        shown.bias.copy_(shape.bias + gain * (shown.bias - shape.bias))


def place(canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
    """Canonical keypoints -> in the picture. The generator is conditioned on x un-rotated: x_c + R^T d."""
    rotation = rotation_matrix(motion["head_pose"])
    offsets = motion["expression"].view(-1, *canonical.shape[1:])
    moved = canonical @ rotation.transpose(1, 2) + offsets
    shift = F.pad(motion["translation"], (0, 1))
    motion = {**motion, "scale": torch.ones_like(motion["translation"][:, :1])}
    return Pose(moved + shift[:, None], moved @ rotation, rotation, motion)
