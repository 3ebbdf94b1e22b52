"""The motion encoder's losses in every method that moves keypoints: both passes (nn/motion_encoder.py) against the teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from reenact.geometry.grid import sample
from reenact.nn.keypoints import Pose
from reenact.nn.motion_encoder import MotionEncoder, Tensors, face_grid

POSE = ("head_pose", "scale", "translation")

GAPS = ((12, 13), (16, 17), (1, 2), (4, 5), (18, 10), (18, 13), (19, 14), (19, 17))
"""Pairs of keypoints (faces/points.py) whose distance says most: lids, lips, mouth corners, irises in their eyes"""


SHOWN_GAPS = {"lids": ([0, 1], 1), "lips": ([2], 1), "corners": ([3], 0), "gaze": ([4, 6], 0)}
"""Whose correlation validation logs: which, along x (0) or y (1)"""


def gaps(points: Tensor) -> Tensor:
    """[B,K,3] -> [B,pair,2]: how far apart, along x and y."""
    one, other = zip(*GAPS, strict=True)
    return (points[:, list(one)] - points[:, list(other)])[..., :2]


def encode_twice(motion: MotionEncoder, batch: Tensors, small: Tensors | None) -> tuple[dict[str, Tensor], Tensor]:
    """What the second pass finds in the pictures of `batch`, and by how much the first pass was wrong.

    small: in training, the pictures at 64x64, turned, zoomed and shifted, with the pose that goes with them; the second
    pass then learns on windows that are off by as much as the first pass's errors, so that it mends them. Left out, the
    second pass crops where the first one says.
    """
    rough = motion.locate((small or batch)["image"])
    wrong = sum(F.l1_loss(rough[name], (small or batch)[name]) for name in POSE)
    if small is None:
        return motion(batch["image"]), wrong
    window = shaken(batch)
    view = sample(batch["image"], face_grid(window, motion.face_view))
    return motion.examine(view, window), wrong


def shaken(batch: Tensors) -> dict[str, Tensor]:
    """The true pose, off by more than a first pass is (ours: 6 degrees, 8 % of scale, 5 % of the half side, sigma).

    Not by less: errors that crowd around nothing teach the second pass to change nothing (docs/log.md). batch["wobble"]:
    the random numbers (data.batches.Batches.singles).
    """
    wobble = batch["wobble"]
    return {
        "head_pose": batch["head_pose"] + 0.1 * wobble[:, :3],
        "scale": batch["scale"] * torch.exp(0.08 * wobble[:, 3:4]),
        "translation": batch["translation"] + 0.05 * wobble[:, 4:6],
    }


def feature_weight(count: int, like: Tensor) -> Tensor:
    """[count,1], on the device of `like`: lips, eyes and brows (the first 26 keypoints) count three times, where expression is
    read (ours)."""
    weight = like.new_ones(count, 1)
    weight[:26] = 3
    return weight


def keypoint_terms(guess: Pose, truth: Pose, offsets: Tensor, expression: Tensor, count: int) -> dict[str, Tensor]:
    """The estimates against the teacher: keypoints in the picture; an expression's offsets in the head's frame; inter-landmark
    distances ("gaps": lids, lips, irises) of the offsets and of the face as it is.

    offsets, expression: found and true, [B,K,3]; count: of keypoints on the face, the first ones.
    """
    return {
        "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
        "offsets": ((offsets - expression)[:, :count].abs() * feature_weight(count, offsets)).mean(),
        "gaps": F.l1_loss(gaps(offsets), gaps(expression)),
        "gaps_head": F.l1_loss(gaps(guess.head), gaps(truth.head)),
    }


def person_terms(found: Tensors, batch: Tensors, count: int) -> dict[str, Tensor]:
    """The person's canonical keypoints, and the head's pose, scale and place."""
    return {
        "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
        "pose": sum(F.l1_loss(found[name], batch[name]) for name in POSE),
    }
