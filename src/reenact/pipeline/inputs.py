"""What people give in place of what is asked for: a video as the portrait, a picture as the driver, a video on its side."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from shlex import quote

import numpy as np

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.files import check_readable
from reenact.core.types import Image
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.crop import CropTracker, cut
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.pose import fit_head
from reenact.media.hdr import as_sdr, is_hdr
from reenact.media.image import is_still, opened_by_pillow, read_image
from reenact.media.video import VideoReader
from reenact.motion.takes import SUFFIXES

LOOKED_AT = 48
"""ours: frames of a video that is a portrait, evenly over its first minute"""
FIRST = Fraction(60)
"""seconds"""
FRONTAL = np.radians(15.0)
"""ours: a head turned this far costs as much as half of the sharpness"""
STILL_SECONDS = 4
"""ours: of the film that a picture drives"""
PHOTO_START = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP|BM|II\*\0|MM\0\*", re.DOTALL)
"""how PNG, JPEG, WebP, BMP and TIFF files begin: one that is damaged is no film, though FFmpeg would play what is left of it"""


def read_portrait(path: str | os.PathLike[str], threads: int = 0) -> Image:
    """The photo at `path`; of a video, its sharpest frame from the front. threads: for the search for it; 0 is automatic.

    Raises ReenactError as `read_image` does."""
    try:
        return read_image(path)
    except ReenactError:
        if PHOTO_START.match(_start(path)):
            raise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is no film either is one line
            try:
                reader = VideoReader(path, end=FIRST)
            except ReenactError:
                reader = None
        if reader is None:
            raise
    with reader:
        return _best(Path(path), reader, threads)


def _start(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(12)
    except OSError:
        return b""


@dataclass
class _Choice:
    image: Image
    time: Fraction
    score: float


def _best(path: Path, reader: VideoReader, threads: int) -> Image:
    landmarker = Landmarker(threads)
    tracker = CropTracker(landmarker)
    step = max(1, (reader.frames or LOOKED_AT) // LOOKED_AT)
    best = first = None
    for number, frame in enumerate(reader):
        first = frame.image if first is None else first
        if number % step:
            continue
        if (found := tracker.update(frame.image)) is None:
            tracker.forget()  # the next one looked at is a second away: sought at every scale
            continue
        score = _score(cut(frame.image, found[0]), found[1], landmarker)
        if best is None or score > best.score:
            best = _Choice(frame.image, frame.time, score)
    if best is None:
        raise ReenactError(f"{path}: no face found in this video: give a photo, or a video that shows a face")
    warnings.warn(
        f"{path} is a video: the portrait is its frame at {float(best.time):.2f} s, the sharpest from the front",
        ReenactWarning,
        stacklevel=1,
    )
    return as_sdr(best.image, reader.transfer) if is_hdr(reader.transfer) else best.image


def _score(crop: Image, face: Face, landmarker: Landmarker) -> float:
    """The higher the sharper, the more frontal, the wider open the eyes and the calmer the mouth."""
    gray = crop.astype(np.float32).mean(2)
    edges = 4 * gray[1:-1, 1:-1] - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
    yaw, pitch, _ = fit_head(face.landmarks[None, :468]).head_pose[0]
    shapes = dict(zip(BLENDSHAPE_NAMES, landmarker.blendshapes(face), strict=True))
    moved = shapes["eyeBlinkLeft"] + shapes["eyeBlinkRight"] + shapes["jawOpen"]
    return float(np.log2(edges.var() + 1) - (yaw**2 + pitch**2) / FRONTAL**2 - moved)


def check_order(portrait: str | os.PathLike[str], driving: str | os.PathLike[str], output: str | os.PathLike[str]) -> None:
    """Raises ReenactError where a video or a take is to be moved by a photo: the two are the wrong way round. A photo may drive a
    photo, and a video a video."""
    check_readable(portrait, "photo")
    if not is_still(driving):
        return
    take = Path(portrait).suffix.lower() in (*SUFFIXES, ".csv")
    if take or _is_film(portrait):
        kind, names = "take" if take else "video", [quote(os.fspath(path)) for path in (driving, portrait, output)]
        more = "" if take else f" (for a still with the photo's expression: reenact edit {names[1]} --expression {names[0]})"
        raise ReenactError(
            f"{portrait} is a {kind} and {driving} a photo: the photo comes first: reenact animate {names[0]} {names[1]}"
            f" -o {names[2]}{more}"
        )


def _is_film(path: str | os.PathLike[str]) -> bool:
    """Whether it has several pictures, and none that is read as a photo's."""
    if PHOTO_START.match(_start(path)) or opened_by_pillow(path):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with VideoReader(path, end=FIRST) as reader:
                return len(list(islice(reader, 2))) == 2
        except ReenactError:
            return False


def warn_of_still(path: str | os.PathLike[str], made: str) -> None:
    """One warning for a picture that drives a take or a call (`made`), which could be meant for a film."""
    warnings.warn(f"{path} is a picture: the {made} holds its one face, still", ReenactWarning, stacklevel=3)
