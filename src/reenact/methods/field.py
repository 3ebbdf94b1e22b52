"""Named, unweighted terms that train the dense motion alone: the warped source against the driving frame.

ours. What draws costs ten times what moves; a picture that is warped well needs little drawing. So the flow, and the mask of
what it cannot bring, learn by themselves on many more pairs, driven by the teacher's keypoints.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import resize_flow, sample
from reenact.losses.lpips import LPIPS
from reenact.nn.generator import KEPT
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import Tensors, relative_matrix

FIELD_WEIGHTS = {"moved": 4.0, "looks": 1.0, "hidden": 0.4, "drift": 0.2}
"""ours: a pixel is better hidden where it is off by more than .1"""


class FieldObjective(nn.Module):
    """Where the mask says that the warped source is shown, it must be the driving frame; hiding costs."""

    def __init__(self, model: KeypointMethod) -> None:
        """model: as training begins; what the dense motion tells the generator is not to drift far from what it said then."""
        super().__init__()
        self.lpips = LPIPS("alex")
        self.first: nn.Module | None = None
        self.dense_motion = [model.dense_motion]

    def start(self) -> None:
        """Keeps the weights that training begins with, once they are filled."""
        self.first = copy.deepcopy(self.dense_motion[0]).requires_grad_(False).eval()

    def forward(self, model: KeypointMethod, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], Tensor]:
        """The terms, and the warped source where it is shown, the truth elsewhere."""
        image, target = source["image"], driving["image"]
        before, after = model.teacher(source), model.teacher(driving)
        matrix = relative_matrix(before, after)
        told = model.told(before, after)
        places = (image, before.keypoints, after.keypoints, matrix, told)
        correction, features = model.dense_motion(*places)
        flow, occlusion = model.dense_motion.flow(correction, before.keypoints, after.keypoints, matrix)
        warped = sample(image, resize_flow(flow, image.shape[-1]))
        shown = mask(occlusion, image.shape[-1])
        mixed = shown * warped + (1 - shown) * target
        if self.first is None:
            self.start()
        assert self.first is not None
        with torch.no_grad():
            _, told_before = self.first(*places)
        terms = {
            "moved": (shown * (warped - target).abs()).mean(),
            "looks": self.lpips(mixed, target).mean(),
            "hidden": (1 - shown).mean(),
            "drift": F.l1_loss(features.float(), told_before.float()),
        }
        return terms, mixed


def mask(occlusion: Float[Tensor, "batch 2 64 64"], size: int) -> Float[Tensor, "batch 1 size size"]:
    """In [0, 1], of the occlusion logits: where the generator begins by keeping the warped source."""
    return F.interpolate(torch.sigmoid(occlusion[:, 1:] + KEPT), size=(size, size), mode="bilinear", align_corners=False)
