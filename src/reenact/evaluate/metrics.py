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
BLOCK = 32
"""outputs worked out together: most of a wider block's weights are 0"""
# Wang et al. 2004, section III-B: (0.01 L)^2 and (0.03 L)^2 with L = 1.
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2

# Wang et al. 2003, section 3.2.
MS_SSIM_POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

IBUG_68 = [
    int(number)
    for number in (
        "162 234 93 58 172 136 149 148 152 377 378 365 397 288 323 454 389 71 63 105 66 107 336 296 334 293 301 168 197 5 4 "
        "75 97 2 326 305 33 160 158 133 153 144 362 385 387 263 373 380 61 39 37 0 267 269 291 405 314 17 84 181 78 82 13 "
        "312 308 317 14 87"
    ).split()
]
"""the mesh points nearest to the 68 of iBUG's markup, in its order: jaw 17, brows 10, nose 9, eyes 12, lips 20 (ours, by eye)"""

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
    luminance, structure = _ssim_maps(picture, target)
    return float((luminance * structure).mean())


def ms_ssim(picture: Picture, target: Picture) -> float:
    """Multi-scale SSIM over five scales, 1 for equal pictures (Wang, Simoncelli, Bovik 2003; the same window as `ssim`).

    A negative mean at a scale counts as 0, as its power is not real. Raises ValueError below 176 px (11 x 2^4).
    """
    return ssim_and_ms_ssim(picture, target)[1]


def ssim_and_ms_ssim(picture: Picture, target: Picture) -> tuple[float, float]:
    """`ssim` and `ms_ssim` in one go: the first scale is the same. Raises ValueError as `ms_ssim`."""
    _check(picture, target)
    if min(picture.shape[:2]) < SSIM_WINDOW * 2 ** (len(MS_SSIM_POWERS) - 1):
        raise ValueError(f"MS-SSIM wants sides of {SSIM_WINDOW * 2 ** (len(MS_SSIM_POWERS) - 1)} px or more")
    single, channels = 0.0, np.ones(picture.shape[2])
    for scale, power in enumerate(MS_SSIM_POWERS):
        luminance, structure = _ssim_maps(picture, target)
        if scale == 0:
            single = float((luminance * structure).mean())
        last = scale == len(MS_SSIM_POWERS) - 1
        found = (luminance * structure if last else structure).mean((1, 2), dtype=np.float64)
        channels *= np.maximum(found, 0.0) ** power
        picture, target = _halved(picture), _halved(target)
    return single, float(channels.mean())


def akd_mesh(points: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"], side: float = AKD_SIDE) -> float:
    """AKD-mesh: mean distance of the first 468 mesh points (x, y), in px of a picture scaled from `side` to 256.

    FOMM's own AKD has 68 points of 2D-FAN and takes the mean over 136 numbers: the two are not comparable.
    """
    if len(points) < MESH_POINTS or len(target) < MESH_POINTS:
        raise ValueError(f"AKD-mesh wants {MESH_POINTS} points, not {len(points)} and {len(target)}")
    delta = points[:MESH_POINTS, :2] - target[:MESH_POINTS, :2]
    return float(np.linalg.norm(delta, axis=1).mean()) * AKD_SIDE / side


def akd_68(points: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"], side: float = AKD_SIDE) -> float:
    """AKD-68: as `akd_mesh`, over the 68 mesh points of `IBUG_68` (the face mesh's, not 2D-FAN's: not FOMM's AKD)."""
    if len(points) < MESH_POINTS or len(target) < MESH_POINTS:
        raise ValueError(f"AKD-68 wants the mesh's {MESH_POINTS} points, not {len(points)} and {len(target)}")
    delta = points[IBUG_68, :2] - target[IBUG_68, :2]
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


def apd(pose: Float[np.ndarray, "6"], target: Float[np.ndarray, "6"]) -> float:
    """APD: mean absolute difference of six pose numbers: yaw, pitch, roll (radians, the short way round), x, y in [-1, 1] of
    the picture, logarithm of the scale. The 3DMM papers' APD, with the mesh's similarity fit for the 3DMM."""
    _check(pose, target)
    delta = np.asarray(pose, np.float64) - target
    delta[:3] = (delta[:3] + np.pi) % (2 * np.pi) - np.pi
    return float(np.abs(delta).mean())


def aed_id(embedding: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"]) -> float:
    """AED-id: distance of two identity embeddings of unit length, 0..2 (FOMM's AED, whose OpenFace network is not to be had).

    Raises ValueError where one has no length.
    """
    return float(np.sqrt(max(0.0, 2.0 - 2.0 * cosine(embedding, target))))


def cosine(embedding: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """Cosine of two embeddings, -1..1. Raises ValueError where one has no length."""
    _check(embedding, other)
    lengths = float(np.linalg.norm(embedding) * np.linalg.norm(other))
    if lengths == 0:
        raise ValueError("an embedding of length 0 has no direction")
    return float(embedding @ other) / lengths


def _ssim_maps(picture: Picture, target: Picture) -> tuple[Float[np.ndarray, "c h w"], Float[np.ndarray, "c h w"]]:
    """The luminance term and the contrast-structure term at each whole window."""
    x, y = (np.ascontiguousarray(p.transpose(2, 0, 1), np.float32) for p in (picture, target))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _weighted_means(np.stack([x, y, x * x, y * y, x * y]))
    variance_x, variance_y = mean_xx - mean_x**2, mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance_x + variance_y + SSIM_C2)
    return luminance, structure


def _halved(picture: Picture) -> Picture:
    """2 x 2 means; an odd last row or column is left out."""
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    even = picture[:height, :width]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _weighted_means(maps: Float[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n c h-10 w-10"]:
    """The Gaussian window's mean at each whole position: two products with a band matrix, a block of the band at a time."""
    tall = np.concatenate([band @ maps[..., place, :] for place, band in _blocks(maps.shape[-2])], -2)
    return np.concatenate([tall[..., place] @ band.T for place, band in _blocks(maps.shape[-1])], -1)


@lru_cache(maxsize=16)
def _blocks(side: int) -> list[tuple[slice, Float[np.ndarray, "out in"]]]:
    """Along a side: which inputs some neighbouring outputs need, and their weights."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SSIM_SIGMA**2)).astype(np.float32)
    weights /= weights.sum()
    blocks = []
    for first in range(0, side - SSIM_WINDOW + 1, BLOCK):
        count = min(BLOCK, side - SSIM_WINDOW + 1 - first)
        band = np.zeros((count, count + SSIM_WINDOW - 1), np.float32)
        for row in range(count):
            band[row, row : row + SSIM_WINDOW] = weights
        blocks.append((slice(first, first + count + SSIM_WINDOW - 1), band))
    return blocks


def _check(array: np.ndarray, target: np.ndarray) -> None:
    if array.shape != target.shape:
        raise ValueError(f"one shape is wanted, not {array.shape} and {target.shape}")
