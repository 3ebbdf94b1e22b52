"""Meeting a rate: while streaming by feedback, for files by search."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import log2

from reenact.codec.profile import QUALITIES
from reenact.core.errors import ReenactError
from reenact.core.values import is_within, written

LOWEST_KBPS, HIGHEST_KBPS = 0.2, 1000.0
MEMORY = 3.0
"""ours, seconds: how far back the measured rate reaches"""
QUALITIES_AN_OCTAVE = 6.0
"""ours, a guess that the control corrects: qualities by which the rate about halves"""
LARGEST_MOVE = 4
COARSE = 18
"""ours: from this quality on (0.4 px of landmark shift on val) fewer frames are better than coarser ones"""


def check_target(kbps: float) -> None:
    """Raises ReenactError for a rate that nobody can mean."""
    if not is_within(kbps, LOWEST_KBPS, HIGHEST_KBPS):
        raise ReenactError(f"`target_kbps` must lie between {LOWEST_KBPS:g} and {HIGHEST_KBPS:g}, not {written(kbps)}")


class RateControl:
    """Counts what is spent and moves the quality at each key packet, so that the rate nears its target from either side."""

    def __init__(self, target_kbps: float, rate: Fraction) -> None:
        """rate: frames a second."""
        check_target(target_kbps)
        self._target = 1000.0 * target_kbps / float(rate)
        self._keep = 0.5 ** (1.0 / (MEMORY * float(rate) / 2))
        self._bits = self._frames = 0.0

    def spent(self, size: int) -> None:
        """Once a frame: bytes sent for it, 0 for none."""
        self._bits = self._bits * self._keep + 8 * size
        self._frames = self._frames * self._keep + 1.0

    def crowded(self, quality: int) -> bool:
        """Whether the rate is exceeded although the steps are coarse already."""
        return quality >= COARSE and self._bits > self._target * self._frames

    def quality(self, now: int) -> int:
        """The quality to go on with."""
        if not self._frames or not self._bits:
            return now
        move = round(QUALITIES_AN_OCTAVE * log2(self._bits / self._frames / self._target))
        return max(0, min(QUALITIES - 1, now + max(-LARGEST_MOVE, min(LARGEST_MOVE, move))))


def finest_quality(size: Callable[[int], int], most: float) -> int:
    """The finest quality whose `size` in bytes is at most `most`; the coarsest where none is."""
    low, high = 0, QUALITIES - 1
    while low < high:
        middle = (low + high) // 2
        if size(middle) <= most:
            high = middle
        else:
            low = middle + 1
    return low
