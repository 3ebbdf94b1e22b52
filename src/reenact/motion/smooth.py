"""The temporal filter between the driver's motion and the portrait: a one-euro filter (Casiez et al., CHI 2012).

A first-order low-pass whose cutoff rises with the speed: a still head does not jitter, a moving one is hardly late. Pose,
scale (its logarithm), translation and expression have a speed of their own each, that of the whole group.

Live it is a little late, as any filter must be that knows only the past. Of a file the next frames are known too: there the same
filter runs from both sides, and what is late from one is early from the other (`both_ways`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.core.values import is_within, written
from reenact.motion.edit import interpolate

CUTOFF_HZ = 2.0
"""ours: at rest, strength 1. At 25 frames/s white noise is left at 0.45 of its size"""
SPEED_CUTOFF_HZ = 2.0
"""ours: the speed is itself smoothed, or noise would open the filter"""
UNIT_SPEED = {"head_pose": 0.25, "scale": 0.1, "translation": 0.15, "expression": 1.0, "gaze": 0.2}
"""ours: the speed a second at which the cutoff has doubled: radians, e-folds, half sides of the crop, spreads of the code, eye
widths (of which a glance makes 3, the landmarker's noise on a still eye .1).
From a rendered driver: 0.6, 0.15, 0.25 and 6 are the medians; from a still photo under noise: 0.02, 0.01, 0.01 and 0.3"""
STRENGTH_MAX = 20.0
REACH = 0.2
"""ours: seconds that are looked ahead where they can be. Then a cutoff of 2 Hz has forgotten nine tenths"""


def delay_ms(strength: float = 1.0) -> float:
    """How late a slow movement comes out, at most, ms; one at n unit speeds is 1 + n times less late."""
    return 1000.0 * strength / (2 * np.pi * CUTOFF_HZ)


class MotionFilter:
    """Feed it a driver's motions in order; it gives each back, smoothed. The first comes back as it is."""

    def __init__(
        self, rate: Fraction | float, strength: float = 1.0, code_spread: Float32[np.ndarray, " code"] | float = 1.0
    ) -> None:
        """rate: frames a second where no time is given; strength: 0 is off, 2 smooths and delays twice as much; code_spread:
        the code's unit. Raises ReenactError for a strength out of 0..20.
        """
        self._rate, self._frame = Fraction(rate), 1.0 / float(rate)
        self._strength = check_smooth(strength)
        self._spread = np.maximum(np.asarray(code_spread, np.float64), 1e-6)
        self._last: dict[str, np.ndarray] = {}
        self._raw: dict[str, np.ndarray] = {}
        self._speed: dict[str, np.ndarray] = {}

    @property
    def strength(self) -> float:
        """May be exchanged between motions. Raises ReenactError for one out of 0..20."""
        return self._strength

    @strength.setter
    def strength(self, strength: float) -> None:
        if self._strength == 0:  # nothing was followed while it was off
            self._last.clear()
        self._strength = check_smooth(strength)

    def step(self, motion: Motion, seconds: Fraction | float | None = None) -> Motion:
        """The next motion, smoothed. seconds: since the motion before, more than 0; None is one frame at `rate`.

        Time is counted in frames of `rate`, so that whole frames are exact whichever way they are given.
        """
        if self._strength == 0:
            return motion
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"{seconds} s since the motion before: time runs forwards")
        seconds = self._frame if seconds is None else self._frame * float(Fraction(seconds) * self._rate)
        raw = {
            "head_pose": motion.head_pose,
            "scale": np.log(motion.scale),
            "translation": motion.translation,
            "expression": motion.expression / self._spread,
        }
        if (gaze := self._last.get("gaze") if motion.gaze is None else motion.gaze) is not None:
            raw["gaze"] = gaze  # shut eyes look where they looked before
        out = {name: self._group(name, value.astype(np.float64), seconds) for name, value in raw.items()}
        out["scale"], out["expression"] = np.exp(out["scale"]), out["expression"] * self._spread
        return Motion(**{name: value.astype(np.float32) for name, value in out.items()})

    def _group(self, name: str, value: np.ndarray, seconds: float) -> np.ndarray:
        last = self._last.get(name)
        if last is None:
            self._last[name], self._raw[name], self._speed[name] = value, value, np.zeros_like(value)
            return value
        change = (value - self._raw[name]) / seconds
        self._raw[name] = value
        self._speed[name] += _weight(SPEED_CUTOFF_HZ, seconds) * (change - self._speed[name])
        speed = float(np.linalg.norm(self._speed[name]))
        if name == "expression":
            speed /= np.sqrt(value.size)  # root mean square over the code, whatever its length
        cutoff = CUTOFF_HZ * (1 + speed / UNIT_SPEED[name]) / self._strength
        self._last[name] = last + _weight(cutoff, seconds) * (value - last)
        return self._last[name]


def both_ways(motions: Iterable[Motion | None], make: Callable[[], MotionFilter], reach: int) -> Iterator[Motion | None]:
    """Motions one frame apart, each half of what the filter says that came from the past, half of what it says coming back from
    `reach` frames ahead: as smooth, and not late. make: the filter, anew. None: that frame shows no face, and stays None."""
    forward, waiting = make(), deque[tuple[Motion, Motion] | None]()
    for motion in motions:
        waiting.append(None if motion is None else (motion, forward.step(motion)))
        if len(waiting) > reach:
            yield _from_both(waiting, make)
            waiting.popleft()
    while waiting:
        yield _from_both(waiting, make)
        waiting.popleft()


def _from_both(waiting: Sequence[tuple[Motion, Motion] | None], make: Callable[[], MotionFilter]) -> Motion | None:
    """The first of these frames, each with what the past says of it."""
    first = waiting[0]
    if first is None:
        return None
    backward, back = make(), first[0]
    for entry in reversed(waiting):
        if entry is not None:
            back = backward.step(entry[0])
    return interpolate(first[1], back, 0.5)


def check_smooth(strength: float) -> float:
    """The strength. Raises ReenactError for one out of 0..20."""
    if not is_within(strength, 0, STRENGTH_MAX):
        raise ReenactError(f"`smooth` must lie between 0 (off) and {STRENGTH_MAX:g}, not {written(strength)}")
    return float(strength)


def _weight(cutoff_hz: float, seconds: float) -> float:
    """How much of the new value a first-order low-pass takes in."""
    return seconds / (seconds + 1 / (2 * np.pi * cutoff_hz))
