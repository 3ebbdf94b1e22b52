"""The door through which drawn pictures and films leave: marks on the pixels, then on the file, then the file gets its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reenact.core.types import Image
from reenact.media.image import write_image
from reenact.media.writer import VideoWriter
from reenact.provenance.badge import with_badge
from reenact.provenance.label import tags, write_label
from reenact.provenance.watermark import mark


@dataclass(frozen=True)
class Marks:
    """What an output carries. The commands leave label and watermark on; Python callers who measure frames may not."""

    label: bool = True
    """XMP: composite with trained algorithmic media"""
    watermark: bool = True
    """invisible, in the pixels of the head (watermark.py)"""
    badge: bool = False
    """the word "synthetic" in a corner"""


MARKS = Marks()
NO_MARKS = Marks(label=False, watermark=False)


class MarkedOutput:
    """One output file. Nothing is written before `film` or `picture`."""

    def __init__(self, path: str | os.PathLike[str], marks: Marks = MARKS) -> None:
        self.path, self.marks = Path(path), marks

    def around(self, place: Callable[[Image], Image]) -> Callable[[Image], Image]:
        """What makes a marked frame of a drawn head: `place` (into a photo, or nothing) comes between watermark and badge."""

        def shown(head: Image) -> Image:
            frame = place(mark(head) if self.marks.watermark else head)
            return with_badge(frame) if self.marks.badge else frame

        return shown

    def film(
        self,
        rate: Fraction,
        audio_from: str | os.PathLike[str] | None = None,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> VideoWriter:
        """A writer for frames that `around` made; the arguments are media/writer.py's. Raises ReenactError: cannot be written."""
        held = tags(self.path) if self.marks.label else None
        return VideoWriter(self.path, rate, audio_from, start, end, finish=self.finish, tags=held)

    def picture(self, image: Image) -> None:
        """Write a picture that `around` made. Raises ReenactError where it cannot be written."""
        write_image(self.path, image, finish=self.finish)

    def finish(self, part: Path) -> None:
        """The last touch: the file `part` is whole and has no name yet."""
        if self.marks.label:
            write_label(part, self.path.suffix)
