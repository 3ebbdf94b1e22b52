"""Temporal consistency of the motion encoder, from single pictures: one picture seen through two windows that the second pass has
set itself, with other Gaussian noise on each, must give one motion.

ours. In the stages before, windows are off by a broad margin, so that the second pass learns to mend them; when it runs, it has
mended them once already, and what is left of its error changes from frame to frame with the window and the noise. So here a
window is settled first, as it will be, and most of the learning rate is gone: weights out of a joint stage forget at the
motion stage's (docs/log.md: keypoints 1.10 -> 1.41 px).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.geometry.grid import sample
from reenact.nn.motion_encoder import MotionEncoder, face_grid
from reenact.objectives.motion import shaken

Tensors = Mapping[str, Tensor]
CONSISTENCY_WEIGHTS = {"consistency": 40.0, "consistency_shape": 60.0}
"""ours: as the terms that they repeat (methods/mmfa/objective.py)"""
NOISE = 0.03
"""ours: the most noise on a picture, of [0, 1], sigma"""
UNSETTLED = 0.25
"""ours: of the second windows, those that stay as far off as in the motion stage, so that mending is not forgotten"""


class ConsistencyObjective(nn.Module):
    """The method's own terms of both estimates, and by how much the two differ."""

    def __init__(self, reading: nn.Module) -> None:
        """reading: the method's motion objective."""
        super().__init__()
        self.reading = reading

    def forward(self, model: Any, batch: Tensors) -> dict[str, Tensor]:
        """batch: pictures, truth and `wobble`, as data.batches.Batches.singles gives them."""
        images = [with_noise(batch["image"]) for _ in range(2)]
        windows = two_windows(model.motion, images, batch)
        views = [sample(image, face_grid(window, model.motion.face_view)) for image, window in zip(images, windows, strict=True)]
        both = {name: torch.cat([window[name] for window in windows]) for name in windows[0]}
        found = model.motion.examine(torch.cat(views), both)
        twice = {name: torch.cat([value, value]) for name, value in batch.items() if name not in ("image", "wobble")}
        return {**self.reading.compare(model, found, twice), **consistency(model, found)}


def with_noise(image: Tensor) -> Tensor:
    """Noise of another strength on each picture."""
    strength = NOISE * torch.rand(len(image), 1, 1, 1, device=image.device)
    return (image + strength * torch.randn_like(image)).clamp(0, 1)


@torch.no_grad()
def two_windows(motion: MotionEncoder, images: list[Tensor], batch: Tensors) -> list[dict[str, Tensor]]:
    """Where the second pass comes to stand: from the first pass, and from a place that is off (objectives/motion.py: shaken)."""
    settled = motion.settle(images[0], motion.locate(images[0]))
    off = shaken(batch)
    mended = motion.settle(images[1], off)
    stay = torch.rand(len(images[1]), 1, device=images[1].device) < UNSETTLED
    return [settled, {name: torch.where(stay, off[name], mended[name]) for name in mended}]


def consistency(model: Any, found: Tensors) -> dict[str, Tensor]:
    """Mean distance between the keypoints of both estimates, in halves of the side; the same of the head's own shape, in face
    heights. found: a batch's estimates, twice."""
    pose = model.pose(found[model.person], found)
    one, other = pose.keypoints[..., :2].chunk(2)
    head = pose.head.chunk(2)
    return {"consistency": F.l1_loss(one, other), "consistency_shape": F.l1_loss(*head)}
