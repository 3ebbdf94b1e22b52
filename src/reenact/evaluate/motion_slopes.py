"""By how much mouth, brows and lids of an output move where the driver's move by one: 1 is as far, 0 is not at all.

A slope and no correlation: a face that does the right thing at half the size correlates with 1. By a landmarker never used in
training (landmarks106.py). Over the frames of one clip; clips are pooled by adding their covariances and variances, so that
a clip in which the driver's brows do not move says nothing about brows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reenact.evaluate.landmarks106 import Outline, expression_series

KINDS = ("mouth", "brows", "lids")
FRAMES_MIN = 8
"""ours: a clip with fewer frames that show both faces has no slope: pitch and mean are taken out first"""


def slope_sums(pairs: Sequence[tuple[Outline, Outline]]) -> dict[str, float]:
    """Output and driver (or truth), frame by frame -> for each of `KINDS` the sums `slope_KIND_cov` and `slope_KIND_var` of this
    clip; empty for fewer than `FRAMES_MIN` frames. Each face's own pitch is taken out first (least squares)."""
    if len(pairs) < FRAMES_MIN:
        return {}
    found, wanted = ([face for face, _ in pairs], [face for _, face in pairs])
    left, right = _without_pitch(found), _without_pitch(wanted)
    out: dict[str, float] = {}
    for kind, series, target in zip(KINDS, left.T, right.T, strict=True):
        out[f"slope_{kind}_cov"] = float(series @ target)
        out[f"slope_{kind}_var"] = float(target @ target)
    return out


def _without_pitch(faces: Sequence[Outline]) -> np.ndarray:
    """[frames, 3] of `KINDS`, what a line in the pitch leaves of each."""
    series = np.array([expression_series(face) for face in faces])
    pitch = np.array([face.head_pose[1] for face in faces], np.float64)
    known = np.stack([np.ones_like(pitch), pitch - pitch.mean()], 1)
    return series - known @ np.linalg.lstsq(known, series, rcond=None)[0]
