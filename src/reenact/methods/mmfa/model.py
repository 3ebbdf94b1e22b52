"""The three verbs.

source image --SourceEncoder--> pyramid ------------------------------+
    |--MotionEncoder--> x_c, R_s, s_s, t_s, e_s --> x_s --+           v
driving image --MotionEncoder--> R_d, s_d, t_d, e_d --> x_d --DenseMotion--> flow, occlusion --Generator--> frame

x = s R (x_c + d(e)) + t          (methods.md 3.3: the expression lives in the head's own frame)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.rotation import rotation_matrix
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.parts import DenseMotion, ExpressionDecoder, Generator, MotionEncoder, SourceEncoder, grids

Tensors = Mapping[str, Tensor]


class Pose(NamedTuple):
    """Keypoints of one picture, with what they were made of."""

    keypoints: Float[Tensor, "batch keypoint 3"]
    """in [-1, 1] of the crop"""
    head: Float[Tensor, "batch keypoint 3"]
    """x_c + d: the same before pose, scale and place"""
    rotation: Float[Tensor, "batch 3 3"]
    motion: Tensors


class Rendered(NamedTuple):
    frame: Float[Tensor, "batch 3 size size"]
    warped: Float[Tensor, "batch 3 size size"]
    flow: Float[Tensor, "batch 64 64 2"]
    occlusion: Float[Tensor, "batch 2 64 64"]


class Mmfa(nn.Module):
    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"] | None = None) -> None:
        """template: the mean face's keypoints (faces/points.py); left out, it comes with the weights."""
        super().__init__()
        template = torch.zeros(config.keypoints, 3) if template is None else template
        self.config = config
        self.motion = MotionEncoder(config, template)
        self.expression = ExpressionDecoder(config)
        self.source = SourceEncoder(config)
        self.dense_motion = DenseMotion(config, keypoint_spread(template))
        self.generator = Generator(config)

    def encode_source(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """What `render` needs of the source picture ([0, 1]): its pyramid, its canonical keypoints."""
        fine, middle, coarse = self.source(image)
        canonical = self.motion(image)["canonical_keypoints"]
        return {"canonical_keypoints": canonical, "fine": fine, "middle": middle, "coarse": coarse}

    def encode_motion(self, frame: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """head_pose, scale, translation, expression of a picture in [0, 1] (core/types.py: Motion)."""
        motion = self.motion(frame)
        return {name: motion[name] for name in ("head_pose", "scale", "translation", "expression")}

    def render(self, image: Float[Tensor, "batch 3 size size"], portrait: Tensors, source: Tensors, driving: Tensors) -> Rendered:
        """The source picture moved from its own motion `source` to the motion `driving`."""
        canonical = portrait["canonical_keypoints"]
        return self.render_poses(image, portrait, self.pose(canonical, source), self.pose(canonical, driving))

    def render_poses(self, image: Tensor, portrait: Tensors, source: Pose, driving: Pose) -> Rendered:
        matrix = relative_matrix(source, driving)
        correction, features = self.dense_motion(image, source.keypoints, driving.keypoints, matrix)
        flow, occlusion = self.dense_motion.flow(correction, source.keypoints, driving.keypoints, matrix)
        pyramid = (portrait["fine"], portrait["middle"], portrait["coarse"])
        levels = grids(flow, image.shape[-1])
        frame, warped = self.generator(image, pyramid, levels, occlusion, features, self.code(source, driving))
        return Rendered(frame, warped, flow, occlusion)

    def code(self, source: Pose, driving: Pose) -> Float[Tensor, "batch code"]:
        """What the generator is told of both faces besides the flow: their shape in the head's frame, their pose."""
        count = self.config.mesh_keypoints
        shapes = [(pose.head[:, :count] - self.motion.template[:count]).flatten(1) for pose in (driving, source)]
        # ours: x10 brings offsets of some hundredths of a face's height near unit size
        return torch.cat([10 * shape for shape in shapes] + [pose.motion["head_pose"] for pose in (driving, source)], 1)

    def pose(self, canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
        """x = s R (x_c + d(e)) + t, with t_z = 0."""
        return place(canonical + self.expression(motion["expression"]), motion)


def place(head: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
    """Keypoints in the head's frame -> in the picture."""
    rotation = rotation_matrix(motion["head_pose"])
    moved = motion["scale"][:, :, None] * (head @ rotation.transpose(1, 2))
    shift = torch.nn.functional.pad(motion["translation"], (0, 1))
    return Pose(moved + shift[:, None], head, rotation, motion)


def relative_matrix(source: Pose, driving: Pose) -> Float[Tensor, "batch 2 2"]:
    """The image-plane block of s_s R_s (s_d R_d)^-1."""
    ratio = source.motion["scale"] / driving.motion["scale"]
    return ratio[:, :, None] * (source.rotation @ driving.rotation.transpose(1, 2))[:, :2, :2]


def keypoint_spread(template: Float[Tensor, "keypoint 3"]) -> Float[Tensor, "keypoint"]:
    """How far a keypoint's influence reaches: fine the mean distance to its three nearest (ours), at least 0.03."""
    distance = torch.cdist(template[None], template[None])[0]
    return (0.5 * distance.sort(1).values[:, 1:4].mean(1)).clamp(min=0.03)
