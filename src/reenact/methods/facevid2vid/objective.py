"""Named, unweighted terms of the stage that is the method's own. The loop weighs and sums them.

ours, and unlike the paper: keypoints are learned from the same teacher as mmfa's (mesh points of the free landmarker). The
rendering network is trained as in every method that moves keypoints (objectives/self_reenactment.py).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from reenact.methods.facevid2vid.model import FaceVid2Vid
from reenact.nn.blocks import exact
from reenact.nn.keypoints import Tensors
from reenact.objectives.motion import encode_twice, feature_weight

MOTION_WEIGHTS = {"keypoints": 20.0, "offsets": 20.0, "canonical": 20.0, "pose": 5.0, "rough": 6.0, "deformation": 1.0}
"""ours: chosen so that no term is ten times another at the start. d is larger than mmfa's, for it carries the head's size."""


class MotionObjective(nn.Module):
    """Teacher: Procrustes rotation and place, mesh keypoints (data.pool.Truth); the expression has no supervision of its own."""

    def __init__(self, model: FaceVid2Vid) -> None:
        super().__init__()

    def forward(self, model: FaceVid2Vid, batch: Tensors, small: Tensors | None = None) -> dict[str, Tensor]:
        """batch: pictures and truth; small: as objectives.motion.encode_twice wants it."""
        found, rough = encode_twice(model.motion, batch, small)
        return {**self.compare(model, found, batch), "rough": rough}

    @exact
    def compare(self, model: FaceVid2Vid, found: Tensors, batch: Tensors) -> dict[str, Tensor]:
        """The second pass's estimates of the pictures of `batch`, against the teacher."""
        count = model.config.mesh_keypoints
        truth = model.teacher(batch)
        guess = model.pose(found["canonical_keypoints"], found)
        offsets, expression = (x.view(-1, model.config.keypoints, 3) for x in (found["expression"], truth.motion["expression"]))
        return {
            "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
            "offsets": ((offsets - expression).abs() * feature_weight(model.config.keypoints, offsets)).mean(),
            "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in ("head_pose", "translation")),
            "deformation": offsets.abs().mean(),
        }
