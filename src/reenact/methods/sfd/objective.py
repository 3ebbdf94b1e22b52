"""Named, unweighted terms of the stage that is the method's own. The loop weighs and sums them.

ours, as the paper's are not known to us, and by a teacher (mesh points of the free landmarker). What makes the method are the
cross terms: in keypoints, unlike in pictures, the truth of one person with another's motion is known.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.losses.identity import EMBEDDING, identity_distance
from reenact.methods.sfd.model import Sfd, coefficients
from reenact.methods.sfd.parts import IDENTITY
from reenact.nn.blocks import exact
from reenact.nn.keypoints import Tensors
from reenact.objectives.motion import POSE, encode_twice, feature_weight, gaps

PERSON, MOMENT, KNOWN_AS = "person", "moment", "known_as"
"""of a batch: the number of the clip; that of the moment, which rendered people in the same motion share; the identity network's
embedding of who it shows"""
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
    "cross": 20.0,
    "cross_gaps": 30.0,
    "swap": 20.0,
    "same_person": 0.2,
    "known_as": 0.5,
    "same_motion": 1.0,
    "round_trip": 1.0,
    "correlation": 0.05,
}
"""ours: chosen so that no term is ten times another at the start. cross and those after it are what a 0 leaves out (ablation)"""
SPLIT_TERMS = ("cross", "cross_gaps", "swap", "same_person", "known_as", "same_motion", "correlation")
"""what teaches identity and motion apart"""


class MotionObjective(nn.Module):
    """Teacher: Procrustes pose, mesh keypoints, blendshapes (data.pool.Truth), an identity network's embedding."""

    def __init__(self, model: Sfd) -> None:
        super().__init__()
        self.blendshapes = nn.Linear(model.config.expression_size, 52)
        self.known_as = nn.Linear(model.config.identity_size, EMBEDDING)

    def forward(self, model: Sfd, batch: Tensors, small: Tensors | None = None) -> dict[str, Tensor]:
        """batch: pictures, truth, PERSON, MOMENT and KNOWN_AS; small: as objectives.motion.encode_twice wants it."""
        found, rough = encode_twice(model.motion, batch, small)
        return {**self.compare(model, found, batch), "rough": rough}

    @exact
    def compare(self, model: Sfd, found: Tensors, batch: Tensors) -> dict[str, Tensor]:
        """The second pass's estimates of the pictures of `batch`, against the teacher."""
        count = model.config.mesh_keypoints
        identity, motion = found[IDENTITY], coefficients(found)
        still = F.pad(motion[:, : -model.config.expression_size], (0, model.config.expression_size))
        other = torch.arange(len(motion), device=motion.device).roll(1)
        partner = partners(len(motion), motion.device)
        # Four faces at once: as they are, the same at rest, with another's identity, with that of a frame of the same clip.
        who = torch.cat([identity, identity, identity[other], identity[partner]])
        what = torch.cat([motion, still, motion, motion])
        descriptor = model.space(who, what)
        guess, neutral, crossed, swapped = _parted(model.read(descriptor), len(motion))
        truth, weight = model.teacher(batch), feature_weight(count, motion)
        offsets, expression = guess.head - neutral.head, batch["head"] - batch["canonical"]
        wanted = batch["canonical"][other] + expression
        same, alike = ((batch[name] == batch[name][partner]).to(motion) for name in (PERSON, MOMENT))
        return {
            "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
            "offsets": ((offsets - expression)[:, :count].abs() * weight).mean(),
            "gaps": F.l1_loss(gaps(offsets), gaps(expression)),
            "gaps_head": F.l1_loss(gaps(guess.head), gaps(truth.head)),
            "canonical": F.l1_loss(neutral.head[:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in POSE),
            "blendshapes": F.l1_loss(torch.sigmoid(self.blendshapes(found["expression"])), batch["blendshapes"]),
            "code": found["expression"].square().mean(),
            "cross": ((crossed.head - wanted)[:, :count].abs() * weight).mean(),
            "cross_gaps": F.l1_loss(gaps(crossed.head), gaps(wanted)),
            "swap": ((swapped.head - guess.head).abs().mean((1, 2)) * same).mean(),
            "same_person": _agreement(identity, identity[partner], same),
            "known_as": identity_distance(self.known_as(identity), batch[KNOWN_AS]),
            "same_motion": _agreement(found["expression"], found["expression"][partner], alike),
            "round_trip": _round_trip(model, who, what, descriptor),
            "correlation": correlation(identity, motion),
        }


def partners(count: int, device: torch.device) -> Tensor:
    """Each row's neighbour: rows come in pairs (data.batches.Batches.singles)."""
    numbers = torch.arange(count, device=device)
    return (numbers ^ 1).clamp(max=count - 1)


def correlation(identity: Tensor, motion: Tensor) -> Tensor:
    """Mean squared correlation of identity and motion coefficients over the batch."""
    one, other = ((x - x.mean(0)) / (x.std(0, correction=0) + 1e-3) for x in (identity, motion))
    return ((one.T @ other) / len(one)).square().mean()


def _agreement(one: Tensor, other: Tensor, same: Tensor) -> Tensor:
    """How far apart the rows of two that are to be the same are, by how far apart the batch is. Without a scale: it cannot be had
    by shrinking."""
    spread = (one - one.mean(0)).square().mean().detach() + 1e-6
    return ((one - other).square().mean(1) * same).mean() / spread


def _round_trip(model: Sfd, identity: Tensor, motion: Tensor, descriptor: Tensor) -> Tensor:
    """How far the projections of a descriptor are from the coefficients that made it: nothing, where the basis is orthonormal."""
    back = model.space.coefficients(descriptor)
    return sum((value - wanted).abs().mean() for value, wanted in zip(back, (identity, motion), strict=True))


def _parted(pose, count: int) -> list:
    """A batch of poses -> parts of `count` rows."""
    pieces = zip(*(value.split(count) for value in pose[:3]), strict=True)
    return [type(pose)(*piece, pose.motion) for piece in pieces]
