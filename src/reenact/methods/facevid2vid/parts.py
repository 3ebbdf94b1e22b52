"""The networks that are the method's own; the rendering network is shared (nn/)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.rotation import rotation_matrix
from reenact.methods.facevid2vid.config import Config
from reenact.nn.conv_trunk import small
from reenact.nn.motion_encoder import FEATURES, MotionEncoder


class MotionEncoder(MotionEncoder):
    """A face -> its pose, place, the offset of every keypoint, and the person's canonical keypoints, in two passes."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__(config)
        self.config = config
        self.register_buffer("template", template)
        self.offsets = small(nn.Linear(FEATURES, 3 * config.mesh_keypoints))
        self.canonical = small(nn.Linear(FEATURES, 3 * config.mesh_keypoints))

    def describe(self, feature: Float[Tensor, "batch feature"], pose: dict[str, Tensor]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1] (always 1), translation [B,2], expression [B,3K] (d, keypoint by keypoint),
        canonical_keypoints [B,K,3].

        d is what R x_c + t leaves of the keypoints that the picture shows, the head's size among it.
        """
        shape, shown = (
            self.template + F.pad(head(feature).view(-1, self.config.mesh_keypoints, 3), (0, 0, 0, self.config.shell_keypoints))
            for head in (self.canonical, self.offsets)
        )
        rotation = rotation_matrix(pose["head_pose"])
        offsets = (pose["scale"][:, :, None] * shown - shape) @ rotation.transpose(1, 2)
        return {
            "head_pose": pose["head_pose"],
            "scale": torch.ones_like(pose["scale"]),
            "translation": pose["translation"],
            "expression": offsets.flatten(1),
            "canonical_keypoints": shape,
        }
