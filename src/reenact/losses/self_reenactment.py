"""The objective of stage `render`, one for every method that moves keypoints: named, unweighted terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid
from reenact.losses.lpips import LPIPS

if TYPE_CHECKING:
    from reenact.nn.keypoint_method import KeypointMethod

Tensors = Mapping[str, Tensor]

RENDER_WEIGHTS = {"l1": 4.0, "warped": 1.0, "lpips": 1.0}
"""ours: chosen so that no term is ten times another at the start"""


class RenderObjective(nn.Module):
    """Self-reenactment: the source frame, driven by the keypoints of another frame of its clip, is that frame."""

    def __init__(self) -> None:
        super().__init__()
        self.lpips = LPIPS("alex")

    def forward(self, model: KeypointMethod, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], Tensor]:
        """The terms, and the frames drawn. source, driving: image and the fields of data.pool.Truth."""
        start, end = model.teacher(source), model.teacher(driving)
        rendered = model.render_poses(source["image"], model.pyramid(source["image"]), start, end)
        target = driving["image"]
        weight = 1 + 4 * feature_mask(end.keypoints, target.shape[-1], model.config.mesh_keypoints)
        terms = {
            "l1": ((rendered.frame - target).abs() * weight).mean(),
            "warped": (rendered.warped - target).abs().mean(),
            "lpips": self.lpips(rendered.frame, target).mean(),
        }
        return terms, rendered.frame


def feature_weight(count: int) -> Float[Tensor, "count 1"]:
    """Lips, eyes and brows (the first 26 keypoints) count three times, where expression is read (ours)."""
    weight = torch.ones(count, 1)
    weight[:26] = 3
    return weight


def feature_mask(keypoints: Float[Tensor, "batch keypoint 3"], size: int, count: int) -> Float[Tensor, "batch 1 size size"]:
    """In [0, 1]: 1 near eyes, brows and lips (the first 26 keypoints), where looks are decided."""
    grid = identity_grid(32, 32, keypoints)
    points = keypoints[:, : min(26, count), None, None, :2].detach()
    near = torch.exp(-(grid - points).square().sum(-1) / (2 * 0.06**2)).amax(1, keepdim=True)
    return F.interpolate(near, size=(size, size), mode="bilinear", align_corners=False)
