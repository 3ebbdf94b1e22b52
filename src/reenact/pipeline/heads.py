"""The heads in a driver's pictures: found, followed, cut out, and their motion read."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from reenact.core.errors import ReenactWarning
from reenact.core.types import Image, Method, Motion, Placement
from reenact.faces import eyes
from reenact.faces.agreement import Agreement, HeadPlace, place_in
from reenact.faces.crop import CropTracker, cut
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.upright import turned, turns_to_stand

Moment = tuple[Fraction, Motion | None]
"""seconds from the first frame on the source's own clock, and the motion; None: that frame shows no face"""
Timed = tuple[Fraction | float, Image]
"""a picture that says when it was taken, seconds on any clock that runs forwards"""
TRIES = 3
"""ours: frames without a face, at the beginning, in which it is sought upside down as well"""


class Head(NamedTuple):
    """A driver's head in one picture."""

    crop: Image
    """size x size"""
    gaze: eyes.Gaze | None
    """None where the eyes are shut"""
    place: HeadPlace | None = None
    """in the crop; None where nobody looked"""


def heads(frames: Iterable[Timed], landmarker: Landmarker, size: int, every: int = 1) -> Iterator[tuple[Fraction, Head | None]]:
    """The tracked head of each picture, with the picture's time; None where there is no face.

    Where the first head lies on its side or stands on its top, all pictures are turned, and a warning says so; another where
    several people are seen, of whom the one with the largest head is followed. every: n,
    where the pictures are every n-th frame of a clip that is yet to be followed; with more than 1 nothing is said.
    """
    tracker, turns, tries = CropTracker(landmarker), None, TRIES
    for time, shown in frames:
        image = turned(shown, turns or 0)
        found = tracker.update(image, every)
        if turns is None and (found is not None or tries):
            tries -= found is None
            turns = turns_to_stand(image, None if found is None else found[1], landmarker) or (None if found is None else 0)
            if turns:
                if every == 1:
                    lies = "is upside down" if turns == 2 else "lies on its side"
                    warnings.warn(f"the head {lies} in the driving video, which is turned upright", ReenactWarning, stacklevel=1)
                tracker.forget()
                image = turned(shown, turns)
                found = tracker.update(image)
            if turns is not None and tracker.beside and every == 1:
                several = f"the driving video shows {tracker.beside + 1} faces, of which the largest is followed"
                warnings.warn(f"{several}: cut the video to another one to follow that", ReenactWarning, stacklevel=1)
        yield Fraction(time), None if found is None else head_in(image, *found, size)


def head_in(image: Image, crop: Placement, face: Face, size: int) -> Head:
    """The head that was found in a picture (CropTracker.update), cut out."""
    return Head(cut(image, crop, size), eyes.gaze(face.landmarks), place_in(face, crop))


def crops(frames: Iterable[Timed], landmarker: Landmarker, size: int) -> Iterator[tuple[Fraction, Image | None]]:
    """The same, the square alone."""
    return ((time, None if head is None else head.crop) for time, head in heads(frames, landmarker, size))


class HeadReader:
    """One driver's motions, by one method."""

    def __init__(self, method: Method) -> None:
        self._method, self._agreement = method, Agreement(method.config)

    def motion(self, head: Head) -> Motion | None:
        """The head's, its gaze included; None where it is not that of the head that is followed."""
        motion = self._method.encode_motion(head.crop).replace(gaze=head.gaze)
        return motion if self._agreement.believes(motion, head.place) else None


def read(method: Method, seen: Iterable[tuple[Fraction, Head | None]]) -> Generator[Moment, None, None]:
    """The motion of each head."""
    reader = HeadReader(method)
    for time, head in seen:
        yield time, None if head is None else reader.motion(head)
