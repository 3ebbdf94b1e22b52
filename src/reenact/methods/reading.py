"""How every method that moves keypoints is taught to read a face in two looks (nn/two_looks.py)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from reenact.geometry.grid import sample
from reenact.nn.two_looks import Tensors, TwoLooks, face_grid

POSE = ("head_pose", "scale", "translation")

GAPS = ((12, 13), (16, 17), (1, 2), (4, 5), (18, 10), (18, 13), (19, 14), (19, 17))
"""Pairs of keypoints (faces/points.py) whose distance says most: lids, lips, mouth corners, irises in their eyes"""


def gaps(points: Tensor) -> Tensor:
    """[B,K,3] -> [B,pair,2]: how far apart, along x and y."""
    one, other = zip(*GAPS, strict=True)
    return (points[:, list(one)] - points[:, list(other)])[..., :2]


def look_twice(motion: TwoLooks, batch: Tensors, small: Tensors | None) -> tuple[dict[str, Tensor], Tensor]:
    """What the second look finds in the pictures of `batch`, and by how much the first look was wrong.

    small: in training, the pictures at 64x64, moved and recoloured (data.pairs.jitter), with the pose that goes with them;
    the second look then learns on windows that are off by as much as the first look's errors, so that it mends them. Left
    out, the second look stands where the first one says.
    """
    rough = motion.locate((small or batch)["image"])
    wrong = sum(F.l1_loss(rough[name], (small or batch)[name]) for name in POSE)
    if small is None:
        return motion.read(batch["image"], rough), wrong
    window = shaken(batch)
    view = sample(batch["image"], face_grid(window, motion.face_view))
    return motion.examine(recoloured(view), window), wrong


def shaken(batch: Tensors) -> dict[str, Tensor]:
    """The true pose, off by as much as a first look is (ours: up to 6 degrees, 7 % of scale, 4 % of the half side, sigma)."""
    size = torch.rand_like(batch["scale"])

    def noise(name: str, most: float) -> Tensor:
        return most * size * torch.randn_like(batch[name])

    return {
        "head_pose": batch["head_pose"] + noise("head_pose", 0.1),
        "scale": batch["scale"] * torch.exp(noise("scale", 0.07)),
        "translation": batch["translation"] + noise("translation", 0.04),
    }


def recoloured(image: Tensor) -> Tensor:
    """Another light, camera and grain (ours): gain a channel, gain, grey for one in ten, noise."""
    one = image.new_ones(len(image), 1, 1, 1)
    grey = torch.rand_like(one) < 0.1
    image = torch.where(grey, image.mean(1, keepdim=True).expand_as(image), image)
    image = image * (0.8 + 0.4 * torch.rand_like(one.expand(-1, 3, 1, 1))) * (0.7 + 0.5 * torch.rand_like(one))
    return (image + 0.03 * torch.rand_like(one) * torch.randn_like(image)).clamp(0, 1)


def feature_weight(count: int) -> Tensor:
    """[count,1]: lips, eyes and brows (the first 26 keypoints) count three times, where expression is read (ours)."""
    weight = torch.ones(count, 1)
    weight[:26] = 3
    return weight
