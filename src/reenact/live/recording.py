"""What the driver did while a session ran, as a take (motion/takes.py)."""

from __future__ import annotations

from fractions import Fraction

from reenact.core.errors import NoFaceError
from reenact.core.types import Motion
from reenact.live.follower import Shown
from reenact.motion.takes import Take

MICROSECONDS = 1_000_000


class Recording:
    """Collects the motion of every encoded frame; some hundred bytes each."""

    def __init__(self) -> None:
        self._number = -1
        self._times: list[Fraction] = []
        self._motions: list[Motion | None] = []
        self._reference: Motion | None = None

    def __len__(self) -> int:
        return len(self._times)

    def add(self, shown: Shown) -> None:
        """Takes in what a new frame showed; a picture without one (sliders, the way home) is left out."""
        if shown.number == self._number or shown.number < 0:
            return
        time = Fraction(shown.captured).limit_denominator(MICROSECONDS)
        if self._times and time <= self._times[-1]:
            return
        self._number = shown.number
        self._times.append(time)
        self._motions.append(shown.driving)
        self._reference = shown.reference or self._reference

    def take(self, method: str, weights: str) -> Take:
        """Raises ReenactError where there was no frame, or not one showed a face."""
        if not self._motions:
            raise NoFaceError("no frame was rendered in that time, so there is no motion to keep: let it run longer")
        if all(motion is None for motion in self._motions):
            raise NoFaceError("no face was seen, so there is no motion to keep: light, distance, the right camera?")
        span = self._times[-1] - self._times[0]
        rate = ((len(self._times) - 1) / span).limit_denominator(1001) if span else Fraction(25)
        times = tuple(time - self._times[0] for time in self._times)
        return Take.of(method, weights, rate, times, self._motions, self._reference)
