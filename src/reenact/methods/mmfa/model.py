"""What is the method's own in the three verbs (nn/keypoint_method.py): how a motion places the keypoints.

x = s R (x_c + d(e)) + t          (docs/design/methods.md 3.3: the expression lives in the head's own frame)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.parts import ExpressionDecoder, MotionEncoder
from reenact.methods.mmfa.projection import RIGID, without_pose
from reenact.methods.mmfa.transform import offsets_of, transformed
from reenact.nn.blocks import Keypoints, exact
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import Pose, Tensors, place

__all__ = ["Mmfa", "place"]


class Mmfa(KeypointMethod):
    config: Config

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"] | None = None) -> None:
        """template: the mean face's keypoints (faces/points.py); left out, it comes with the weights."""
        template = torch.zeros(config.keypoints, 3) if template is None else template
        super().__init__(config, MotionEncoder(config, template), template)
        self.expression = ExpressionDecoder(config)

    @exact
    def pose(self, canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
        """x = s R (x_c + d(e)) + t, with t_z = 0; or as the config's transform says."""
        offsets = self.confined(canonical, self.expression(motion["expression"]))
        return transformed(self.config.transform, canonical, offsets, motion)

    @exact
    def teacher(self, truth: Tensors) -> Pose:
        """The teacher's mesh is x_c + d already; its pose has a scale."""
        return transformed(self.config.transform, truth["canonical"], offsets_of(self.config.transform, truth), truth)

    def confined(self, canonical: Keypoints, offsets: Keypoints) -> Keypoints:
        """Offsets, rid of what a pose could do where the config says so."""
        if self.config.offsets == "free":
            return offsets
        count = self.config.mesh_keypoints
        rigid = RIGID if self.config.rigid == "landmarks" else range(count)
        projected = without_pose(canonical[:, :count], offsets[:, :count], rigid)
        return torch.cat([projected, offsets[:, count:]], 1)

    @torch.no_grad()
    def amplify(self, gain: float) -> None:
        """d(e) times `gain`."""
        self.expression.layers[-1].weight *= gain
