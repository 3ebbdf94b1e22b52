"""Where the time of a frame goes, stage by stage: now (the last ten seconds) and over the whole session."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from time import perf_counter
from typing import Literal

import numpy as np

SPAN = 10.0
"""ours: seconds that `Stages.now` looks back"""
KEPT = 100_000
"""ours: frames that the summary of a session is made from, the last ones: an hour at 25 frames/s"""

Stage = Literal["wait", "track", "read", "draw", "mark"]


@dataclass
class Times:
    """Seconds that one frame spent. 0: it did not come by."""

    wait: float = 0.0
    """from `Session.offer` until it was taken"""
    track: float = 0.0
    """finding the head and cutting it out"""
    read: float = 0.0
    """encode_motion"""
    draw: float = 0.0
    """filter, transfer, render"""
    mark: float = 0.0
    """the watermark"""

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Adds what the block takes."""
        began = perf_counter()
        try:
            yield
        finally:
            setattr(self, stage, getattr(self, stage) + perf_counter() - began)

    @property
    def total(self) -> float:
        """Seconds from `Session.offer` to the picture."""
        return sum(getattr(self, stage) for stage in STAGES)


STAGES: tuple[str, ...] = tuple(entry.name for entry in fields(Times))


@dataclass(frozen=True)
class Spread:
    """Of the times of one stage, seconds."""

    median: float
    p95: float

    @staticmethod
    def of(values: Iterable[float]) -> Spread:
        """0 where there are none."""
        held = np.fromiter(values, float)
        return Spread(float(np.median(held)), float(np.percentile(held, 95))) if held.size else Spread(0.0, 0.0)


@dataclass
class Stages:
    """Collects the times of frames. Not thread-safe: the session's thread adds and asks."""

    frames: int = 0
    """frames that came to their end"""
    drawn: int = 0
    """those that a picture was rendered for"""
    failed: int = 0
    """those that a stage's error ended"""
    stale: int = 0
    """those that had waited too long to be of use"""
    _kept: deque[Times] = field(default_factory=lambda: deque(maxlen=KEPT))
    _recent: deque[tuple[float, Times]] = field(default_factory=deque)
    """the last ten seconds, which are asked for twice a second"""

    def add(self, times: Times, now: float, drawn: bool) -> None:
        """One frame has come to its end at `now`, seconds of any clock that does not go back."""
        self.frames += 1
        self.drawn += drawn
        self._kept.append(times)
        self._recent.append((now, times))
        while self._recent[0][0] <= now - SPAN:
            self._recent.popleft()

    def now(self, at: float) -> dict[str, Spread]:
        """The spread of each stage and of "total" over the ten seconds before `at`."""
        return _spreads([times for when, times in self._recent if when > at - SPAN])

    def whole(self) -> dict[str, Spread]:
        """The same over the session."""
        return _spreads(list(self._kept))

    def rate(self, at: float) -> float:
        """Frames a second over the ten seconds before `at`."""
        recent = [when for when, _ in self._recent if when > at - SPAN]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0


def _spreads(kept: list[Times]) -> dict[str, Spread]:
    """A stage that a frame did not come by does not count for it."""
    found = {stage: Spread.of(value for times in kept if (value := getattr(times, stage)) > 0) for stage in STAGES}
    return {**found, "total": Spread.of(times.total for times in kept)}
