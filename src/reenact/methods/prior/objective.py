"""Named, unweighted terms of the stage that is the method's own. The loop weighs and sums them.

The prior's estimate of a picture is distilled into the motion encoder, so that no prior runs with the method. The rendering
network is
trained as in every method that moves keypoints (objectives/self_reenactment.py).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from reenact.methods.prior.model import Prior
from reenact.nn.blocks import exact
from reenact.nn.keypoints import Tensors
from reenact.objectives.motion import encode_twice, keypoint_terms, person_terms

MOTION_WEIGHTS = {
    "keypoints": 40.0,
    "offsets": 60.0,
    "gaps": 60.0,
    "gaps_head": 20.0,
    "canonical": 20.0,
    "pose": 15.0,
    "rough": 6.0,
    "blendshapes": 12.0,
    "residual": 1e-2,
}
"""ours: those of mmfa, where they say the same; coefficients weigh thrice, for here they are what is sent"""


class MotionObjective(nn.Module):
    """Teacher: Procrustes pose, mesh keypoints, blendshapes (data.pool.Truth)."""

    def __init__(self, model: Prior) -> None:
        super().__init__()

    def forward(self, model: Prior, batch: Tensors, small: Tensors | None = None) -> dict[str, Tensor]:
        """batch: pictures and truth; small: as objectives.motion.encode_twice wants it."""
        found, rough = encode_twice(model.motion, batch, small)
        return {**self.compare(model, found, batch), "rough": rough}

    @exact
    def compare(self, model: Prior, found: Tensors, batch: Tensors) -> dict[str, Tensor]:
        """The second pass's estimates of the pictures of `batch`, against the teacher."""
        count, split = model.config.mesh_keypoints, model.config.coefficients
        offsets, expression = model.offsets(found["expression"]), batch["head"] - batch["canonical"]
        guess = model.pose(found["canonical_keypoints"], found)
        return {
            **keypoint_terms(guess, model.teacher(batch), offsets, expression, count),
            **person_terms(found, batch, count),
            "blendshapes": F.l1_loss(found["expression"][:, :split], batch["blendshapes"]),
            "residual": found["expression"][:, split:].square().mean(),
        }
