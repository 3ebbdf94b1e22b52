"""How well an expression arrives: action units, gaze, blinks, the mouth. Pure NumPy, on the landmarker's estimates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from reenact.faces.blendshapes import BLENDSHAPE_NAMES

AU_ON = 0.5
"""an action unit is on from this strength, as in DaGAN's AUCON"""
EYE_OPEN = 0.5
"""ours: gaze is compared while both of the truth's eyeBlink are below this"""
EYEBALL_RADIUS = 0.4
"""ours, in widths of the eye's opening: an eyeball of 12 mm radius behind an opening of 30 mm"""
SERIES_MIN, DEVIATION_MIN = 5, 1e-3
"""ours: a correlation wants so many frames, and a series that moves by so much"""

# FACS numbers by the ARKit coefficients that stand for them; of several the mean is taken (ours, after the names).
ACTION_UNITS: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    6: ("cheekSquintLeft", "cheekSquintRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    9: ("noseSneerLeft", "noseSneerRight"),
    10: ("mouthUpperUpLeft", "mouthUpperUpRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    14: ("mouthDimpleLeft", "mouthDimpleRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    16: ("mouthLowerDownLeft", "mouthLowerDownRight"),
    17: ("mouthShrugLower",),
    18: ("mouthPucker",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    22: ("mouthFunnel",),
    24: ("mouthPressLeft", "mouthPressRight"),
    26: ("jawOpen",),
    28: ("mouthRollLower", "mouthRollUpper"),
    45: ("eyeBlinkLeft", "eyeBlinkRight"),
}
_COLUMNS = [[BLENDSHAPE_NAMES.index(name) for name in names] for names in ACTION_UNITS.values()]
_BLINK = [BLENDSHAPE_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
# outer corner, inner corner, upper lid, lower lid, iris: the person's right eye, then the left
_EYES = ((33, 133, 159, 145, 468), (263, 362, 386, 374, 473))
_LIPS, _FACE = (13, 14), (10, 152)


def action_units(blendshapes: Float[np.ndarray, "52"]) -> Bool[np.ndarray, "20"]:
    """Which of `ACTION_UNITS` are on. Raises ValueError for another number of coefficients."""
    if np.shape(blendshapes) != (len(BLENDSHAPE_NAMES),):
        raise ValueError(f"{len(BLENDSHAPE_NAMES)} blendshapes are wanted, not {np.shape(blendshapes)}")
    return np.array([np.mean(blendshapes[columns]) >= AU_ON for columns in _COLUMNS])


def au_agreement(blendshapes: Float[np.ndarray, "52"], target: Float[np.ndarray, "52"]) -> float:
    """Share of the 20 action units that are on in both or off in both, 0..1 (AUCON's form; one less AU-H)."""
    return float((action_units(blendshapes) == action_units(target)).mean())


def au_overlap(blendshapes: Float[np.ndarray, "52"], target: Float[np.ndarray, "52"]) -> float | None:
    """Of the action units that are on in either, the share that is on in both, 0..1; None where none is on.

    Stricter than the agreement, which a still face gets for the many units that are off.
    """
    found, wanted = action_units(blendshapes), action_units(target)
    either = (found | wanted).sum()
    return float((found & wanted).sum() / either) if either else None


def gaze(head: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "2 2"]:
    """Of each eye the gaze's yaw and pitch in the head's frame, degrees: yaw > 0 to the picture's right, pitch > 0 up.

    head: landmarks with the pose taken out (faces/pose.py `unpose`). The iris' distance from the middle of the eye's corners,
    on an eyeball of `EYEBALL_RADIUS`: an estimate, stable enough for differences. Raises ValueError without irises.
    """
    if len(head) < 478:
        raise ValueError(f"gaze wants 478 points with the irises, not {len(head)}")
    angles = []
    for outer, inner, _, _, iris in _EYES:
        width = float(np.linalg.norm(head[outer, :2] - head[inner, :2])) or 1.0
        offset = (head[iris, :2] - (head[outer, :2] + head[inner, :2]) / 2) / (width * EYEBALL_RADIUS)
        angles.append(np.degrees(np.arcsin(np.clip(offset * [1, -1], -1, 1))))
    return np.array(angles)


def gaze_error(head: Float[np.ndarray, "478 3"], target: Float[np.ndarray, "478 3"]) -> float:
    """Length of the gaze's difference (yaw, pitch) in degrees, mean of both eyes."""
    return float(np.linalg.norm(gaze(head) - gaze(target), axis=1).mean())


def eyes_open(blendshapes: Float[np.ndarray, "52"]) -> bool:
    """Whether this face's gaze can be estimated."""
    return bool((blendshapes[_BLINK] < EYE_OPEN).all())


def blink(blendshapes: Float[np.ndarray, "52"]) -> float:
    """How far both eyes are closed, 0..1."""
    return float(blendshapes[_BLINK].mean())


def mouth_opening(landmarks: Float[np.ndarray, "n 3"]) -> float:
    """Gap of the inner lips in heights of the face."""
    gap, height = (float(np.linalg.norm(landmarks[a] - landmarks[b])) for a, b in (_LIPS, _FACE))
    if height == 0:
        raise ValueError("points that are all one have no mouth")
    return gap / height


def correlation(series: list[float], target: list[float]) -> float | None:
    """Pearson's correlation of two series of one clip, -1..1.

    None where the target does not move or is too short; 0 where only the series is constant (it has missed the motion).
    Raises ValueError for series of unlike length.
    """
    if len(series) != len(target):
        raise ValueError(f"series of one length are wanted, not {len(series)} and {len(target)}")
    if len(target) < SERIES_MIN or np.std(target) < DEVIATION_MIN:
        return None
    if np.std(series) < DEVIATION_MIN:
        return 0.0
    return float(np.corrcoef(series, target)[0, 1])
