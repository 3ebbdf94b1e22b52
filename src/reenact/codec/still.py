"""Whether a face has moved: by as much as a stream would send, and no less."""

from __future__ import annotations

import numpy as np

from reenact.codec.profile import Profile
from reenact.codec.stream import DEAD_ZONE
from reenact.core.types import Motion

GLANCE = 0.02
"""ours: eye widths, half a pixel: a gaze that changes by less has not moved"""


class Stillness:
    """Compares each motion with the last one that counted as moved, so that a slow drift is not lost."""

    def __init__(self, profile: Profile, quality: int) -> None:
        """quality: 0 (finest) to 31: the steps that are too small to matter."""
        self._profile, self._quality = profile, quality
        self._last: np.ndarray | None = None
        self._looked: np.ndarray | None = None

    def moved(self, motion: Motion) -> bool:
        """Whether any coefficient is half a step and the dead zone away from where it was, or the eyes look elsewhere; the first
        always is."""
        wanted = self._profile.coefficients(motion, self._quality)
        if self._last is not None and np.abs(wanted - self._last).max() < 0.5 + DEAD_ZONE and not self._glances(motion):
            return False
        self._last, self._looked = wanted, motion.gaze
        return True

    def _glances(self, motion: Motion) -> bool:
        if motion.gaze is None or self._looked is None:
            return (motion.gaze is None) != (self._looked is None)
        return bool(np.abs(motion.gaze - self._looked).max() >= GLANCE)

    def forget(self) -> None:
        """The next motion counts as moved."""
        self._last = self._looked = None
