"""The gaze (faces/eyes.py) from driver to portrait, and by blendshapes. None anywhere: not known, and the eyes stay. ours.

No method's keypoints move an iris sideways (results/gaze.json): so the gaze goes beside the expression code, and is drawn by
moving the irises in the portrait (runtime/gaze.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.eyes import Gaze

ACROSS = 0.25
"""ours: eye widths sideways for a blendshape of 1, between a phone's 35 degrees (.20) and the landmarker's (.31: least squares
within the 349 training clips .218 to .256, of which an iris's way is read at .7)"""
DOWN, UP = 0.15, 0.12
"""the same for eyeLookDown; the landmarker's eyeLookUp says too little of its own irises: ours"""
RADIUS = 0.35
"""ours: eye widths from the eyeball's centre to the iris (anatomy: 10.5 of 30 mm)"""
_SIDES = ("Right", "Left")
"""the person's eye in each row of a gaze"""


def looking(values: Float32[np.ndarray, "52"]) -> Gaze:
    """The change of the gaze that the blendshapes eyeLook... ask for."""

    def value(name: str) -> float:
        return float(values[BLENDSHAPE_NAMES.index(f"eyeLook{name}")])

    rows = []
    for side, sign in zip(_SIDES, (1, -1), strict=True):
        across = sign * (value(f"In{side}") - value(f"Out{side}"))
        rows.append((ACROSS * across, DOWN * value(f"Down{side}") - UP * value(f"Up{side}")))
    return np.array(rows, np.float32)


def of_names(values: Mapping[str, float]) -> Gaze:
    """The same of blendshapes by name; the others are 0."""
    return looking(np.array([values.get(name, 0.0) for name in BLENDSHAPE_NAMES], np.float32))


def of_angles(yaw: float, pitch: float) -> Gaze:
    """The gaze of eyes turned in the head, radians: yaw > 0 to the picture's right, pitch > 0 up."""
    return np.tile(RADIUS * np.array([np.sin(yaw), -np.sin(pitch)]), (2, 1)).astype(np.float32)


def since(source: Motion, driving: Motion, reference: Motion) -> Gaze | None:
    """The portrait's own gaze, changed as the driver's since `reference`."""
    if source.gaze is None or driving.gaze is None or reference.gaze is None:
        return source.gaze
    return (source.gaze + driving.gaze - reference.gaze).astype(np.float32)


def usual(motions: Sequence[Motion]) -> Gaze | None:
    """Where one looks mostly: the median."""
    known = [motion.gaze for motion in motions if motion.gaze is not None]
    return np.median(known, axis=0).astype(np.float32) if known else None


def turned(motion: Motion, change: Gaze) -> Motion:
    """The motion with its gaze changed by so much; as it is where its gaze is not known."""
    return motion if motion.gaze is None or not change.any() else motion.replace(gaze=(motion.gaze + change).astype(np.float32))
