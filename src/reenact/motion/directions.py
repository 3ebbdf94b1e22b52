"""A method's motion directions as sliders: what each moves is measured (calibrate/directions.py) and lies beside the weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.download import cache_dir
from reenact.core.errors import ReenactError, WeightsError
from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.motion.edit import SCALE_MAX, SCALE_MIN, YAW_MAX
from reenact.motion.measured import read_measured, require

FILE = "directions.json"
SCHEMA = "reenact.directions/1"
MEASURE = "measure them with: reenact directions METHOD --keep"
SLIDER = re.compile(r"y([0-9]{1,3})(-[A-Za-z-]+)?")
"""y7, or y7-upper-lip-up: the number decides; a name must be what the weights call it"""
VALUE_MAX = 6.0
"""ours: standard deviations; beyond, a face falls apart"""
POSE_STEPS = np.array([*np.radians([15.0, 10.0, 10.0]), 0.1, 0.1, 0.1], np.float32)
"""ours: what a slider of 1 is on the six pose numbers: radians; log scale; half sides"""


@dataclass(frozen=True)
class Directions:
    """Numbered from 1: six of pose, then those of the expression code."""

    names: tuple[str, ...]
    """empty where nobody has measured what it moves with these weights"""
    steps: Float32[np.ndarray, " n"]
    """what a slider of 1 is: of the code, one standard deviation within a person"""

    def moved(self, motion: Motion, values: Mapping[str, float], strength: float = 1.0) -> Motion:
        """The motion with these sliders added; yaw and scale stay within what `edit` allows. Raises ReenactError as `change`."""
        change = self.change(values, strength)
        pose = motion.head_pose + change[:3]
        pose[0] = np.clip(pose[0], -YAW_MAX, YAW_MAX)
        scale = (motion.scale * np.exp(change[3:4])).clip(SCALE_MIN, SCALE_MAX)
        parts = (pose, scale, motion.translation + change[4:6], motion.expression + change[6:])
        return Motion(*(np.asarray(part, np.float32) for part in parts), gaze=motion.gaze)

    def change(self, values: Mapping[str, float], strength: float = 1.0) -> Float32[np.ndarray, " n"]:
        """What these sliders add: yaw, pitch, roll, the scale's logarithm, place, code. Raises ReenactError for a number that is
        none, or has another name."""
        change = np.zeros(len(self.steps), np.float32)
        for name, value in values.items():
            number = slider(name)
            if not 1 <= number <= len(self.steps):
                raise ReenactError(f"{name}: the method has directions y1 to y{len(self.steps)}")
            self._check_name(name, number)
            change[number - 1] += np.float32(strength * value) * self.steps[number - 1]
        return change

    def _check_name(self, name: str, number: int) -> None:
        given, known = name.partition("-")[2], self.names[number - 1]
        if given and not known:
            raise ReenactError(f"{name}: these weights' directions have no names yet; write y{number}, or {MEASURE}")
        if given and given != known:
            raise ReenactError(f"{name}: these weights call it y{number}-{known}; write that, or y{number}")

    @staticmethod
    def found(folder: Path, code_spread: Float32[np.ndarray, " code"], weights: str) -> Directions:
        """With the names that were measured of these weights, beside them or kept by the user; without, where there are none.

        code_spread: of the weights' expression map, what a slider of 1 is.
        """
        for place in (Path(folder) / FILE, kept_at(weights)):
            try:
                return Directions._read(place, len(code_spread), weights)
            except ReenactError:
                continue
        steps = np.concatenate([POSE_STEPS, code_spread]).astype(np.float32)
        return Directions(("",) * len(steps), steps)

    @staticmethod
    def load(folder: Path, size: int, weights: str) -> Directions:
        """Of a weights folder whose code has `size` numbers. Raises ReenactError where there are none of its own."""
        path = Path(folder) / FILE
        if not path.is_file():
            raise WeightsError(f"{folder} has no {FILE}: {MEASURE}")
        return Directions._read(path, size, weights)

    @staticmethod
    def _read(path: Path, size: int, weights: str) -> Directions:
        def make(held: Mapping[str, Any]) -> Directions:
            steps = np.array([entry["step"] for entry in held["directions"]], np.float32)
            require(held["schema"] == SCHEMA and len(steps) == size + 6 and bool(np.isfinite(steps).all()))
            return Directions(tuple(str(entry["name"]) for entry in held["directions"]), steps)

        return read_measured(path, weights, make, "directions", MEASURE)


def kept_at(weights: str) -> Path:
    """Where the directions of weights that came with the package are kept, once a user has measured them: in the cache, since
    the package's own folder is not the user's to write to. weights: fingerprint."""
    return cache_dir() / f"directions-{weights}.json"


def is_slider(name: str) -> bool:
    """Does the name say a direction?"""
    return SLIDER.fullmatch(name) is not None


def slider(name: str) -> int:
    """y7-upper-lip-up -> 7. Raises ReenactError for a name of another form."""
    found = SLIDER.fullmatch(name)
    if found is None:
        raise ReenactError(f"{name!r} is no direction: write y and its number, as y7")
    return int(found[1])


def check_sliders(values: Mapping[str, float]) -> None:
    """Raises ReenactError for a value out of -6..6."""
    for name, value in values.items():
        slider(name)
        if not -VALUE_MAX <= value <= VALUE_MAX:
            limits = f"{-VALUE_MAX:g} and {VALUE_MAX:g}"
            raise ReenactError(f"{name}={value:g}: a direction must lie between {limits} standard deviations")
