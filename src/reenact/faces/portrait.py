"""The face that a photo is animated by: found, named where there is none, warned of where it is small."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from reenact.core.errors import NoFaceError, ReenactError, ReenactWarning
from reenact.core.types import Image, Placement
from reenact.core.values import is_whole, written
from reenact.faces.doubt import accepted, doubtful
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.pose import fit_head
from reenact.faces.upright import how_it_lies, no_face, quarter_turns

TURNED = 35.0
"""ours: degrees of yaw; at 34 a turn of 20 degrees towards the camera still holds, at 42 the far cheek is smeared"""
SMALL_HEAD = 0.5
"""ours: below this share of the crop's side the photo has too few pixels for a sharp result, so we warn"""


def faces_of(photo: Image, landmarker: Landmarker) -> list[Face]:
    """Every face of a photo, largest first, sought at every scale: what `reenact faces` lists and `face` counts. The closer one
    looks, the more is taken for faces; so one that looks like none (faces/doubt.py) counts only where no other does."""
    return _sought(photo, landmarker)[0]


def check_face(face: int) -> None:
    """Raises ReenactError for the number of a face that is none."""
    if not is_whole(face) or face < 1:
        raise ReenactError(f"`face` counts from 1 (the largest face), so {written(face)} is no face")


def find_face(photo: Image, landmarker: Landmarker, face: int = 1) -> Face:
    """The photo's `face`-th largest face (from 1), as `reenact faces` counts them. The largest is first sought as it is found
    fastest; others, and where that looks like none, at every scale. Raises ReenactError when there is none, or only doubtful
    ones."""
    check_face(face)
    faces = landmarker.detect(photo)[:1] if face == 1 else []
    sure = bool(faces) and _looks_like_one(photo, landmarker, faces[0])
    if not sure and (faces or face > 1):
        every, sure = _sought(photo, landmarker)
        faces = every or faces
    if faces and face > len(faces):
        found = "only one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise NoFaceError(f"the portrait has {found}: `face` {face} must be at most {len(faces)} (reenact faces PHOTO)")
    _check(photo, landmarker, faces[face - 1 :], sure)
    return faces[face - 1]


def find_faces(photo: Image, landmarker: Landmarker) -> list[Face]:
    """All of them, as `reenact faces` counts them. Raises ReenactError when there is none, or only doubtful ones."""
    faces, sure = _sought(photo, landmarker)
    _check(photo, landmarker, faces, sure)
    return faces


def _check(photo: Image, landmarker: Landmarker, faces: Sequence[Face], sure: bool) -> None:
    """Raises ReenactError where there is none, or the first is none for sure: with how to turn a photo that lies on its side."""
    if not faces:
        raise no_face(photo, landmarker)
    if not sure:
        left, top, right, bottom = faces[0].box
        place = f"{(left + right) / 2:.0f}, {(top + bottom) / 2:.0f}"
        remedy = "choose another photo, or insist with `faces.doubt.accepting`"
        raise no_face(photo, landmarker, f"what was found around {place} looks like no face: {remedy}")


def _sought(photo: Image, landmarker: Landmarker) -> tuple[list[Face], bool]:
    """What `faces_of` gives, and whether these look like faces: all do, or none."""
    found = landmarker.detect_all(photo)
    sure = [face for face in found if _looks_like_one(photo, landmarker, face)]
    return sure or found, bool(sure)


def _looks_like_one(photo: Image, landmarker: Landmarker, face: Face) -> bool:
    return accepted() or not doubtful(landmarker, photo, face)


def warn_if_small(placement: Placement, size: int) -> None:
    """Warns of a head with few pixels. placement: its square in the photo; size: side of the method's crops, px."""
    if placement.side < SMALL_HEAD * size:
        warnings.warn(
            f"the head fills only {placement.side:.0f} x {placement.side:.0f} pixels of the portrait, so the result"
            f" will be soft: a photo with {size} or more is better",
            ReenactWarning,
            stacklevel=3,
        )


def warn_if_turned(face: Face) -> None:
    """Warns of a portrait seen from the side: of the far half of the face little is known."""
    degrees = abs(float(np.degrees(fit_head(face.landmarks).head_pose[0])))
    if degrees > TURNED:
        warnings.warn(
            f"the portrait is turned aside by {degrees:.0f} degrees: where it turns back, half of the face has to be guessed, and"
            " breaks; a photo seen from the front is better",
            ReenactWarning,
            stacklevel=3,
        )


def warn_if_lying(face: Face) -> None:
    """Warns of a head that lies on its side, since it does in what is made of it."""
    if turns := quarter_turns(face):
        told = f"the face in the photo {how_it_lies(turns)} if it is to be upright"
        warnings.warn(told, ReenactWarning, stacklevel=3)
