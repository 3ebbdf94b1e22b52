"""Pictures and films written as the commands write them, with label and watermark."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from reenact.core.types import Image, Placement
from reenact.provenance.marks import MARKS, Marks
from reenact.provenance.output import MarkedOutput

HEAD = Placement(225.9, 118.2, 190.7)
"""of examples/portrait.jpg"""
RENDERED = Placement(191.2, 198.2, 274.4)
"""of examples/driving.mp4"""
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".gif")
RATE = Fraction(25)


def written(path: Path, frames: list[Image], marks: Marks = MARKS) -> Path:
    """A file as the commands write it, of its name's kind."""
    output = MarkedOutput(path, marks)
    shown = output.around(lambda head: head)
    if path.suffix in PICTURES:
        output.picture(shown(frames[0]))
    else:
        with output.film(RATE) as writer:
            for frame in frames:
                writer.write(shown(frame))
    return path
