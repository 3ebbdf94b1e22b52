"""The networks that are the method's own; what draws is shared (nn/)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.methods.facevid2vid.config import Config
from reenact.nn.blocks import pool
from reenact.nn.look import Look, small

FEATURES = 384


class MotionEncoder(nn.Module):
    """A face -> its pose, place, the offset of every keypoint, and the person's canonical keypoints.

    image [B,3,S,S] -> pool to 128 -> five strided stages to 4x4 -> 1x1 conv -> one linear layer -> heads.
    """

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("template", template)
        self.look = Look(config.motion_view, config.motion_widths, config.motion_squeeze, FEATURES)
        self.pose = small(nn.Linear(FEATURES, 5))
        self.offsets = small(nn.Linear(FEATURES, 3 * config.keypoints))
        self.canonical = small(nn.Linear(FEATURES, 3 * config.mesh_keypoints))

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1] (always 1), translation [B,2], expression [B,3K] (d, keypoint by keypoint),
        canonical_keypoints [B,K,3]."""
        feature = self.look(pool(image, self.config.motion_view))
        pose = self.pose(feature)
        offsets = self.canonical(feature).view(-1, self.config.mesh_keypoints, 3)
        return {
            "head_pose": pose[:, :3],
            "scale": torch.ones_like(pose[:, :1]),
            "translation": pose[:, 3:5],
            "expression": self.offsets(feature),
            "canonical_keypoints": self.template + F.pad(offsets, (0, 0, 0, self.config.shell_keypoints)),
        }
