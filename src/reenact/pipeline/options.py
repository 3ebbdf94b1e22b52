"""What the file functions share: which part of the driver, what they check before any work, how they report progress."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real

from reenact.core.values import check_kind
from reenact.media.clock import check_range, exact_rate, to_the_microsecond

StrPath = str | os.PathLike[str]
Progress = Callable[[int, int | None], None]
"""called after each frame with the frames done and, where it is known, how many there will be"""


@dataclass(frozen=True)
class Clip:
    """Which part of the driver, and how many frames a second."""

    start: Fraction | None = None
    """seconds; None: the driver's own. Floats are taken, too"""
    end: Fraction | None = None
    fps: Fraction | float | None = None
    """frames a second of the output, 1..240 (29.97 is 30000/1001); None: the driver's own rate"""

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            second = getattr(self, name)
            if isinstance(second, Real) and not isinstance(second, Fraction) and math.isfinite(second):
                object.__setattr__(self, name, to_the_microsecond(float(second)))

    @property
    def rate(self) -> Fraction | None:
        """`fps`, exactly. Raises ReenactError where it is out of 1..240."""
        return None if self.fps is None else exact_rate(self.fps)

    def check(self) -> None:
        """Raises ReenactError for a rate out of 1..240, or an end that is not after the start."""
        _ = self.rate
        check_range(self.start, self.end)


def check_options(**options: tuple[object, type]) -> None:
    """Raises ReenactError for options that are not of their class, or whose values cannot be."""
    for name, (given, kind) in options.items():
        check_kind(name, given, kind)
        given.check()  # type: ignore[attr-defined]


WHOLE = Clip()
