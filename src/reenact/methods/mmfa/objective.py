"""Named, unweighted terms of the two stages that train the method. The loop weighs and sums them.

ours, and unlike the paper: the plain form learns its keypoints from a teacher (mesh points of the free landmarker), so
that a CPU's worth of images is enough to move a face. Stage `motion` trains the motion encoder and the expression
decoder; stage `render` (losses/self_reenactment.py) trains everything that draws, driven by the teacher's keypoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.losses.self_reenactment import RENDER_WEIGHTS, RenderObjective, feature_weight
from reenact.methods.mmfa.model import Mmfa, place
from reenact.nn.keypoints import Tensors

__all__ = ["MOTION_WEIGHTS", "RENDER_WEIGHTS", "MotionObjective", "RenderObjective"]

MOTION_WEIGHTS = {"keypoints": 20.0, "offsets": 60.0, "canonical": 20.0, "pose": 5.0, "blendshapes": 2.0, "code": 1e-3}
"""ours: chosen so that no term is ten times another at the start"""


class MotionObjective(nn.Module):
    """Teacher: Procrustes pose, mesh keypoints, blendshapes (data.pool.Truth)."""

    def __init__(self, model: Mmfa) -> None:
        super().__init__()
        self.blendshapes = nn.Linear(model.config.expression_size, 52)

    def forward(self, model: Mmfa, batch: Tensors) -> dict[str, Tensor]:
        count = model.config.mesh_keypoints
        found = model.motion(batch["image"])
        offsets = model.expression(found["expression"])
        expression = batch["head"] - batch["canonical"]
        truth = model.teacher(batch)
        guess = place(found["canonical_keypoints"] + offsets, found)
        return {
            "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
            "offsets": ((offsets - expression)[:, :count].abs() * feature_weight(count)).mean(),
            "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in ("head_pose", "scale", "translation")),
            "blendshapes": F.l1_loss(torch.sigmoid(self.blendshapes(found["expression"])), batch["blendshapes"]),
            "code": found["expression"].square().mean(),
        }
