"""Whether the motion encoder saw the head that the landmarker follows. ours.

Both say where a head is and how large, from different pictures: the whole frame, and the crop alone. On faces that are seen whole
they agree within .04 (val clips: 0.005 to 0.016 standard deviation of the size's logarithm). Where somebody passes in front, a
head leaves the picture, or two are in one crop, the motion encoder reads a head of half the size or another one's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from reenact.core.types import Motion, Placement
from reenact.faces.landmarker import Face
from reenact.faces.points import MESH_POINTS
from reenact.faces.pose import fit_head

APART = 0.1
"""ours: of the size's logarithm, and of the place in halves of the crop's side"""


class HeadPlace(NamedTuple):
    """By the landmarker, in a crop: as a Motion's scale and translation."""

    scale: float
    x: float
    y: float


def place_in(face: Face, crop: Placement) -> HeadPlace:
    """Where a face of the picture lies in the crop."""
    fit, half = fit_head(face.landmarks[None, :468]), crop.side / 2
    x, y = fit.translation[0, :2]
    return HeadPlace(float(fit.scale[0]) / half, (float(x) - crop.centre_x) / half, (float(y) - crop.centre_y) / half)


class Agreement:
    """Of one driver. Only methods whose keypoints are mesh points have the landmarker's sizes and places, and the first head
    decides, too; all motions of others are believed."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """config: the method's, as beside its weights."""
        self._comparable: bool | None = None if config.get("mesh_keypoints") == len(MESH_POINTS) else False

    def believes(self, motion: Motion, place: HeadPlace | None) -> bool:
        """Whether the motion is of the head at this place; None: nobody knows."""
        if place is None:
            return True
        size = abs(float(np.log(max(float(motion.scale[0]), 1e-6) / place.scale)))
        agreed = max(size, *(abs(float(a) - b) for a, b in zip(motion.translation, place[1:], strict=True))) <= APART
        if self._comparable is None:
            self._comparable = agreed
        return agreed or not self._comparable
