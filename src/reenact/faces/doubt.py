"""A second test of a detection: an apple, coins and half a cat pass the landmarker's own test (presence 1.0), not this one.

A face's landmarks are the same from every shifted region; those of what is none differ with each, or are lost. And the detector,
run again at close range, is sure of a face. Refused is only what fails both, so that a profile or a far face passes.
Figures: results/false_faces.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from reenact.core.types import Image, Placement
from reenact.faces.crop import head_crop
from reenact.faces.landmarker import Face, Landmarker

LOOKS = ((0.07, 0, 1, 0), (-0.07, 0.05, 1, 0), (0, 0, 1.2, 0), (0, -0.05, 0.88, 0), (0, 0, 1, 0.2), (0, 0, 1, -0.2))
"""ours: right, down (in sides of the region), size, radians"""
STRAY_MAX = 0.05
"""ours: mean distance of the points between regions, in sides of the face, at the worst. Faces of people: .033 at most (272
portraits), what is none .061 or more (34 findings)"""
SURE = 0.8
"""ours: of the detector at close range. Faces of people: .86 or more; what is none .75 at most"""

_ACCEPTED: ContextVar[bool] = ContextVar("accepted", default=False)


@contextmanager
def accepting(anyway: bool = True) -> Iterator[None]:
    """Inside, whatever was found is taken for a face (`--force`)."""
    token = _ACCEPTED.set(anyway)
    try:
        yield
    finally:
        _ACCEPTED.reset(token)


def accepted() -> bool:
    """Whether doubtful faces are taken."""
    return _ACCEPTED.get()


def doubtful(landmarker: Landmarker, image: Image, face: Face) -> bool:
    """Is it probably no face? Some 6 ms, and 30 where the detector is not sure."""
    return sureness(landmarker, image, face) < SURE and stray(landmarker, image, face) > STRAY_MAX


def stray(landmarker: Landmarker, image: Image, face: Face) -> float:
    """How far the points differ between regions at the worst of them, in sides of the face; 1 where one loses it."""
    left, top, right, bottom = face.box
    region, side = face.region(), max(right - left, bottom - top)
    worst = 0.0
    for x, y, scale, angle in LOOKS:
        place = Placement(
            region.centre_x + x * region.side, region.centre_y + y * region.side, region.side * scale, region.angle + angle
        )
        again = landmarker.look(image, place)
        if again is None:
            return 1.0
        worst = max(worst, float(np.linalg.norm((again.landmarks - face.landmarks)[:, :2], axis=1).mean()) / side)
    return worst


def sureness(landmarker: Landmarker, image: Image, face: Face) -> float:
    """The detector's score where the face is, 0..1, of two passes at the head the better one."""
    place = head_crop(face)
    scores = []
    for scale in (0.5, 0.675):
        reach = scale * place.side
        scores.append(landmarker.score(image, (place.centre_x - reach, place.centre_y - reach), 2 * reach))
    return max(scores)
