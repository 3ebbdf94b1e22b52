"""What a file says of being synthetic: its label, the watermark in its pixels, its signature."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reenact.core.errors import InputError, ReenactError
from reenact.core.files import check_readable
from reenact.core.types import Image
from reenact.faces.crop import head_crop
from reenact.faces.landmarker import Landmarker
from reenact.media.image import FORMATS, read_image
from reenact.media.video import VideoReader
from reenact.provenance.keys import installed
from reenact.provenance.label import read_label
from reenact.provenance.manifest import BOXES, EBML, Signature, read_signature
from reenact.provenance.search import SURE, Guess, Look, about, find, whole
from reenact.provenance.watermark import VERSION

FRAMES = 24
"""ours: of a film, evenly over its first minute; more say little, as backdrops are static"""
MINUTE = Fraction(60)
FACES = 3
"""ours: faces of the first frame that are searched, the largest first"""
PICTURES = (*FORMATS, ".avif", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".hif")
Verdict = Literal["marked", "none", "broken"]


@dataclass(frozen=True)
class Findings:
    """What `verify_file` found."""

    label: str | None
    """the digital source type that the file names, None without one"""
    tool: str
    """the program that the label names"""
    look: Look
    """the watermark's best place"""
    signature: Signature | None
    """None where there is none, or nothing to check it with"""
    checked: bool
    """could a signature be checked? (the extra `provenance`)"""

    @property
    def verdict(self) -> Verdict:
        """broken: a signature that does not fit; marked: one mark or more; none."""
        if self.signature is not None and self.signature.state == "broken":
            return "broken"
        return "marked" if self.label or self.look.found or self.signature is not None else "none"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        place = self.look.place if self.look.found else None
        where = None if place is None else {"x": place.centre_x, "y": place.centre_y, "side": place.side}
        watermark = {
            "found": self.look.found,
            "z": round(self.look.z, 2),
            "bar": self.look.bar,
            "version": VERSION,
            "place": where,
        }
        return {
            "verdict": self.verdict,
            "label": None if self.label is None else {"source_type": self.label, "tool": self.tool},
            "watermark": watermark,
            "signature": None if self.signature is None else asdict(self.signature),
            "signature_checked": self.checked,
        }


def verify_file(path: str | Path, anchors: str = "") -> Findings:
    """Reads a picture or a film. anchors: certificates to trust, as PEM. Raises ReenactError for what is neither."""
    path = check_readable(path, "picture or film")
    look = _look(path)
    label, tool = read_label(path) or (None, "")
    checked = installed()
    return Findings(label, tool, look, read_signature(path, anchors) if checked else None, checked)


def _look(path: Path) -> Look:
    if path.suffix.lower() in PICTURES:
        try:
            return find_in([read_image(path)])
        except InputError:
            if not _is_film(path):
                raise
    with VideoReader(path, end=MINUTE) as reader:
        step = max(1, (reader.frames or FRAMES) // FRAMES)
        return find_in(frame.image for number, frame in enumerate(reader) if number % step == 0)


def _is_film(path: Path) -> bool:
    """Whether a file that has a picture's name, and is none, is a film (MP4, QuickTime, Matroska, WebM)."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:] not in BOXES and not head.startswith(EBML):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is no film either is one line
        try:
            VideoReader(path).close()
        except ReenactError:
            return False
    return True


def find_in(frames: Iterator[Image] | list[Image]) -> Look:
    """The watermark in frames that hold it in one place. Raises ReenactError without a frame."""
    given = iter(frames)
    first = next(given, None)
    if first is None:
        raise ReenactError("no frame to check: give another file")

    def again() -> Iterator[Image]:
        yield first
        yield from given

    return find(again(), guesses(first))


def guesses(image: Image) -> list[Guess]:
    """Where the mark may lie: the whole picture is a head's square, or heads lie in it (looked for where that is unsure)."""
    height, width = image.shape[:2]
    if find([image], [whole(width, height)]).z >= SURE:
        return [whole(width, height)]
    faces = Landmarker().detect(np.ascontiguousarray(image))[:FACES]
    return [whole(width, height), *(about(head_crop(face)) for face in faces)]
