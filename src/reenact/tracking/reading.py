"""One frame of a tracker, whichever it is, and what all parsers share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.faces.blendshapes import BLENDSHAPE_NAMES

VALUE_MIN, VALUE_MAX = -0.1, 2.0
"""ours: a coefficient outside is noise on the line; apps that exaggerate reach 1.5"""
ANGLE_MAX = 4 * math.pi
"""ours: an angle beyond it, radians, is none"""

_INDEX = {name.lower(): index for index, name in enumerate(BLENDSHAPE_NAMES)}
_INDEX |= {f"{name[:-4]}_l": i for name, i in _INDEX.items() if name.endswith("left") and name not in ("jawleft", "mouthleft")}
_INDEX |= {f"{name[:-5]}_r": i for name, i in _INDEX.items() if name.endswith("right") and name not in ("jawright", "mouthright")}


@dataclass(frozen=True)
class Reading:
    """A tracker's estimate of a face."""

    time: float | None
    """the tracker's own, seconds; None where its packets have none"""
    values: Float32[np.ndarray, "52"]
    """ARKit coefficients in the order of faces.blendshapes.BLENDSHAPE_NAMES (the first is none of them), about 0..1"""
    angles: Float32[np.ndarray, "3"]
    """the head's yaw, pitch, roll, radians, as the tracker counts them (`Axes` turns them into ours)"""
    place: Float32[np.ndarray, "3"] | None = None
    """of the head, in the tracker's own unit; None where it does not say"""
    face: bool = True
    """whether it sees a face"""


@dataclass(frozen=True)
class Axes:
    """Which of a tracker's yaw, pitch and roll are ours (docs/conventions.md), and with which sign."""

    order: tuple[int, int, int] = (0, 1, 2)
    signs: tuple[int, int, int] = (1, 1, 1)

    @staticmethod
    def parse(text: str) -> Axes:
        """'-yaw,pitch,roll': ours from the tracker's, in that order. Raises ReenactError for what names no three of them."""
        names = ("yaw", "pitch", "roll")
        items = [item.strip() for item in text.split(",")]
        bare = [item.lstrip("+-") for item in items]
        if sorted(bare) != sorted(names) or any(len(item) - len(name) > 1 for item, name in zip(items, bare, strict=True)):
            raise ReenactError(
                f"`axes` {text!r}: write yaw, pitch and roll once each, - before what is reversed: -yaw,pitch,roll"
            )
        first, second, third = (names.index(name) for name in bare)
        a, b, c = (-1 if item.startswith("-") else 1 for item in items)
        return Axes((first, second, third), (a, b, c))

    def ours(self, reading: Reading) -> Reading:
        """The estimate with its angles in our order and signs."""
        return replace(reading, angles=reading.angles[list(self.order)] * np.array(self.signs, np.float32))


def coefficients(
    named: Iterable[tuple[str, Any]] | Mapping[str, Any], unit: float = 1.0
) -> tuple[Float32[np.ndarray, "52"], int]:
    """ARKit names, in any case, with Left and Right or _L and _R -> values in our order, and how many names were known.

    unit: what a coefficient of 1 is written as. Values that are no numbers or out of -.1..2 are left out, as is tongueOut.
    """
    values, known = np.zeros(len(BLENDSHAPE_NAMES), np.float32), 0
    for name, value in named.items() if isinstance(named, Mapping) else named:
        index = _INDEX.get(name.lower()) if isinstance(name, str) else None
        if not index:  # unknown, or "_neutral"
            continue
        known += 1
        number = finite(value)
        if number is not None and VALUE_MIN <= number / unit <= VALUE_MAX:
            values[index] = number / unit
    return values, known


def angles(yaw: Any, pitch: Any, roll: Any, unit: float = 1.0) -> Float32[np.ndarray, "3"]:
    """Radians; unit: how many radians one of the tracker's is. What is no number or no angle is 0."""
    numbers = [finite(value) for value in (yaw, pitch, roll)]
    kept = [number * unit if number is not None and abs(number * unit) <= ANGLE_MAX else 0.0 for number in numbers]
    return np.array(kept, np.float32)


def finite(value: Any) -> float | None:
    """The number; None for anything else, infinities and NaN too."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def unseen(time: float | None = None) -> Reading:
    """A frame in which the tracker sees no face."""
    return Reading(time, np.zeros(len(BLENDSHAPE_NAMES), np.float32), np.zeros(3, np.float32), face=False)
