"""Named, unweighted terms of the stage that is the method's own. The loop weighs and sums them.

ours, and unlike the paper: the plain form learns its keypoints from a teacher (mesh points of the free landmarker), so
that a CPU's worth of images is enough to move a face. Stage `motion` trains the motion encoder and the expression
decoder; the rendering network is trained as in every method that moves keypoints (objectives/self_reenactment.py).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.losses import gaussian
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.transform import offsets_of
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
    "blendshapes": 4.0,
    "code": 1e-3,
}
"""ours: chosen so that no term is ten times another at the start"""
GAUSSIAN_WEIGHTS = {"kl": 1e-3, "collapsed": 0.0}
"""further terms of a Gaussian code; the second is only for the log"""
FREE_NATS = 0.05
"""a dimension of the code is not pulled below this (docs/design/methods.md 3.3)"""
WARM_UP = 20_000
"""ours: pictures over which the pull of the Gaussian grows from nothing"""


def motion_weights(config: Config) -> dict[str, float]:
    """Of the terms that a model of this configuration has."""
    return MOTION_WEIGHTS | (GAUSSIAN_WEIGHTS if config.code == "gaussian" else {})


class MotionObjective(nn.Module):
    """Teacher: Procrustes pose, mesh keypoints, blendshapes (data.pool.Truth)."""

    def __init__(self, model: Mmfa) -> None:
        super().__init__()
        self.blendshapes = nn.Linear(model.config.expression_size, 52)
        if model.config.code == "gaussian":
            self.register_buffer("pictures", torch.zeros((), dtype=torch.int64))

    def forward(self, model: Mmfa, batch: Tensors, small: Tensors | None = None) -> dict[str, Tensor]:
        """batch: pictures and truth; small: as objectives.motion.encode_twice wants it."""
        found, rough = encode_twice(model.motion, batch, small)
        return {**self.compare(model, found, batch), "rough": rough}

    @exact
    def compare(self, model: Mmfa, found: Tensors, batch: Tensors) -> dict[str, Tensor]:
        """The second pass's estimates of the pictures of `batch`, against the teacher."""
        count, config = model.config.mesh_keypoints, model.config
        if config.code == "gaussian":
            pull = self._pull(found, model.training)
            if model.training:
                noise = torch.randn_like(found["expression"])
                found = {**found, "expression": gaussian.sample(found["expression"], found["log_variance"], noise)}
        canonical, truth = found["canonical_keypoints"], model.teacher(batch)
        guess = model.pose(canonical, found)
        offsets = model.confined(canonical, model.expression(found["expression"]))
        expression = model.confined(batch["canonical"], offsets_of(config.transform, batch))
        terms = {
            **keypoint_terms(guess, truth, offsets, expression, count),
            **person_terms(found, batch, count),
            "blendshapes": F.l1_loss(torch.sigmoid(self.blendshapes(found["expression"])), batch["blendshapes"]),
            "code": found["expression"].square().mean(),
        }
        return terms | pull if config.code == "gaussian" else terms

    def _pull(self, found: Tensors, training: bool) -> dict[str, Tensor]:
        """Towards the unit Gaussian, growing with the pictures seen; and the share of dimensions that say nothing."""
        if training:
            self.pictures += len(found["expression"])
        divergences = gaussian.divergence(found["expression"], found["log_variance"])
        growth = (self.pictures / WARM_UP).clamp(max=1)
        return {
            "kl": growth * gaussian.beyond_free_bits(divergences, FREE_NATS),
            "collapsed": gaussian.collapsed(divergences).detach(),
        }
