"""What a face can do, as sums of blendshapes: both sides together, gaze as one turn of both eyes."""

from __future__ import annotations

import numpy as np

from reenact.core.shapes import Float32
from reenact.faces.blendshapes import BLENDSHAPE_NAMES


def _sides(name: str) -> dict[str, float]:
    return {f"{name}Left": 1.0, f"{name}Right": 1.0}


ACTIONS: dict[str, dict[str, float]] = {
    "jaw-open": {"jawOpen": 1},
    "blink": _sides("eyeBlink"),
    "smile": _sides("mouthSmile"),
    "brows-up": {"browInnerUp": 1, **_sides("browOuterUp")},
    "brows-down": _sides("browDown"),
    "pucker": {"mouthPucker": 1},
    "funnel": {"mouthFunnel": 1},
    "gaze-left": {"eyeLookOutLeft": 1, "eyeLookInRight": 1, "eyeLookInLeft": -1, "eyeLookOutRight": -1},
    "gaze-up": {"eyeLookUpLeft": 1, "eyeLookUpRight": 1, "eyeLookDownLeft": -1, "eyeLookDownRight": -1},
    "frown": _sides("mouthFrown"),
    "mouth-stretch": _sides("mouthStretch"),
    "upper-lip-up": _sides("mouthUpperUp"),
    "lower-lip-down": _sides("mouthLowerDown"),
    "lips-press": _sides("mouthPress"),
    "lips-roll": {"mouthRollLower": 1, "mouthRollUpper": 1},
    "shrug": {"mouthShrugLower": 1, "mouthShrugUpper": 1},
    "dimple": _sides("mouthDimple"),
    "mouth-left": {"mouthLeft": 1, "mouthRight": -1},
    "jaw-left": {"jawLeft": 1, "jawRight": -1},
    "squint": _sides("eyeSquint"),
    "eyes-wide": _sides("eyeWide"),
    "mouth-close": {"mouthClose": 1},
    "wink-left": {"eyeBlinkLeft": 1, "eyeBlinkRight": -1},
    "smile-left": {"mouthSmileLeft": 1, "mouthSmileRight": -1},
}
"""ours; left is the person's own"""


def action_matrix() -> Float32[np.ndarray, "action 52"]:
    """blendshapes @ matrix.T: how much of each action is in them (the mean over its members)."""
    rows = np.zeros((len(ACTIONS), len(BLENDSHAPE_NAMES)), np.float32)
    for row, members in zip(rows, ACTIONS.values(), strict=True):
        for name, sign in members.items():
            row[BLENDSHAPE_NAMES.index(name)] = sign / len(members)
    return rows
