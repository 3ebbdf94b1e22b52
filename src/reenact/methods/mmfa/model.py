"""What is the method's own in the three verbs (nn/keypoint_method.py): how a motion places the keypoints.

x = s R (x_c + d(e)) + t          (methods.md 3.3: the expression lives in the head's own frame)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reenact.geometry.rotation import rotation_matrix
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.parts import ExpressionDecoder, MotionEncoder
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import Pose, Tensors


class Mmfa(KeypointMethod):
    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"] | None = None) -> None:
        """template: the mean face's keypoints (faces/points.py); left out, it comes with the weights."""
        template = torch.zeros(config.keypoints, 3) if template is None else template
        super().__init__(config, MotionEncoder(config, template), template)
        self.expression = ExpressionDecoder(config)

    def pose(self, canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
        """x = s R (x_c + d(e)) + t, with t_z = 0."""
        return place(canonical + self.expression(motion["expression"]), motion)

    def teacher(self, truth: Tensors) -> Pose:
        """The teacher's mesh is x_c + d already; its pose has a scale."""
        return place(truth["head"], truth)

    @torch.no_grad()
    def amplify(self, gain: float) -> None:
        """d(e) times `gain`."""
        self.expression.layers[-1].weight *= gain


def place(head: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
    """Keypoints in the head's frame -> in the picture."""
    rotation = rotation_matrix(motion["head_pose"])
    moved = motion["scale"][:, :, None] * (head @ rotation.transpose(1, 2))
    shift = F.pad(motion["translation"], (0, 1))
    return Pose(moved + shift[:, None], head, rotation, motion)
