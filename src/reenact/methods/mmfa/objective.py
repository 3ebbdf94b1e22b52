"""Named, unweighted terms of the two stages that train the method. The loop weighs and sums them.

ours, and unlike the paper: the plain form learns its keypoints from a teacher (mesh points of the free landmarker), so
that a CPU's worth of images is enough to move a face. Stage `motion` trains the motion encoder and the expression
decoder; stage `render` trains everything that draws, driven by the teacher's keypoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid
from reenact.losses.lpips import LPIPS
from reenact.methods.mmfa.model import Mmfa, Pose, Tensors, place

MOTION_WEIGHTS = {"keypoints": 20.0, "offsets": 60.0, "canonical": 20.0, "pose": 5.0, "blendshapes": 2.0, "code": 1e-3}
RENDER_WEIGHTS = {"l1": 4.0, "warped": 1.0, "lpips": 1.0}
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
        truth = place(batch["head"], batch)
        guess = place(found["canonical_keypoints"] + offsets, found)
        return {
            "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
            "offsets": ((offsets - expression)[:, :count].abs() * feature_weight(count).to(offsets)).mean(),
            "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in ("head_pose", "scale", "translation")),
            "blendshapes": F.l1_loss(torch.sigmoid(self.blendshapes(found["expression"])), batch["blendshapes"]),
            "code": found["expression"].square().mean(),
        }


class RenderObjective(nn.Module):
    """Self-reenactment: the source frame, driven by the keypoints of another frame of its clip, is that frame."""

    def __init__(self) -> None:
        super().__init__()
        self.lpips = LPIPS("alex")

    def forward(self, model: Mmfa, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], Tensor]:
        portrait = dict(zip(("fine", "middle", "coarse"), model.source(source["image"]), strict=True))
        poses: list[Pose] = [place(batch["head"], batch) for batch in (source, driving)]
        rendered = model.render_poses(source["image"], portrait, *poses)
        target = driving["image"]
        weight = 1 + 4 * feature_mask(poses[1], target.shape[-1], model.config.mesh_keypoints)
        terms = {
            "l1": ((rendered.frame - target).abs() * weight).mean(),
            "warped": (rendered.warped - target).abs().mean(),
            "lpips": self.lpips(rendered.frame, target).mean(),
        }
        return terms, rendered.frame


def feature_weight(count: int) -> Tensor:
    """[count,1]: lips, eyes and brows (the first 26 keypoints) count three times, where expression is read (ours)."""
    weight = torch.ones(count, 1)
    weight[:26] = 3
    return weight


def feature_mask(pose: Pose, size: int, count: int) -> Tensor:
    """[B,1,size,size] in [0, 1]: 1 near eyes, brows and lips (the first 26 keypoints), where looks are decided."""
    grid = identity_grid(32, 32, pose.keypoints)
    points = pose.keypoints[:, : min(26, count), None, None, :2].detach()
    near = torch.exp(-(grid - points).square().sum(-1) / (2 * 0.06**2)).amax(1, keepdim=True)
    return F.interpolate(near, size=(size, size), mode="bilinear", align_corners=False)
