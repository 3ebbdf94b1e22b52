"""Priors on keypoints, and the head pose's loss.

Values of face-vid2vid (arXiv 2011.15126). Open re-implementations differ in sums and means by up to 45 times at the same
weight; each function here says which it is.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

MIN_SQUARE_DISTANCE = 0.1
"""D_t, in units of [-1, 1] squared"""
MEAN_DEPTH = 0.33
"""z_t of face-vid2vid; 0 suits keypoints whose translation has no depth"""
BINS, BIN_WIDTH = 66, 3.0


def keypoint_spread(keypoints: Float[Tensor, "batch k 3"], least: float = MIN_SQUARE_DISTANCE) -> Float[Tensor, ""]:
    """Sum over ordered pairs i != j of max(0, D_t - |x_i - x_j|^2), mean over the batch: keypoints keep their distance.
    least: D_t; face-vid2vid's is of 20 keypoints, and smaller for more."""
    square = (keypoints[:, :, None] - keypoints[:, None]).square().sum(-1)
    crowding = (least - square).clamp(min=0)
    apart = 1 - torch.eye(keypoints.shape[1], device=keypoints.device, dtype=keypoints.dtype)
    return (crowding * apart).sum((1, 2)).mean()


def keypoint_depth(keypoints: Float[Tensor, "batch k 3"], depth: float = MEAN_DEPTH) -> Float[Tensor, ""]:
    """|mean of z - depth|, mean over the batch."""
    return (keypoints[..., 2].mean(1) - depth).abs().mean()


def keypoint_prior(
    keypoints: Float[Tensor, "batch k 3"], depth: float = MEAN_DEPTH, least: float = MIN_SQUARE_DISTANCE
) -> Float[Tensor, ""]:
    """`keypoint_spread` + `keypoint_depth`."""
    return keypoint_spread(keypoints, least) + keypoint_depth(keypoints, depth)


def deformation_prior(deformation: Float[Tensor, "batch k 3"]) -> Float[Tensor, ""]:
    """Mean |d| over batch, keypoints and axes: small expressions. |d|_1 may also be understood as a sum over 3 k numbers."""
    return deformation.abs().mean()


def head_pose(guess: Float[Tensor, "batch 3"], truth: Float[Tensor, "batch 3"]) -> Float[Tensor, ""]:
    """Mean |difference| over batch and the three angles, the short way round. Yaw, pitch, roll in radians; result in
    DEGREES. Others sum over the angles. truth: the renderer's, or the landmarker's."""
    difference = guess - truth
    wrapped = torch.atan2(torch.sin(difference), torch.cos(difference))
    return torch.rad2deg(wrapped.abs()).mean()


def angle_from_bins(logits: Float[Tensor, "*batch 66"]) -> Float[Tensor, "*batch"]:
    """The expected angle in degrees: bins 3 degrees wide from -99 to 99, each counted at its centre."""
    centres = (torch.arange(BINS, device=logits.device, dtype=logits.dtype) + 0.5) * BIN_WIDTH - BINS * BIN_WIDTH / 2
    return (logits.softmax(-1) * centres).sum(-1)
