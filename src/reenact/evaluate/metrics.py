"""Metrics without a network of their own: pure NumPy, one pair of frames in, one figure out.

Pictures are float [height, width, 3] RGB in [0, 1]. A clip's figure is the mean over its frames, a set's figure the mean
over its clips' frames; the definitions follow the field's common use (FOMM's pose-evaluation for AKD, Wang et al. 2004 for SSIM).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

MESH_POINTS = 468
"""points of the face mesh without the irises"""
AKD_SIDE = 256
"""AKD is in pixels of a picture of this side"""
PSNR_CAP = 100.0
"""ours, dB: what equal pictures score, so that a mean stays finite"""
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
# Wang et al. 2004, section III-B: (0.01 L)^2 and (0.03 L)^2 with L = 1.
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2

Picture = Float[np.ndarray, "height width 3"]


def l1(picture: Picture, target: Picture) -> float:
    """Mean absolute difference over pixels and channels, 0..1."""
    _check(picture, target)
    return float(np.abs(picture - target).mean())


def psnr(picture: Picture, target: Picture) -> float:
    """10 log10(1 / mean squared error) in dB, over all channels together; 100 for equal pictures."""
    _check(picture, target)
    error = float(np.square(picture - target).mean())
    return min(PSNR_CAP, -10.0 * float(np.log10(error))) if error > 0 else PSNR_CAP


def ssim(picture: Picture, target: Picture) -> float:
    """Structural similarity, 1 for equal pictures: 11-tap Gaussian window (sigma 1.5), each channel, whole windows only.

    Wang et al., Image Quality Assessment, 2004, with weighted (not sample) covariance. Raises ValueError below 11 px.
    """
    _check(picture, target)
    if min(picture.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM wants sides of {SSIM_WINDOW} px or more")
    x, y = (np.ascontiguousarray(p.transpose(2, 0, 1), np.float32) for p in (picture, target))
    rows, columns = _window(picture.shape[0]), _window(picture.shape[1])
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = rows @ np.stack([x, y, x * x, y * y, x * y]) @ columns.T
    variance_x, variance_y = mean_xx - mean_x**2, mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance_x + variance_y + SSIM_C2)
    return float((luminance * structure).mean())


def akd_mesh(points: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"], side: float = AKD_SIDE) -> float:
    """AKD-mesh: mean distance of the first 468 mesh points (x, y), in px of a picture scaled from `side` to 256.

    FOMM's own AKD has 68 points of 2D-FAN and takes the mean over 136 numbers: the two are not comparable.
    """
    if len(points) < MESH_POINTS or len(target) < MESH_POINTS:
        raise ValueError(f"AKD-mesh wants {MESH_POINTS} points, not {len(points)} and {len(target)}")
    delta = points[:MESH_POINTS, :2] - target[:MESH_POINTS, :2]
    return float(np.linalg.norm(delta, axis=1).mean()) * AKD_SIDE / side


def aed_exp(coefficients: Float[np.ndarray, "52"], target: Float[np.ndarray, "52"]) -> float:
    """AED-exp: mean absolute difference of the 52 ARKit blendshapes, 0..1 (not AED-id, not the 3DMM's AED)."""
    _check(coefficients, target)
    return float(np.abs(coefficients - target).mean())


def ard(head_pose: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"]) -> float:
    """ARD: mean absolute difference of yaw, pitch and roll (given in radians), in degrees; the short way round."""
    _check(head_pose, target)
    turn = (head_pose - target + np.pi) % (2 * np.pi) - np.pi
    return float(np.degrees(np.abs(turn)).mean())


def cosine(embedding: Float[np.ndarray, "n"], other: Float[np.ndarray, "n"]) -> float:
    """Cosine of two embeddings, -1..1. Raises ValueError where one has no length."""
    _check(embedding, other)
    lengths = float(np.linalg.norm(embedding) * np.linalg.norm(other))
    if lengths == 0:
        raise ValueError("an embedding of length 0 has no direction")
    return float(embedding @ other) / lengths


@lru_cache(maxsize=8)
def _window(side: int) -> Float[np.ndarray, "side-10 side"]:
    """The Gaussian at each whole position along a side, as a band matrix."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    band = np.zeros((side - SSIM_WINDOW + 1, side), np.float32)
    for row in range(len(band)):
        band[row, row : row + SSIM_WINDOW] = weights / weights.sum()
    return band


def _check(array: np.ndarray, target: np.ndarray) -> None:
    if array.shape != target.shape:
        raise ValueError(f"one shape is wanted, not {array.shape} and {target.shape}")
