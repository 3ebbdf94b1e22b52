"""Blendshapes over time as a driver: a Live Link Face CSV, or a CSV or JSON of ARKit coefficients, through the linear map.

Live Link Face (Epic's iPhone app): Timecode (hh:mm:ss:ff.sub), BlendShapeCount, 52 coefficients, HeadYaw, HeadPitch, HeadRoll
(taken as radians), eye angles (left out: eyeLook... says the same). Ours: `time` in seconds, any of the 52 names, and yaw,
pitch, roll in degrees as in docs/conventions.md. JSON: {"fps": 30, "frames": [{"jawOpen": 0.2, "yaw": 5}, ...]}. Names in
any case.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from reenact.core.errors import ReenactError
from reenact.core.files import check_readable
from reenact.core.types import Motion
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import ExpressionMap
from reenact.motion.takes import Take

LIVE_LINK_RATE = 60
"""frames a second of the app's timecode where the file is too short to show it (its default)"""
TIMECODE_RATES = (24, 25, 30, 50, 60, 120)
ROWS_MAX = 2_000_000
"""ours: nine hours at 60 frames/s"""
VALUE_MAX = 2.0
TONGUE, TONGUE_SHOWS = "tongueout", 0.05
"""ARKit's 52nd, and from where on it is missed"""

_KNOWN = {name.lower(): name for name in BLENDSHAPE_NAMES[1:]}
_ANGLES = {"yaw": np.pi / 180, "pitch": np.pi / 180, "roll": np.pi / 180, "headyaw": 1.0, "headpitch": 1.0, "headroll": 1.0}
"""columns of the head's angles, and what a unit of theirs is in radians"""

Row = Mapping[str, Any]


def motion_vectors(
    values: Float32[np.ndarray, "frames 52"], angles: Float32[np.ndarray, "frames 3"], expressions: ExpressionMap
) -> Float32[np.ndarray, "frames row"]:
    """Coefficients as motion vectors (core/types.py: Motion.vector) of a head at scale 1 in the crop's middle.

    values: in the order of BLENDSHAPE_NAMES, 0..1; angles: yaw, pitch, roll, radians.
    """
    vectors = np.zeros((len(values), 6 + expressions.to_code.shape[1]), np.float32)
    vectors[:, :3] = angles
    vectors[:, 3] = 1.0
    vectors[:, 6:] = expressions.neutral + values @ expressions.to_code
    return vectors


def coefficient_motion(values: Float32[np.ndarray, "52"], angles: Float32[np.ndarray, "3"], expressions: ExpressionMap) -> Motion:
    """One face's coefficients and angles (as in `motion_vectors`) as its motion."""
    return Motion.from_vector(motion_vectors(np.asarray(values)[None], np.asarray(angles)[None], expressions)[0])


def is_coefficients(path: Path) -> bool:
    """Whether the file is one of blendshapes rather than a take: any .csv, and a .json without a schema."""
    if path.suffix.lower() != ".json":
        return path.suffix.lower() == ".csv"
    try:
        held = json.loads(check_readable(path, "take").read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and "schema" not in held


def read_coefficients(path: str | Path, expressions: ExpressionMap) -> Take:
    """The file as a take of the method that `expressions` belongs to; its reference is the neutral face, frontal.

    Raises ReenactError for a file that cannot be read so, with its line where one is at fault.
    """
    path = check_readable(path, "file of blendshapes")
    times, rows = _from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path)
    names = {name for row in rows[:1] for name in row}
    if not names & set(_KNOWN):
        raise ReenactError(f"{path}: no column is an ARKit blendshape (jawOpen, ...); give a Live Link Face CSV or the like")
    values = np.array([[_number(path, i, row.get(name.lower(), 0.0)) for name in BLENDSHAPE_NAMES] for i, row in enumerate(rows)])
    if np.abs(values).max() > VALUE_MAX:
        raise ReenactError(f"{path}: a blendshape of {np.abs(values).max():g}; they run over 0..1 (divide percentages by 100)")
    if max(_number(path, i, row.get(TONGUE, 0.0)) for i, row in enumerate(rows)) > TONGUE_SHOWS:
        warnings.warn(f"{path}: tongueOut is left out: no blendshape that is read moves the tongue", stacklevel=2)
    angles = np.zeros((len(rows), 3), np.float32)
    for column, unit in _ANGLES.items():
        if column in names:
            at = ("yaw", "pitch", "roll").index(column.removeprefix("head"))
            angles[:, at] = [unit * _number(path, i, row.get(column, 0.0)) for i, row in enumerate(rows)]
    if (yaw := float(np.abs(angles[:, 0]).max())) >= np.pi / 2:
        raise ReenactError(f"{path}: a yaw of {np.degrees(yaw):.0f} degrees; headYaw is in radians, yaw in degrees")
    span = times[-1] - times[0]
    rate = ((len(times) - 1) / span).limit_denominator(1001) if span else Fraction(LIVE_LINK_RATE)
    neutral = Motion.from_vector(np.concatenate([[0, 0, 0, 1, 0, 0], expressions.neutral]))
    start = tuple(time - times[0] for time in times)
    vectors = motion_vectors(values.astype(np.float32), angles, expressions)
    return Take(expressions.method, expressions.weights, rate, start, vectors, np.ones(len(rows), bool), neutral)


def _from_csv(path: Path) -> tuple[list[Fraction], list[Row]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error):
        raise ReenactError(f"{path}: not a CSV text; export it again") from None
    rows: list[Row] = [{str(k).strip().lower(): v for k, v in line.items() if k is not None} for line in lines]
    if not rows or len(rows) > ROWS_MAX:
        raise ReenactError(f"{path}: has {len(rows)} rows of values; give a CSV with a line of names and 1 to {ROWS_MAX} rows")
    if "timecode" in rows[0]:
        return _timecodes(path, [str(row["timecode"]) for row in rows]), rows
    if "time" not in rows[0]:
        raise ReenactError(f"{path}: has no column time (seconds) or Timecode; add one")
    times = [_exact(_number(path, i, row["time"])) for i, row in enumerate(rows)]
    return _rising(path, times), rows


def _timecodes(path: Path, codes: list[str]) -> list[Fraction]:
    """hh:mm:ss:ff.sub -> seconds; the rate of ff is the smallest usual one above every ff seen, in a file of a second or more."""
    try:
        split = [[_exact(piece) for piece in code.split(":")] for code in codes]
        if any(len(pieces) != 4 for pieces in split):
            raise ValueError
    except (ValueError, OverflowError):
        raise ReenactError(f"{path}: a Timecode is not hh:mm:ss:ff; export it from Live Link Face again") from None
    whole = [pieces[0] * 3600 + pieces[1] * 60 + pieces[2] for pieces in split]
    highest = max(pieces[3] for pieces in split)
    shown = whole[-1] - whole[0] >= 2
    rate = next((rate for rate in TIMECODE_RATES if rate > highest), TIMECODE_RATES[-1]) if shown else LIVE_LINK_RATE
    return _rising(path, [second + pieces[3] / rate for second, pieces in zip(whole, split, strict=True)])


def _from_json(path: Path) -> tuple[list[Fraction], list[Row]]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        frames = held["frames"]
        rows: list[Row] = [{str(k).lower(): v for k, v in frame.items()} for frame in frames]
        if not 0 < len(rows) <= ROWS_MAX:
            raise ValueError
        if "time" in rows[0]:
            times = [_exact(row["time"]) for row in rows]
        else:
            times = [i / _exact(held["fps"]) for i in range(len(rows))]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise ReenactError(
            f'{path}: write {{"fps": 30, "frames": [{{"jawOpen": 0.2}}, ...]}}, or give each frame a time'
        ) from None
    return _rising(path, times), rows


def _rising(path: Path, times: list[Fraction]) -> list[Fraction]:
    for i, (before, after) in enumerate(zip(times, times[1:], strict=False)):
        if after <= before:
            raise ReenactError(f"{path}: the time of row {i + 2} is not after the one before; sort or mend the file")
    return times


def _exact(number: float | str) -> Fraction:
    """To the microsecond. Raises ValueError or OverflowError for what is no finite number."""
    return Fraction(float(number)).limit_denominator(1_000_000)


def _number(path: Path, row: int, text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise ReenactError(f"{path}: row {row + 1} has {str(text)[:30]!r} where a number belongs; mend it")
    return value
