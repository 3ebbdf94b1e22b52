"""Disocclusion, trained by itself: the rendering network is frozen, and only the mask learns that shows the inpainted
background.

ours. Where nobody is in the true picture the inpainted background is to be shown, where somebody is the rendered one: a matte
of the true picture supervises it directly, where losses of pictures would have to find it out. So the stage is short, and
needs no face networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reenact.losses.lpips import LPIPS
from reenact.losses.matting import behind
from reenact.nn.background import near_head
from reenact.nn.graphs import PYRAMID
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import Tensors
from reenact.objectives.self_reenactment import decided

WEIGHTS = {"l1": 4.0, "lpips": 1.0, "behind": 1.0}
"""ours, as in the rendering stages"""


class DisocclusionObjective(nn.Module):
    """Self-reenactment by the method's own motion estimate; `uncover` alone gets gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.lpips = LPIPS("alex")

    def forward(self, model: KeypointMethod, source: Tensors, driving: Tensors) -> dict[str, Tensor]:
        image, target = source["image"], driving["image"]
        with torch.no_grad():
            poses, field, features, code = decided(model, source, driving)
            portrait = model.pyramid(image)
            pyramid = tuple(portrait[name] for name in PYRAMID)
            drawn = model.generator(image, pyramid, field.levels, field.occlusion, features, code)
        frame, shown = model.uncovering(drawn, image, field, features, portrait, *poses)
        assert shown is not None
        near = near_head(poses[0].motion, image.shape[-1])
        return {
            "l1": (frame - target).abs().mean(),
            "lpips": self.lpips(frame, target).mean(),
            "behind": behind(shown, portrait["person"], model.find_person(target), near),
        }
