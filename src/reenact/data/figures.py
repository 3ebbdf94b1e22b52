"""Figures of a clip: how sharp, how large, how lively. They go into ClipInfo.figures and are what filters and the report read."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from reenact.core.types import Image

SAMPLED = 8
"""ours: frames of a clip that sharpness is measured on"""


def sharpness(image: Image, landmarks: Float32[np.ndarray, "478 3"]) -> float:
    """Mean absolute Laplacian of the luma inside the face's box, in levels of 255: below 2 is blurred, above 5 is crisp at
    256x256."""
    height, width = image.shape[:2]
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    left, top = np.clip(low.astype(int), 0, [width - 3, height - 3])
    right, bottom = np.clip(high.astype(int), [left + 3, top + 3], [width, height])
    luma = image[top:bottom, left:right].astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    laplacian = luma[1:-1, :-2] + luma[1:-1, 2:] + luma[:-2, 1:-1] + luma[2:, 1:-1] - 4 * luma[1:-1, 1:-1]
    return float(np.abs(laplacian).mean())


def clip_figures(
    images: list[tuple[int, Image]],
    truth: dict[str, np.ndarray],
    native_px: float,
) -> dict[str, float]:
    """images: a few of the clip's frames with their numbers, spread evenly. native_px: side of the crop in the source.

    sharpness; face_px: median longer side of the face in the source, px; yaw_range, pitch_range, roll_range: degrees from the
    5th to the 95th percentile; turn_speed: degrees a second; expression: mean standard deviation of the blendshapes, 0..1.
    """
    landmarks, pose, time = truth["landmarks"], np.degrees(truth["head_pose"]), truth["time"]
    size = images[0][1].shape[0]
    extent = (landmarks[..., :2].max(1) - landmarks[..., :2].min(1)).max(1)
    low, high = np.percentile(pose, [5, 95], axis=0)
    speed = np.abs(np.diff(pose, axis=0)).sum(1) / np.maximum(np.diff(time), 1e-3) if len(time) > 1 else np.zeros(1)
    figures = {
        "sharpness": np.mean([sharpness(image, landmarks[number]) for number, image in images]),
        "face_px": np.median(extent) * native_px / size,
        "native_px": native_px,
        **{f"{name}_range": high[i] - low[i] for i, name in enumerate(("yaw", "pitch", "roll"))},
        "turn_speed": speed.mean(),
        "expression": truth["blendshapes"].std(0).mean(),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}
