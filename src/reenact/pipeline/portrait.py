"""What is rendered of a portrait: the square crop, or the whole photo with the crop pasted back into it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.types import Image, Portrait
from reenact.core.values import check_kind, written
from reenact.faces.crop import head_crop, paste, soft_mask
from reenact.faces.crown import is_cut_off
from reenact.faces.landmarker import Landmarker
from reenact.faces.portrait import check_face
from reenact.faces.upright import no_face
from reenact.media.film import FILM_QUALITY, check_film_quality
from reenact.motion.compose import ALL_DRIVEN, KEEP_PLACE, Parts
from reenact.provenance.marks import MARKS, Marks

OutputMode = Literal["crop", "photo", "auto"]
TIGHT = 2.5
"""ours: sides of the head's square; a photo with more around is not what a film of a head is to show"""

HIGHER = 0.2
"""ours: of what a photo is higher than wide, so much is left off above the square that shows it, the rest below"""
PHOTO_MAX = 3840
"""ours: longest side of a whole-photo video in pixels; beyond 4K few players follow, and H.264 takes seconds a frame"""


@dataclass(frozen=True)
class Output:
    """What is rendered of which face of the photo, and how it is marked."""

    mode: OutputMode = "crop"
    """crop: the head, square; photo: the whole photo; auto: `decided`"""
    face: int = 1
    """which face of the photo: 1 is the largest"""
    marks: Marks = MARKS
    """what a file carries of being synthetic (provenance/output.py)"""
    film_quality: int = FILM_QUALITY
    """of a film, 1..100, as of JPEG: hardly visible loss at 90; .gif has but one"""

    def check(self) -> None:
        """Raises ReenactError for a mode, a face or a quality that is none, and for marks whose key cannot sign."""
        check_kind("marks", self.marks, Marks)
        self.marks.check()
        check_film_quality(self.film_quality)
        check_face(self.face)
        if self.mode not in get_args(OutputMode):
            raise ReenactError(f"unknown output {written(self.mode)}: choose one of {', '.join(get_args(OutputMode))}")

    def decided(self, portrait: Portrait) -> Output:
        """The same, `auto` being decided: a tight photo that cuts the head off is shown whole, as the square around such a head
        is filled with what nobody knows; else the crop."""
        if self.mode != "auto":
            return self
        photo, place = portrait.photo, portrait.placement
        if photo is None or place is None or max(photo.shape[:2]) > TIGHT * portrait.framing.usual(place).side:
            return replace(self, mode="crop")
        return replace(self, mode="photo" if is_cut_off(portrait.framing.usual(place), photo) else "crop")

    def parts(self) -> Parts:
        """Whose motion, by default: all of it the driver's; in the whole photo scale and place stay, since a head that moves with
        a driver who leans or steps back slides off its neck."""
        return KEEP_PLACE if self.mode == "photo" else ALL_DRIVEN


CROP, PHOTO, AUTO = Output("crop"), Output("photo"), Output("auto")


def placer(portrait: Portrait, output_mode: OutputMode) -> Callable[[Image], Image]:
    """What makes an output frame of a rendered crop."""
    if Output(output_mode).decided(portrait).mode == "crop":
        return lambda crop: crop
    small = limited(portrait)
    photo, placement = small.photo, small.placement
    assert photo is not None and placement is not None, "the portrait was encoded from a photo"
    mask = soft_mask((portrait.image if portrait.large is None else portrait.large).shape[0])
    return lambda crop: paste(photo, crop, placement, mask)


def framer(portrait: Portrait) -> Callable[[Image], Image]:
    """What makes the square that a live picture shows of a rendered crop: of a tight photo that cuts the head off the largest
    square that lies in the photo, as large as the crop, since what the crop shows beyond is invented; else the crop."""
    photo, place = portrait.photo, portrait.placement
    if photo is None or place is None or Output("auto").decided(portrait).mode == "crop":
        return lambda crop: crop
    half = place.side / 2
    x, y = (max(0.0, centre - half) for centre in (place.centre_x, place.centre_y))
    width, height = min(photo.shape[1], place.centre_x + half) - x, min(photo.shape[0], place.centre_y + half) - y
    side = min(width, height)
    x, y = x + (width - side) / 2, y + (height - side) * HIGHER
    left, top = (x - place.centre_x + half) / place.side, (y - place.centre_y + half) / place.side
    shares = left, top, min(left + side / place.side, 1.0), min(top + side / place.side, 1.0)

    def framed(crop: Image) -> Image:
        left, top, right, bottom = (share * crop.shape[0] for share in shares)
        return np.array(
            PILImage.fromarray(crop).resize(crop.shape[1::-1], PILImage.Resampling.BICUBIC, (left, top, right, bottom))
        )

    return framed


def limited(portrait: Portrait) -> Portrait:
    """The same portrait with its photo at most `PHOTO_MAX` pixels long."""
    photo, place = portrait.photo, portrait.placement
    assert photo is not None and place is not None
    factor = PHOTO_MAX / max(photo.shape[:2])
    if factor >= 1:
        return portrait
    width, height = round(photo.shape[1] * factor), round(photo.shape[0] * factor)
    before = f"{photo.shape[1]} x {photo.shape[0]}"
    warnings.warn(f"the photo, {before} pixels, is rendered at {width} x {height}", ReenactWarning, stacklevel=1)
    resized = np.asarray(PILImage.fromarray(photo).resize((width, height), PILImage.Resampling.LANCZOS))
    moved = replace(place, centre_x=place.centre_x * factor, centre_y=place.centre_y * factor, side=place.side * factor)
    return replace(portrait, photo=resized, placement=moved)


def head_and_shoulders(photo: Image, landmarker: Landmarker) -> Image:
    """The photo within one head's side of its largest face, so that few bytes show much of the face.

    Raises ReenactError where there is none.
    """
    faces = landmarker.detect(photo)
    if not faces:
        raise no_face(photo, landmarker)
    place = head_crop(faces[0])
    left, top = (max(0, round(centre - place.side)) for centre in (place.centre_x, place.centre_y))
    right, bottom = round(place.centre_x + place.side), round(place.centre_y + place.side)
    return np.ascontiguousarray(photo[top:bottom, left:right])
