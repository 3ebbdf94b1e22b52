"""Heads that lie on their side or stand on their top: by how much a picture is to be turned until its head is upright."""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import NoFaceError
from reenact.core.types import Image
from reenact.faces.doubt import SURE, sureness
from reenact.faces.landmarker import Face, Landmarker

LYING = (np.radians(60.0), np.radians(120.0))
"""ours: a head that leans so far in the first frame lies because the camera did"""
SURER = 0.08
"""ours: by so much the detector must be surer of a head that was turned (upright .84 to .92, upside down .58 to .71, 7 clips)"""
LOOKED_AT_SIDE = 640
"""ours: longest side, px, of the photo without a face that is turned to look for one: all three turns take half a second"""


def quarter_turns(face: Face) -> int:
    """By how many quarter turns, counter-clockwise, a picture is to be turned so that a lying head stands; 0 where it does."""
    angle = face.region().angle
    return int(np.sign(angle)) % 4 if LYING[0] < abs(angle) < LYING[1] else 0


def turns_to_stand(image: Image, face: Face | None, landmarker: Landmarker) -> int:
    """The same, of a head upside down too. face: what was found in the picture as it is; None: nothing.

    An upside-down head is not found, or taken for one that it is not, of which the detector is less sure at close range."""
    turns = 0 if face is None else quarter_turns(face)
    sure = 0.0 if face is None else sureness(landmarker, image, face)
    if turns or sure >= SURE:
        return turns
    for other in (2, 1, 3):
        shown = turned(image, other)
        found = landmarker.detect(shown)
        if found and not quarter_turns(found[0]) and (again := sureness(landmarker, shown, found[0])) >= max(SURE, sure + SURER):
            turns, sure = other, again
    return turns


def turned(image: Image, turns: int) -> Image:
    """The picture, turned counter-clockwise by quarters."""
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def missed(photo: Image, landmarker: Landmarker) -> int:
    """By how many quarter turns, counter-clockwise, a photo without a face is to be turned to have one; 0: that is not why."""
    small = PILImage.fromarray(photo)
    small.thumbnail((LOOKED_AT_SIDE, LOOKED_AT_SIDE), PILImage.Resampling.BOX)
    return turns_to_stand(np.asarray(small), None, landmarker)


def no_face(photo: Image, landmarker: Landmarker, otherwise: str = "") -> NoFaceError:
    """What to say of a photo in which no face was found: how to turn it where there is one then, else `otherwise`."""
    if turns := missed(photo, landmarker):
        return NoFaceError(f"the face in the photo {how_it_lies(turns)}")
    return NoFaceError(otherwise or "no face found in the portrait: choose a photo where one face is seen from the front")


def how_it_lies(turns: int) -> str:
    """And what to do. turns: quarter turns, counter-clockwise, until it is upright; 1 to 3."""
    if turns == 2:
        return "is upside down: turn the photo by 180 degrees"
    return f"lies on its side: turn the photo by 90 degrees {'counter-clockwise' if turns == 1 else 'clockwise'}"
