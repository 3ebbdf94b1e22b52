"""What a take holds, without replaying it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from reenact.motion.takes import POSE_NUMBERS, Take


@dataclass(frozen=True)
class TakeStats:
    """Of one take."""

    method: str
    """whose motion encoder made it"""
    weights: str
    """fingerprint of that encoder's weights; '' where it does not matter"""
    frames: int
    rate: float
    """frames a second, on average"""
    seconds: float
    even: bool
    """whether the frames come at even times"""
    frames_with_face: int
    frames_with_gaze: int
    """in which is known where the eyes look"""
    code: int
    """numbers of the expression code"""
    neutral: bool
    """whether the driver's neutral is known; else it is found when the take is replayed"""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure_take(take: Take) -> TakeStats:
    """What it holds. Frames come evenly where none is a fifth of a frame off its time at the mean rate (ours)."""
    times = np.array([float(time - take.times[0]) for time in take.times])
    off = np.abs(times * float(take.rate) - np.arange(len(times)))
    looked = 0 if take.gazes is None else int(np.isfinite(take.gazes).all((1, 2)).sum())
    return TakeStats(
        method=take.method,
        weights=take.weights,
        frames=len(take),
        rate=round(float(take.rate), 4),
        seconds=round(float(take.times[-1] - take.times[0] + 1 / take.rate), 3),
        even=bool((off < 0.2).all()),
        frames_with_face=int(take.faces.sum()),
        frames_with_gaze=looked,
        code=take.vectors.shape[1] - POSE_NUMBERS,
        neutral=take.reference is not None,
    )
