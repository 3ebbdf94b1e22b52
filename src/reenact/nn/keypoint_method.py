"""The three verbs of every method that moves keypoints; how the keypoints come about is the method's own.

source image --SourceEncoder--> pyramid ------------------------------+
    |--motion network--> x_c, motion --pose--> x_s --+                v
driving image --motion network--> motion --pose--> x_d --DenseMotion--> flow, occlusion --Generator--> render --mask--> frame
source image --Matting--> person, plate ----------------------------------------------------------------------+
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reenact.nn.background import Behind, near_head, only_near
from reenact.nn.blocks import Maps
from reenact.nn.dense_motion import DenseMotion
from reenact.nn.disocclusion import DisocclusionMask, by_matte
from reenact.nn.generator import Drawn, Generator, grids
from reenact.nn.graphs import BEHIND, CANONICAL, MOTION_FIELDS, PYRAMID, Graph, keypoint_graphs
from reenact.nn.keypoints import Pose, Tensors, keypoint_spread, relative_matrix
from reenact.nn.sizes import Sizes
from reenact.nn.source_encoder import SourceEncoder


class Rendered(NamedTuple):
    frame: Float[Tensor, "batch 3 size size"]
    warped: Float[Tensor, "batch 3 size size"]
    flow: Float[Tensor, "batch 64 64 2"]
    occlusion: Float[Tensor, "batch 2 64 64"]
    small: tuple[Tensor, ...] = ()
    """the frame at 1/4 and 1/2 of its side, from the generator's inner layers; in training, where the config's scales say so"""
    uncovered: Float[Tensor, "batch 1 size size"] | None = None
    """how much of each pixel is the inpainted background's; None where the generator fills disocclusions itself"""
    person: Float[Tensor, "batch 1 size size"] | None = None
    """of the portrait, where there is an inpainted background"""
    near: Float[Tensor, "batch 1 size size"] | None = None
    """where there is one (nn/background.py: near_head)"""


class Field(NamedTuple):
    """Where the generator samples the source."""

    flow: Float[Tensor, "batch 64 64 2"]
    levels: tuple[Tensor, ...]
    """the flow at the picture's size and at the features'"""
    occlusion: Float[Tensor, "batch 2 64 64"]


class KeypointMethod(nn.Module):
    """A subclass gives the motion network, `pose`, `teacher` and `amplify`."""

    person: str = CANONICAL
    """which of the motion network's answers is the person, and stays the source's whatever drives"""

    def __init__(self, config: Sizes, motion: nn.Module, template: Float[Tensor, "keypoint 3"]) -> None:
        """motion: picture -> the fields of Motion and `person`; template: the mean face's keypoints."""
        super().__init__()
        self.config = config
        self.motion = motion
        self.source = SourceEncoder(config.source_widths, config.source_blocks)
        self.dense_motion = DenseMotion(config.flow_widths, config.flow_size, keypoint_spread(template), config.flow_blocks)
        shapes_and_poses = 2 * 3 * config.mesh_keypoints + 2 * 3
        self.generator = Generator(
            config.source_widths, config.flow_widths[0], shapes_and_poses, config.scales, config.generator_blocks
        )
        self.uncover = DisocclusionMask(config.flow_widths[0]) if config.backdrop == "plate" else None
        self._behind: dict[torch.device, Behind] = {}  # in a dict, for it is not this model's to train or to save

    def set_matting(self, behind: Behind) -> None:
        """The matting network: a portrait's person, and the inpainted background behind; unused without the disocclusion mask."""
        self._behind = {next(behind.parameters()).device: behind}

    @torch.no_grad()
    def behind(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """The portrait's matte and inpainted background; {} where the method does not want them."""
        if self.uncover is None:
            return {}
        return dict(zip(BEHIND, self._finder(image.device)(image), strict=True))

    @torch.no_grad()
    def find_person(self, image: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 1 size size"]:
        """How much of each pixel is a person, 0..1, of a method that wants to know what is behind."""
        return self._finder(image.device).find(image)

    def _finder(self, device: torch.device) -> Behind:
        """The same networks serve many models, so they are copied to another device, not moved."""
        if device not in self._behind:
            self._behind[device] = copy.deepcopy(next(iter(self._behind.values()))).to(device)
        return self._behind[device]

    def pose(self, person: Tensor, motion: Tensors) -> Pose:
        """The method's equation: the source's person (canonical keypoints ...), a motion -> keypoints in the picture."""
        raise NotImplementedError

    def teacher(self, truth: Tensors) -> Pose:
        """The pose that the teacher's estimate of a picture amounts to (data.pool.Truth)."""
        raise NotImplementedError

    def amplify(self, gain: float) -> None:
        """Multiplies every expression offset by `gain`, for good."""
        raise NotImplementedError

    def unfold(self, constants: list[Tensor]) -> None:
        """Fills what an exported graph holds only worked out (methods/import_onnx.py). constants: those results, in any order."""

    def encode_source(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """What `render` needs of the source picture ([0, 1]): its pyramid, the person, what is behind."""
        return {self.person: self.motion(image)[self.person], **self.pyramid(image)}

    def encode_motion(self, frame: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """head_pose, scale, translation, expression of a picture in [0, 1] (core/types.py: Motion)."""
        motion = self.motion(frame)
        return {name: motion[name] for name in MOTION_FIELDS}

    def render(self, image: Float[Tensor, "batch 3 size size"], portrait: Tensors, source: Tensors, driving: Tensors) -> Rendered:
        """The source picture moved from its own motion `source` to the motion `driving`."""
        person = portrait[self.person]
        return self.render_poses(image, portrait, self.pose(person, source), self.pose(person, driving))

    def render_poses(self, image: Tensor, portrait: Tensors, source: Pose, driving: Pose) -> Rendered:
        """The source picture moved from one set of keypoints to another."""
        field, features, code = self.decide(image, source, driving)
        pyramid = tuple(portrait[name] for name in PYRAMID)
        drawn = self.generator(image, pyramid, field.levels, field.occlusion, features, code)
        frame, uncovered = self.uncovering(drawn, image, field, features, portrait, source, driving)
        near = None if uncovered is None else near_head(source.motion, image.shape[-1])
        return Rendered(frame, drawn.warped, field.flow, field.occlusion, drawn.small, uncovered, portrait.get(BEHIND[0]), near)

    def uncovering(
        self, drawn: Drawn, image: Tensor, field: Field, features: Maps, portrait: Tensors, source: Pose, driving: Pose
    ) -> tuple[Tensor, Tensor | None]:
        """The rendered frame with the inpainted background in disoccluded areas, and their mask."""
        if self.uncover is None:
            return drawn.frame, None
        person, plate = (portrait[name] for name in BEHIND)
        plate = only_near(plate, image, source.motion)  # as the shipped graph gives it already (calibrate/matting.py)
        matte = by_matte(person, field.levels[0], drawn.keep, driving.motion)
        return self.uncover(drawn.frame, image, field.levels, field.occlusion, features, plate, person, matte)

    def decide(self, image: Tensor, source: Pose, driving: Pose) -> tuple[Field, Maps, Float[Tensor, "batch code"]]:
        """All of the generator's conditioning: where to sample the source, the dense motion's features, the code."""
        matrix, told = relative_matrix(source, driving), self.told(source, driving)
        correction, features = self.dense_motion(image, source.keypoints, driving.keypoints, matrix, told)
        return self.field(correction, source, driving, image.shape[-1]), features, self.code(source, driving)

    def field(self, correction: Maps, source: Pose, driving: Pose, size: int) -> Field:
        """Where the source is looked up, at each level, and what is hidden. size: side of the picture."""
        matrix = relative_matrix(source, driving)
        flow, occlusion = self.dense_motion.flow(correction, source.keypoints, driving.keypoints, matrix)
        return Field(flow, grids(flow, size), occlusion)

    def told(self, source: Pose, driving: Pose) -> Maps | None:
        """A method's conditioning of the dense motion besides keypoints: maps [B,first width,64,64]; None where it has none."""
        return None

    def pyramid(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """The source picture's features: fine, middle, coarse; and what is behind the person."""
        return dict(zip(PYRAMID, self.source(image), strict=True)) | self.behind(image)

    def code(self, source: Pose, driving: Pose) -> Float[Tensor, "batch code"]:
        """The generator's conditioning on both faces besides the flow: their shape in the head's frame, their pose."""
        count = self.config.mesh_keypoints
        shapes = [(pose.head[:, :count] - self.motion.template[:count]).flatten(1) for pose in (driving, source)]
        # ours: x10 brings offsets of some hundredths of a face's height near unit size
        return torch.cat([10 * shape for shape in shapes] + [pose.motion["head_pose"] for pose in (driving, source)], 1)

    def graphs(self) -> list[Graph]:
        """The verbs as they ship (methods/export.py)."""
        return keypoint_graphs(self)
