"""What one source file asks for, and the settings that all of a data set shares. Adapters (data/sources) make jobs;
data/work.py does them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from reenact.core.errors import ReenactError

Kind = Literal["shots", "crop", "box", "photo", "images"]
"""shots: an uncut video, to be searched for shots of one face. crop: a video that is a head crop already. box: a part of a video
with a known crop. photo: one picture, cropped if it is larger than its head. images: a clip as a list of head crops."""


@dataclass(frozen=True)
class Job:
    """One file, or a part of one, and what to do with it."""

    key: str
    """of its clip; shots add their number"""
    path: str
    identity: str
    kind: Kind
    file: str
    """the path below the source folder, for people to read"""
    split: str = "train"
    tier: str = "unknown"
    source: str = ""
    stride: int = 1
    """every which frame is taken"""
    start: Fraction | None = None
    """seconds"""
    end: Fraction | None = None
    box: tuple[float, float, float, float] | None = None
    """left, top, right, bottom of the crop in px of a frame of `box_of`"""
    box_of: tuple[float | None, float] | None = None
    """width, height that `box` counts in; a width of None goes with the frame's own aspect"""
    motion: str = ""
    truth: str = ""
    """path of a rendered clip's .npz"""
    truth_form: Literal["ours", "prototype"] = "ours"
    """data/rendered.py"""
    images: tuple[str, ...] = ()
    """paths of the frames, for kind images"""


@dataclass(frozen=True)
class Settings:
    """What all clips of a data set share; kept in its dataset.json."""

    size: int = 256
    """side of the pictures, px"""
    quality: int = 92
    """of the JPEGs"""
    stride: int = 0
    """every which frame is taken; 0 leaves it to the adapter"""
    min_face: int = 80
    """px; shots whose face (longer side of the points' box, in the source) is smaller are dropped"""
    min_seconds: float = 1.0
    """shorter shots are dropped"""
    max_seconds: float = 20.0
    """longer shots are split: a clip stays small enough to be read whole"""
    min_sharpness: float = 0.0
    """shots below this figure (data/figures.py) are dropped"""

    def check(self) -> None:
        """Raises ReenactError for what cannot be, before a data set is begun with it."""
        for name, value, low, high in (
            ("size", self.size, 32, 4096),
            ("quality", self.quality, 1, 95),
            ("stride", self.stride, 0, math.inf),
            ("min_face", self.min_face, 0, math.inf),
            ("min_seconds", self.min_seconds, 0, 1e9),
            ("max_seconds", self.max_seconds, max(self.min_seconds, 0.04), 1e9),
            ("min_sharpness", self.min_sharpness, 0, 1e9),
        ):
            if not low <= value <= high:
                bounds = f"{low:g} or more" if high >= 1e9 else f"{low:g} to {high:g}"
                raise ReenactError(f"`{name}` must be {bounds}, not {value:g}")
