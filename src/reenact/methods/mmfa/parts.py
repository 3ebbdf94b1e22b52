"""The networks that are the method's own; the rendering network is shared (nn/)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.methods.mmfa.config import Config
from reenact.nn.blocks import Keypoints
from reenact.nn.conv_trunk import small
from reenact.nn.motion_encoder import FEATURES, MotionEncoder

FIRST_LOG_VARIANCE, LOG_VARIANCE_REACH = -4.0, 8.0
"""ours: training begins with little noise; the exponential stays in range"""


class MotionEncoder(MotionEncoder):
    """A face -> its pose, scale, place, expression code, and the person's canonical keypoints, in two passes."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__(config)
        self.config = config
        self.register_buffer("template", template)
        # The second pass cannot see size and roll; where the offsets have a part in them, the code must be given them.
        told = 0 if config.transform == "mmfa" else 4
        self.expression = nn.Linear(FEATURES + told, config.expression_size)
        self.canonical = small(nn.Linear(FEATURES, 3 * config.mesh_keypoints))
        if config.code == "gaussian":
            self.training_only = ("log_variance",)
            self.log_variance = small(nn.Linear(FEATURES, config.expression_size))
            nn.init.constant_(self.log_variance.bias, FIRST_LOG_VARIANCE)

    def describe(self, feature: Float[Tensor, "batch feature"], pose: dict[str, Tensor]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1], translation [B,2], expression [B,E], canonical_keypoints [B,K,3].

        Of a Gaussian code, expression is the mean, and log_variance [B,E] comes with it.
        """
        offsets = self.canonical(feature).view(-1, self.config.mesh_keypoints, 3)
        canonical = self.template + F.pad(offsets, (0, 0, 0, self.config.shell_keypoints))
        seen = feature
        if self.config.transform != "mmfa":
            seen = torch.cat([feature, pose["scale"].log(), pose["head_pose"]], 1)
        said = {**pose, "expression": self.expression(seen), "canonical_keypoints": canonical}
        if self.config.code == "gaussian":
            said["log_variance"] = self.log_variance(feature).clamp(-LOG_VARIANCE_REACH, LOG_VARIANCE_REACH)
        return said


class ExpressionDecoder(nn.Module):
    """Expression code -> offsets of the keypoints, in the frame of the transform; the zero code is neutral by construction."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(config.expression_size, 192), nn.GELU(), nn.Linear(192, 3 * config.moved_keypoints))
        nn.init.normal_(self.layers[-1].weight, std=3e-3)

    def forward(self, code: Float[Tensor, "batch code"]) -> Keypoints:
        offsets = (self.layers(code) - self.layers(torch.zeros_like(code))).view(-1, self.config.moved_keypoints, 3)
        return F.pad(offsets, (0, 0, 0, self.config.keypoints - self.config.moved_keypoints))
