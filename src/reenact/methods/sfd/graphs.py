"""The verbs as they ship. Decoding the descriptors is a graph of its own, in fp32 and with its basis in fp32: there,
orthogonality counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from reenact.methods.sfd.parts import DRAWN, IDENTITY
from reenact.nn.generator import grids
from reenact.nn.graphs import ENTERED, GRIDS, MOTION_FIELDS, MOTIONS, Graph, dense_graph, draw_graph, source_graph
from reenact.nn.keypoint_method import Field
from reenact.nn.keypoints import relative_matrix

if TYPE_CHECKING:
    from reenact.methods.sfd.model import Sfd

PLACES = ("source_keypoints", "driving_keypoints", "matrix")
DESCRIPTORS = "descriptors"


def sfd_graphs(model: Sfd) -> list[Graph]:
    """source, motion, and five steps of `render`."""
    read = (*PLACES, DESCRIPTORS, "code")
    return [
        source_graph(model),
        Graph("motion.onnx", "motion", "exact", _Motion(model), ("image",), (*MOTION_FIELDS, IDENTITY, DRAWN)),
        Graph("descriptor.onnx", "render", "exact", _Read(model), (IDENTITY, DRAWN, *MOTIONS), read, whole=True),
        Graph("field.onnx", "render", "fast", _Field(model), ("image", *PLACES), (ENTERED,)),
        dense_graph(model),
        Graph("flow.onnx", "render", "exact", _Flow(model), ("correction", *PLACES, DESCRIPTORS), (*GRIDS, "occlusion")),
        draw_graph(model),
    ]


class _Part(nn.Module):
    def __init__(self, model: Sfd) -> None:
        super().__init__()
        self.model = model


class _Motion(_Part):
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        motion = self.model.motion(image)
        return *(motion[name] for name in (*MOTION_FIELDS, IDENTITY)), 1 * motion[IDENTITY]


class _Read(_Part):
    def forward(self, identity: Tensor, drawn: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        from reenact.methods.sfd.model import descriptors

        count = len(MOTION_FIELDS)
        source, driving = (
            self.model.pose(person, dict(zip(MOTION_FIELDS, part, strict=True)))
            for person, part in ((identity, values[:count]), (drawn, values[count:]))
        )
        both = descriptors(source, driving)
        assert both is not None
        return source.keypoints, driving.keypoints, relative_matrix(source, driving), both, self.model.code(source, driving)


class _Field(_Part):
    def forward(self, image: Tensor, source: Tensor, driving: Tensor, matrix: Tensor) -> tuple[Tensor, ...]:
        return (self.model.dense_motion.entered(image, source, driving, matrix),)


class _Flow(_Part):
    def forward(self, correction: Tensor, source: Tensor, driving: Tensor, matrix: Tensor, both: Tensor) -> tuple[Tensor, ...]:
        flow, occlusion = self.model.dense_motion.flow(correction, source, driving, matrix)
        found = self.model.corrected(Field(flow, grids(flow, self.model.config.size), occlusion), both)
        return *found.levels, found.occlusion
