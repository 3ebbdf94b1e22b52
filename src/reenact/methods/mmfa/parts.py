"""The networks that are the method's own; what draws is shared (nn/)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.methods.mmfa.config import Config
from reenact.nn.blocks import ConvBlock, Keypoints, ResidualBlock, pool


class MotionEncoder(nn.Module):
    """A face -> its pose, scale, place, expression code, and the person's canonical keypoints.

    image [B,3,S,S] -> pool to 128 -> five strided stages to 4x4 -> 1x1 conv -> one linear layer -> heads.
    """

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("template", template)
        widths = config.motion_widths
        stages: list[nn.Module] = [ConvBlock(3, widths[0], 2)]
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            stages += [ConvBlock(inputs, outputs, 2), ResidualBlock(outputs), ResidualBlock(outputs)]
        self.trunk = nn.Sequential(*stages, nn.Conv2d(widths[-1], 64, 1), nn.Flatten())
        cells = (config.motion_view // 2 ** len(widths)) ** 2
        self.neck = nn.Sequential(nn.Linear(64 * cells, 384), nn.ReLU(inplace=True))
        self.pose = nn.Linear(384, 6)
        self.expression = nn.Linear(384, config.expression_size)
        self.canonical = nn.Linear(384, 3 * config.mesh_keypoints)
        for head in (self.pose, self.canonical):
            nn.init.normal_(head.weight, std=1e-3)
            nn.init.zeros_(head.bias)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1], translation [B,2], expression [B,E], canonical_keypoints [B,K,3]."""
        view = pool(image, self.config.motion_view) - 0.5
        feature = self.neck(self.trunk(view)).float()
        pose = self.pose(feature)
        offsets = self.canonical(feature).view(-1, self.config.mesh_keypoints, 3)
        offsets = F.pad(offsets, (0, 0, 0, self.config.shell_keypoints))
        return {
            "head_pose": pose[:, :3],
            "scale": torch.exp(pose[:, 3:4].clamp(-1, 1)),
            "translation": pose[:, 4:6],
            "expression": self.expression(feature),
            "canonical_keypoints": self.template + offsets,
        }


class ExpressionDecoder(nn.Module):
    """Expression code -> offsets of the keypoints in the head's own frame; the zero code is neutral by construction."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(config.expression_size, 192), nn.GELU(), nn.Linear(192, 3 * config.mesh_keypoints))
        nn.init.normal_(self.layers[-1].weight, std=3e-3)

    def forward(self, code: Float[Tensor, "batch code"]) -> Keypoints:
        offsets = (self.layers(code) - self.layers(torch.zeros_like(code))).view(-1, self.config.mesh_keypoints, 3)
        return F.pad(offsets, (0, 0, 0, self.config.shell_keypoints))
