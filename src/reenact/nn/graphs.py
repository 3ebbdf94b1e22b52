"""A method's verbs as graphs that can be exported: what `methods.export` writes, without asking which method it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from reenact.core.graph_names import FAST, MOUTH, REFINED
from reenact.nn.disocclusion import by_matte
from reenact.nn.keypoints import Pose, relative_matrix
from reenact.nn.mouth import MouthPlace, MouthRefiner

if TYPE_CHECKING:
    from reenact.nn.fast import FastRenderer
    from reenact.nn.keypoint_method import KeypointMethod

MOTION_FIELDS = ("head_pose", "scale", "translation", "expression")
"""the fields of core.types.Motion, in their order"""
PYRAMID = ("fine", "middle", "coarse")
HEAD = MOTION_FIELDS[:3]
"""where a head is"""
BEHIND = ("person", "plate")
"""what finds them is no part of a method: weights/person (runtime/background.py)"""
CANONICAL = "canonical_keypoints"
MOTIONS = tuple(f"{who}_{field}" for who in ("source", "driving") for field in MOTION_FIELDS)
ENTERED = "entered"
SHARES = ("keep", "uncovered")
"""how much of each pixel is the warped portrait, and of the frame after that the inpainted background's; in [0, 1]. What a frame
larger than the network's is made of (runtime/detail.py)"""
GRIDS = ("grid", "grid_fine", "grid_middle", "grid_coarse")


class Graph(NamedTuple):
    """One exported file. Outputs feed the inputs of the same name in later graphs (runtime/onnx_method.py)."""

    file: str
    verb: Literal["source", "motion", "render"]
    speed: Literal["fast", "exact"]
    """`exact` always runs in fp32"""
    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    whole: bool = False
    """its square weights, a basis, are stored as fp32"""


def keypoint_graphs(model: KeypointMethod) -> list[Graph]:
    """source, motion, and four steps of `render`: one of them can run in fp32 while its neighbours run in bf16.

    motion is exact for its window: a coordinate rounded to bf16 is half a pixel off, and the keypoints would jitter.
    """
    moved = (model.person, *MOTIONS)
    return [
        source_graph(model),
        motion_graph(model),
        Graph("field.onnx", "render", "fast", _Field(model), ("image", *moved), (ENTERED,)),
        dense_graph(model),
        Graph("flow.onnx", "render", "exact", _Flow(model), ("correction", *moved), (*GRIDS, "occlusion", "code")),
        draw_graph(model),
    ]


def source_graph(model: KeypointMethod) -> Graph:
    """The source encoder, run once a portrait."""
    return Graph("source.onnx", "source", "fast", _Source(model), ("image",), PYRAMID)


def motion_graph(model: KeypointMethod) -> Graph:
    """The motion encoder."""
    return Graph("motion.onnx", "motion", "exact", _Motion(model), ("image",), (*MOTION_FIELDS, model.person))


def dense_graph(model: KeypointMethod) -> Graph:
    """The dense motion's hourglass: all of its weights but the first layer's, which methods with one rendering network share."""
    return Graph("dense.onnx", "render", "fast", _Dense(model), (ENTERED,), ("correction", "features"))


def draw_graph(model: KeypointMethod) -> Graph:
    """The last step of `render`."""
    behind = () if model.uncover is None else (*BEHIND, *(f"driving_{field}" for field in HEAD))
    drawn = ("image", *PYRAMID, *GRIDS, "occlusion", "features", "code", *behind)
    return Graph("draw.onnx", "render", "fast", _Draw(model), drawn, ("frame", *SHARES))


def fast_graph(renderer: FastRenderer) -> Graph:
    """The last step of `render` at half the side: as `draw_graph`, but for the portrait's features at half the side."""
    drawn = ("image", *PYRAMID, *GRIDS, "occlusion", "features", "code", *BEHIND, *(f"driving_{field}" for field in HEAD))
    return Graph(FAST["draw.onnx"], "render", "fast", _FastDraw(renderer), drawn, ("frame", *SHARES))


def mouth_graph(place: MouthPlace, refiner: MouthRefiner) -> Graph:
    """The mouth once more, of either renderer's frame. Exact, for it holds coordinates."""
    given = ("frame", SHARES[0], "code", "driving_scale", "driving_translation")
    return Graph(MOUTH, "render", "exact", _Mouth(place, refiner), given, REFINED)


class _Source(nn.Module):
    def __init__(self, model: KeypointMethod) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return self.model.source(image)


class _Motion(_Source):
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        motion = self.model.motion(image)
        return tuple(motion[name] for name in (*MOTION_FIELDS, self.model.person))


class _Keypoints(_Source):
    def poses(self, values: tuple[Tensor, ...]) -> tuple[Pose, Pose]:
        count = len(MOTION_FIELDS)
        source = dict(zip(MOTION_FIELDS, values[1 : 1 + count], strict=True))
        driving = dict(zip(MOTION_FIELDS, values[1 + count :], strict=True))
        return self.model.pose(values[0], source), self.model.pose(values[0], driving)


class _Field(_Keypoints):
    def forward(self, image: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        source, driving = self.poses(values)
        matrix = relative_matrix(source, driving)
        told = self.model.told(source, driving)
        return (self.model.dense_motion.entered(image, source.keypoints, driving.keypoints, matrix, told),)


class _Dense(_Source):
    def forward(self, entered: Tensor) -> tuple[Tensor, ...]:
        return self.model.dense_motion.correct(entered)


class _Flow(_Keypoints):
    def forward(self, correction: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        source, driving = self.poses(values)
        field = self.model.field(correction, source, driving, self.model.config.size)
        return *field.levels, field.occlusion, self.model.code(source, driving)


class _Draw(_Source):
    def forward(self, image: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        features, levels, (occlusion, motion, code, *behind) = values[:3], values[3:7], values[7:]
        drawn = self.model.generator(image, features, levels, occlusion, motion, code)
        if self.model.uncover is None:
            return drawn.frame, drawn.keep, torch.zeros_like(drawn.keep)
        person, plate, *driving = behind
        matte = by_matte(person, levels[0], drawn.keep, dict(zip(HEAD, driving, strict=True)))
        frame, uncovered = self.model.uncover(drawn.frame, image, levels, occlusion, motion, plate, person, matte)
        return frame, drawn.keep, uncovered


class _FastDraw(nn.Module):
    def __init__(self, renderer: FastRenderer) -> None:
        super().__init__()
        self.renderer = renderer

    def forward(self, image: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        features, levels, (occlusion, motion, code, person, plate, *driving) = values[:3], values[3:7], values[7:]
        head = dict(zip(HEAD, driving, strict=True))
        made = self.renderer(image, features, levels, occlusion, motion, code, person, plate, head)
        return made.frame, made.drawn.keep, made.uncovered


class _Mouth(nn.Module):
    def __init__(self, place: MouthPlace, refiner: MouthRefiner) -> None:
        super().__init__()
        self.place, self.refiner = place, refiner

    def forward(self, frame: Tensor, keep: Tensor, code: Tensor, scale: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        return self.refiner(frame, keep, code, self.place(code, scale, translation))
