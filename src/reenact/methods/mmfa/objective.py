"""Named, unweighted terms of the stage that is the method's own. The loop weighs and sums them.

ours, and unlike the paper: the plain form learns its keypoints from a teacher (mesh points of the free landmarker), so
that a CPU's worth of images is enough to move a face. Stage `motion` trains the motion encoder and the expression
decoder; what draws is trained as in every method that moves keypoints (methods/self_reenactment.py).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.methods.mmfa.model import Mmfa, place
from reenact.methods.reading import POSE, feature_weight, gaps, look_twice
from reenact.nn.keypoints import Tensors

MOTION_WEIGHTS = {
    "keypoints": 20.0,
    "offsets": 60.0,
    "gaps": 60.0,
    "gaps_head": 20.0,
    "canonical": 20.0,
    "pose": 5.0,
    "rough": 6.0,
    "blendshapes": 4.0,
    "code": 1e-3,
}
"""ours: chosen so that no term is ten times another at the start"""


class MotionObjective(nn.Module):
    """Teacher: Procrustes pose, mesh keypoints, blendshapes (data.pool.Truth)."""

    def __init__(self, model: Mmfa) -> None:
        super().__init__()
        self.blendshapes = nn.Linear(model.config.expression_size, 52)

    def forward(self, model: Mmfa, batch: Tensors, small: Tensors | None = None) -> dict[str, Tensor]:
        """batch: pictures and truth; small: as methods.reading.look_twice wants it."""
        found, rough = look_twice(model.motion, batch, small)
        return {**self.compare(model, found, batch), "rough": rough}

    def compare(self, model: Mmfa, found: Tensors, batch: Tensors) -> dict[str, Tensor]:
        """What the second look says of the pictures of `batch`, against the teacher."""
        count = model.config.mesh_keypoints
        offsets, expression = model.expression(found["expression"]), batch["head"] - batch["canonical"]
        head = found["canonical_keypoints"] + offsets
        return {
            "keypoints": F.l1_loss(place(head, found).keypoints[:, :count, :2], model.teacher(batch).keypoints[:, :count, :2]),
            "offsets": ((offsets - expression)[:, :count].abs() * feature_weight(count)).mean(),
            "gaps": F.l1_loss(gaps(offsets), gaps(expression)),
            "gaps_head": F.l1_loss(gaps(head), gaps(batch["head"])),
            "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in POSE),
            "blendshapes": F.l1_loss(torch.sigmoid(self.blendshapes(found["expression"])), batch["blendshapes"]),
            "code": found["expression"].square().mean(),
        }
