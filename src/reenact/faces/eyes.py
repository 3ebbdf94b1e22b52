"""Where the eyes look: the irises between the corners of the eyes, by the landmarker's points.

A gaze is [2, 2]: the eye on the picture's left (the person's right one), then the other; for each x, y of the iris from the
middle between the eye's corners, in widths of the eye, along the line through the corners: x to the picture's right, y down. So
it is in the head's own frame: a turn narrows the eye and the iris's way alike. ours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Placement, Portrait

UPPER = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
LOWER = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
"""of MediaPipe's mesh: both lids of each eye, from the picture's left to its right, corners included"""
IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
"""the centre, then four points of the rim"""
POINTS = np.array([upper + lower + iris for upper, lower, iris in zip(UPPER, LOWER, IRIS, strict=True)])
LIDS = len(UPPER[0])
OPEN = 0.12
"""ours: an eye less high than this, in its widths, hides its iris; open ones have .3 to .4"""
READ = 0.7
"""of an iris's way sideways so much is read: .67 to .75, of known ways in 12 portraits (results/gaze.json)"""
GAZE_MAX = 1.0
"""ours: eye widths; beyond the eye, which only landmarks that are off say"""
HEIGHT_LEFT = 0.2
"""ours: of an iris's height what the expression code does not say: lids and code bring .8 of it (results/gaze.json)"""

Gaze = Float32[np.ndarray, "2 2"]
Outlines = Float32[np.ndarray, "2 23 2"]
"""of each eye 9 points of the upper lid, 9 of the lower, the iris's centre and 4 points of its rim, in sides of the crop"""


def outlines(landmarks: Float32[np.ndarray, "478 _"], placement: Placement) -> Outlines:
    """Landmarks in px of a picture, and an upright square in it -> the eyes in that square."""
    corner = np.array([placement.centre_x, placement.centre_y]) - placement.side / 2
    return ((landmarks[POINTS][..., :2] - corner) / placement.side).astype(np.float32)


def known(portrait: Portrait, landmarks: Float32[np.ndarray, "478 _"], placement: Placement) -> Portrait:
    """The portrait, its eyes and their gaze known by the landmarks in its picture; as it is where both are shut."""
    own = gaze(landmarks)
    if own is None:
        return portrait
    return replace(portrait, motion=portrait.motion.replace(gaze=own), eyes=outlines(landmarks, placement))


def between(start: Gaze | None, end: Gaze | None, share: float) -> Gaze | None:
    """`share` of the way from one to the other; where one is not known, the other."""
    if start is None or end is None:
        return end if start is None else start
    return (start + share * (end - start)).astype(np.float32)


def opened(eyes: Float32[np.ndarray, "2 23 2"]) -> Float32[np.ndarray, "2"]:
    """How high each eye is open, in its widths."""
    upper, lower = eyes[:, LIDS // 2], eyes[:, LIDS + LIDS // 2]
    return (np.linalg.norm(upper - lower, axis=-1) / widths(eyes)).astype(np.float32)


def widths(eyes: Float32[np.ndarray, "2 23 2"]) -> Float32[np.ndarray, "2"]:
    """Corner to corner, in the points' unit."""
    return np.maximum(np.linalg.norm(eyes[:, LIDS - 1] - eyes[:, 0], axis=-1), 1e-6)


def gaze(landmarks: Float32[np.ndarray, "478 _"]) -> Gaze | None:
    """The driver's or the portrait's gaze, the same for both eyes (the mean, the wider seen counting more); None where both are
    shut."""
    eyes = landmarks[POINTS][..., :2].astype(np.float32)
    wide = widths(eyes)
    sure = np.where(opened(eyes) >= OPEN, wide, 0.0)
    if not sure.any():
        return None
    along = (eyes[:, LIDS - 1] - eyes[:, 0]) / wide[:, None]
    away = (eyes[:, 2 * LIDS] - (eyes[:, 0] + eyes[:, LIDS - 1]) / 2) / wide[:, None]
    x = (away * along).sum(1) / READ
    y = HEIGHT_LEFT * (away[:, 1] * along[:, 0] - away[:, 0] * along[:, 1])
    both = np.average(np.stack([x, y], 1), axis=0, weights=sure)
    return np.tile(both.clip(-GAZE_MAX, GAZE_MAX), (2, 1)).astype(np.float32)
