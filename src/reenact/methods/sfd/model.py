"""What is the method's own in the three verbs (nn/keypoint_method.py): a frame is decided by two descriptors.

w = X a(source) + Y b(motion);  b = [pose | expression];  x = s R head(w) + t, with s, R, t and head decoded from w

A Motion is b, in fields: head_pose, scale and translation are its six pose coefficients in other units, `expression` is the
rest. So whoever edits a pose edits b, and there is no second number that could say otherwise.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reenact.methods.sfd.config import POSE_SIZE, Config
from reenact.methods.sfd.graphs import sfd_graphs
from reenact.methods.sfd.parts import DRAWN, IDENTITY, LEVELS, Correction, Encoder, ReadOut
from reenact.methods.sfd.space import Space
from reenact.nn.blocks import Maps, exact
from reenact.nn.graphs import Graph
from reenact.nn.keypoint_method import Field, KeypointMethod, Rendered
from reenact.nn.keypoints import Pose, Tensors, place

UNITS = (0.2, 0.2, 0.2, 0.1, 0.1, 0.1)
"""ours: what a pose coefficient of 1 stands for: radians of yaw, pitch and roll; log scale; half sides to the right and down.
So that pose weighs in b about what an expression does"""
DESCRIPTOR = "descriptor"


class Sfd(KeypointMethod):
    person = IDENTITY

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"] | None = None) -> None:
        """template: the mean face's keypoints (faces/points.py); left out, it comes with the weights."""
        template = torch.zeros(config.keypoints, 3) if template is None else template
        super().__init__(config, Encoder(config, template), template)
        self.space = Space(config)
        self.read_out = ReadOut(config, template)
        self.correction = Correction(config, self.generator.code[0].in_features)

    @exact
    def pose(self, identity: Float[Tensor, "batch identity"], motion: Tensors) -> Pose:
        """The face that these coefficients make: w = X a + Y b, decoded."""
        return self.read(self.space(identity, coefficients(motion)))

    @exact
    def read(self, descriptor: Float[Tensor, "batch descriptor"]) -> Pose:
        """w -> pose, keypoints in the head's frame, keypoints in the picture.

        ours: the head's keypoints are decoded from w without its pose part, so that a turn cannot bend the face.
        """
        _, motion = self.space.coefficients(descriptor)
        said = from_coefficients(motion)
        head = self.read_out(self.without_pose(descriptor, motion))
        return place(head, {**said, DESCRIPTOR: descriptor})

    def without_pose(
        self, descriptor: Float[Tensor, "batch descriptor"], motion: Float[Tensor, "batch motion"]
    ) -> Float[Tensor, "batch descriptor"]:
        """w less what its pose directions say."""
        first = self.config.identity_size
        return descriptor - F.linear(motion[:, :POSE_SIZE], self.space.basis()[:, first : first + POSE_SIZE])

    @exact
    def teacher(self, truth: Tensors) -> Pose:
        """The teacher's mesh and pose; it has no descriptor, and nothing is corrected by one."""
        return place(truth["head"], truth)

    def render(self, image: Float[Tensor, "batch 3 size size"], portrait: Tensors, source: Tensors, driving: Tensors) -> Rendered:
        """As every method; portrait may say DRAWN too, the identity that the picture is to have."""
        own = portrait[IDENTITY]
        return self.render_poses(image, portrait, self.pose(own, source), self.pose(portrait.get(DRAWN, own), driving))

    def field(self, correction: Maps, source: Pose, driving: Pose, size: int) -> Field:
        """The flow that the keypoints make, and at each level what the descriptors change of it."""
        plain = super().field(correction, source, driving, size)
        both = descriptors(source, driving)
        return plain if both is None else self.corrected(plain, both)

    @exact
    def corrected(self, plain: Field, both: Float[Tensor, "batch descriptors"]) -> Field:
        """both: the source's descriptor and the driving one, side by side."""
        shift, hidden = self.correction(both)
        levels = tuple(
            grid + _resized(shift[:, 2 * level : 2 * level + 2], grid.shape[1]).permute(0, 2, 3, 1)
            for level, grid in zip(range(LEVELS), plain.levels, strict=True)
        )
        return plain._replace(levels=levels, occlusion=plain.occlusion + _resized(hidden, plain.occlusion.shape[-1]))

    def code(self, source: Pose, driving: Pose) -> Float[Tensor, "batch code"]:
        """Shapes and poses, and what the descriptors add to them."""
        plain, both = super().code(source, driving), descriptors(source, driving)
        return plain if both is None else plain + self.correction.told(both)

    @torch.no_grad()
    def amplify(self, gain: float) -> None:
        """The expression's coefficients times `gain`."""
        for layer in (self.motion.expression.linear, self.motion.expression.outer):
            layer.weight *= gain
            layer.bias *= gain

    def graphs(self) -> list[Graph]:
        return sfd_graphs(self)


def coefficients(motion: Tensors) -> Float[Tensor, "batch motion"]:
    """A motion's fields -> b."""
    pose = torch.cat([motion["head_pose"], motion["scale"].log(), motion["translation"]], 1)
    return torch.cat([pose / pose.new_tensor(UNITS), motion["expression"]], 1)


def from_coefficients(motion: Float[Tensor, "batch motion"]) -> dict[str, Tensor]:
    """b -> the fields of Motion."""
    pose = motion[:, :POSE_SIZE] * motion.new_tensor(UNITS)
    return {
        "head_pose": pose[:, :3],
        "scale": pose[:, 3:4].clamp(-3, 3).exp(),
        "translation": pose[:, 4:6],
        "expression": motion[:, POSE_SIZE:],
    }


def descriptors(source: Pose, driving: Pose) -> Float[Tensor, "batch descriptors"] | None:
    """Both, side by side; None where a pose was not decoded from one."""
    if DESCRIPTOR not in source.motion or DESCRIPTOR not in driving.motion:
        return None
    return torch.cat([source.motion[DESCRIPTOR], driving.motion[DESCRIPTOR]], 1)


def _resized(maps: Maps, side: int) -> Maps:
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False) if side != maps.shape[-1] else maps
