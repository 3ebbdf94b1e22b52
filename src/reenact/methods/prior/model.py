"""What is the method's own in the three verbs (nn/keypoint_method.py): how a motion places the keypoints.

x = s R (A (M + I a + B p) + r(p, e)) + t     (docs/design/methods.md 4.3)

M + I a: the source person's neutral mesh; B p: what the driver's coefficients do to a mesh; A: each keypoint's weights over
mesh points; r: what the residual e adds. Pose and expression come from the driver, identity from the source: nothing has to
be aligned by a first frame.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.methods.prior.config import Config
from reenact.methods.prior.face import Face
from reenact.methods.prior.parts import UNIT, MotionEncoder, ResidualDecoder, Visibility, facing, uncovered
from reenact.nn.blocks import Keypoints, Maps, exact
from reenact.nn.keypoint_method import Field, KeypointMethod
from reenact.nn.keypoints import Pose, Tensors, place

FP16_LEAST = 6e-8
"""the smallest number that a shipped weight can be, beside 0"""


class Prior(KeypointMethod):
    config: Config

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"] | None = None, face: Face | None = None) -> None:
        """template: the mean face's keypoints (faces/points.py); face: the prior's face model. Left out, both come with the
        weights."""
        template = torch.zeros(config.keypoints, 3) if template is None else template
        super().__init__(config, MotionEncoder(config, template), template)
        self.residual = ResidualDecoder(config)
        self.visibility = Visibility(config)
        if face is not None:
            self.motion.face.take(face)

    @exact
    def pose(self, canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
        """x = s R (x_c + d) + t, with t_z = 0; d as the prior and the residual say."""
        return place(canonical + self.offsets(motion["expression"]), motion)

    @exact
    def offsets(self, expression: Float[Tensor, "batch code"]) -> Keypoints:
        """An expression's shift of the keypoints in the head's frame: A B p + r(p, e)."""
        return self.motion.face.offsets(expression[:, : self.config.coefficients]) + self.residual(expression)

    @exact
    def teacher(self, truth: Tensors) -> Pose:
        """The teacher's mesh points, posed."""
        return place(truth["head"], truth)

    def told(self, source: Pose, driving: Pose) -> Maps:
        """Visibility, from the mesh's normals."""
        return self.visibility(self.motion.face.keypoint_normals(), source, driving, self.dense_motion)

    def field(self, correction: Maps, source: Pose, driving: Pose, size: int) -> Field:
        """As every method; where visibility is explicit, what faced away in the source is hidden from the start."""
        plain = super().field(correction, source, driving, size)
        if self.config.visibility == "told":
            return plain
        seen = facing(self.motion.face.keypoint_normals(), source, driving, self.dense_motion)
        return plain._replace(occlusion=plain.occlusion + uncovered(seen, plain.occlusion.shape[-1]))

    @torch.no_grad()
    def unfold(self, constants: list[Tensor]) -> None:
        """Keypoints' weights over mesh points, free keypoints' places, the residual decoder's last layer."""
        face, last = self.motion.face, self.residual.layers[-1]
        for value in constants:
            if value.shape == face.mixture.shape:
                face.mixture.copy_(value.clamp(min=FP16_LEAST).log())
            elif value.shape == face.free.shape:
                face.free.copy_((value - face.shell) / UNIT)
            elif value.shape == last.weight.T.shape:
                last.weight.copy_(value.T)

    @torch.no_grad()
    def amplify(self, gain: float) -> None:
        """d times `gain`."""
        self.motion.face.expression *= gain
        self.residual.layers[-1].weight *= gain
