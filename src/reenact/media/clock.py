"""Rates as fractions, and times that go on: timestamps of real files repeat, step back, leap ahead and start anew."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from numbers import Real

from reenact.core.errors import ReenactError

STANDARD_RATES = tuple(Fraction(n * 1000, d) for n in (12, 15, 24, 25, 30, 48, 50, 60, 120) for d in (1000, 1001))
SNAP = Fraction(2, 10_000)
"""ours: containers that keep times in ms state 29.97 as 19001/634; 30 and 30000/1001 differ by ten parts in 10,000"""
RATE_MIN, RATE_MAX, RATE_ELSE = Fraction(1, 10), 240, Fraction(25)
"""ours: what a header may state; beyond it is damage, and 25 is assumed"""
LONGEST_GAP = Fraction(60)
"""ours, seconds: a longer one between two frames is damage or a pause that nobody waits for, and is closed"""
STEP_BACK = Fraction(1)
"""ours, seconds: a smaller step back is disorder, a larger one a clock that starts anew (joined transport streams)"""
BURST_MAX = Fraction(60)
"""ours: frames a second at most that a variable rate is read as"""
TICK = Fraction(1, 90_000)
LATEST_START = 10_000_000
"""ours, seconds: no clip and no sound lasts longer"""
SLACK = 2
"""ours, seconds: by how much a stated length may be too short (program streams)"""

_NUMBER = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18}|[0-9]{1,18}/[0-9]{1,18})")


def exact_rate(value: object) -> Fraction:
    """A rate as the fraction that is meant: 29.97 is 30000/1001. Raises ReenactError where it is none in 1..240."""
    try:
        rate = exact_number(value) if isinstance(value, str) else Fraction(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        raise ReenactError(f"`fps` {str(value)[:40]!r} is no rate: write a number (25) or a fraction (30000/1001)") from None
    if not 1 <= rate <= RATE_MAX:
        raise ReenactError(f"`fps` must lie between 1 and {RATE_MAX}, not {str(value)[:40]}")
    return snapped(rate)


def check_range(start: Fraction | int | None, end: Fraction | int | None) -> None:
    """Raises ReenactError for a part of a video, in seconds, that begins before 0 or ends before it begins, and no numbers."""
    for name, second in (("start", start), ("end", end)):
        if second is not None and not (isinstance(second, Real) and math.isfinite(second)):
            raise ReenactError(f"`{name}` {str(second)[:40]!r} is no time: give seconds, a finite number")
    if (start or 0) < 0 or (end is not None and end <= (start or 0)):
        raise ReenactError("the start must be 0 or later and the end after it; change `start` or `end`")


def exact_number(text: str) -> Fraction:
    """'25', '83.5' or '30000/1001'. Raises ValueError for all else: a huge exponent would fill the memory."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{text[:40]!r} is no number")
    return Fraction(text.strip())


def to_the_microsecond(number: float | str) -> Fraction:
    """Seconds as a fraction. Raises ValueError, TypeError or OverflowError for what is no finite number."""
    return Fraction(float(number)).limit_denominator(1_000_000)


def snapped(rate: Fraction, within: Fraction = SNAP) -> Fraction:
    """The standard rate next to it, if one is near enough; else a fraction that encoders take."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(rate / standard - 1))
    return nearest if abs(rate / nearest - 1) < within else rate.limit_denominator(1001)


def stated_rate(*stated: Fraction | None) -> Fraction:
    """The first of these that can be one."""
    for rate in stated:
        if rate and RATE_MIN <= rate <= RATE_MAX:
            return snapped(Fraction(rate))
    return RATE_ELSE


def finest_rate(times: Sequence[Fraction], mean: Fraction) -> Fraction:
    """The rate that keeps a variable one's motion: that of the bursts, where they are shorter than the mean says.

    times: of frames, seconds, in any order. A quarter of the steps or more must be that short.
    """
    ordered = sorted(times)
    steps = sorted(after - before for before, after in zip(ordered, ordered[1:], strict=False) if after > before)
    if len(steps) < 8:
        return mean
    fine = steps[len(steps) // 4]
    near = [step for step in steps if fine / 2 < step * Fraction(2, 3) <= fine]
    rate = min(Fraction(len(near)) / sum(near), BURST_MAX)
    return mean if rate <= mean * Fraction(21, 20) else snapped(rate, Fraction(2, 100))


def without_gaps(times: Sequence[Fraction]) -> tuple[list[Fraction], int]:
    """Rising times from 0 on with what lies beyond a minute between two closed to the usual step; and how many such gaps."""
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    kept = sorted(step for step in steps if step <= LONGEST_GAP)
    usual = kept[len(kept) // 2] if kept else 1 / RATE_ELSE
    closed = [Fraction(0)]
    for step in steps:
        closed.append(closed[-1] + (step if step <= LONGEST_GAP else usual))
    return closed, len(steps) - len(kept)


def gaps_left_out(count: int) -> str:
    """The message to the user about them."""
    return f"{count} gap{'' if count == 1 else 's'} of more than {LONGEST_GAP} s {'is' if count == 1 else 'are'} left out"


class Clock:
    """Seconds from the first frame, always rising; gaps beyond a minute are closed."""

    def __init__(self, origin: Fraction, rate: Fraction, fresh: bool = True) -> None:
        """origin: the timestamp of time 0, seconds. rate: of frames without one. fresh: the first frame is the file's."""
        self._shift, self._step, self._fresh = -origin, 1 / rate, fresh
        self.last: Fraction | None = None
        self.jumps = 0
        """how often the file's clock leapt"""

    def time(self, stamp: Fraction | None) -> Fraction:
        """The time of the next frame. stamp: its timestamp, seconds; None if it has none."""
        last = self.last
        if stamp is None:
            time = Fraction(0) if last is None else last + self._step
        else:
            time = stamp + self._shift
            if last is None and self._fresh and not 0 <= time < LONGEST_GAP:
                self._shift, time = -stamp, Fraction(0)
            if last is not None and not -STEP_BACK < time - last < LONGEST_GAP:
                self._shift += last + self._step - time
                self.jumps += 1
                time = last + self._step
        if last is not None and time <= last:
            time = last + TICK
        self.last = time
        return time


def leaps(times: Iterable[Fraction], step: Fraction) -> list[Fraction]:
    """By how many seconds a clock leaps, one after the other, besides the usual `step`: what `Clock` closes. times: of packets,
    which may be out of order by less than a second."""
    found, shift, last = [], Fraction(0), None
    for time in times:
        if last is not None and not -STEP_BACK < time + shift - last < LONGEST_GAP:
            found.append(time + shift - last - step)
            shift -= found[-1]
        last = time + shift if last is None else max(last, time + shift)
    return found


class BesideClock:
    """Times of the sound beside pictures: where the clocks of both leap, it leaps as theirs does, and lips and sound stay
    together. A pause that the sound alone makes stays one."""

    def __init__(self, zero: Fraction, of_pictures: Callable[[], list[Fraction]]) -> None:
        """zero: the timestamp of time 0, seconds; of_pictures: their `leaps`, asked for once, and only if the sound leaps."""
        self.shift, self._last = -zero, None
        self._ask, self._pictures = of_pictures, None

    _last: Fraction | None
    _pictures: list[Fraction] | None

    def time(self, stamp: Fraction, step: Fraction) -> Fraction:
        """Of the next packet or frame. step: how long the one before lasts, seconds."""
        time, last = stamp + self.shift, self._last
        if last is not None and not -STEP_BACK < time - last < LONGEST_GAP:
            self._pictures = self._ask() if self._pictures is None else self._pictures
            near = [i for i, leap in enumerate(self._pictures) if abs(leap - (time - last - step)) < STEP_BACK]
            if near:
                leap = self._pictures[near[0]]
                self.shift, time = self.shift - leap, time - leap
                del self._pictures[: near[0] + 1]
        self._last = time
        return time
