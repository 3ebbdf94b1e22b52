"""Named, unweighted terms of the two stages that train the method. The loop weighs and sums them.

ours, and unlike the paper: keypoints are learned from the same teacher as mmfa's (mesh points of the free landmarker). Stage
`motion` trains the motion encoder; stage `render`, whose objective is mmfa's, trains everything that draws, driven by the
teacher's keypoints.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from reenact.methods.facevid2vid.model import FaceVid2Vid
from reenact.methods.mmfa.objective import RENDER_WEIGHTS, RenderObjective, feature_weight
from reenact.nn.keypoints import Tensors

__all__ = ["MOTION_WEIGHTS", "RENDER_WEIGHTS", "MotionObjective", "RenderObjective"]

MOTION_WEIGHTS = {"keypoints": 20.0, "offsets": 20.0, "canonical": 20.0, "pose": 5.0, "deformation": 1.0}
"""ours: chosen so that no term is ten times another at the start. d is larger than mmfa's, for it carries the head's size."""


class MotionObjective(nn.Module):
    """Teacher: Procrustes rotation and place, mesh keypoints (data.pool.Truth); nothing tells it what an expression is."""

    def __init__(self, model: FaceVid2Vid) -> None:
        super().__init__()

    def forward(self, model: FaceVid2Vid, batch: Tensors) -> dict[str, Tensor]:
        count = model.config.mesh_keypoints
        found = model.motion(batch["image"])
        truth = model.teacher(batch)
        guess = model.pose(found["canonical_keypoints"], found)
        offsets, expression = (x.view(-1, model.config.keypoints, 3) for x in (found["expression"], truth.motion["expression"]))
        return {
            "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
            "offsets": ((offsets - expression).abs() * feature_weight(model.config.keypoints).to(offsets)).mean(),
            "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in ("head_pose", "translation")),
            "deformation": offsets.abs().mean(),
        }
