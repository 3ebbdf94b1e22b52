"""Blendshapes over time as a driver: a Live Link Face CSV, or a CSV or JSON of ARKit coefficients, through the linear map.

Live Link Face (Epic's iPhone app): Timecode (hh:mm:ss:ff.sub), BlendShapeCount, 52 coefficients, HeadYaw, HeadPitch, HeadRoll
(taken as radians), eye angles (left out: eyeLook... says the same). Ours: `time` in seconds, any of the 52 names, and yaw,
pitch, roll in degrees as in docs/conventions.md. JSON: {"fps": 30, "frames": [{"jawOpen": 0.2, "yaw": 5}, ...]}. Names in
any case. A CSV may be any spreadsheet's: values apart by commas, or by semicolons or tabs, and then with decimal commas, too.
"""

from __future__ import annotations

import csv
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.errors import InputError, ReenactError, ReenactWarning
from reenact.core.files import check_readable
from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.media.clock import RATE_MIN, gaps_left_out, stated_rate, to_the_microsecond, without_gaps
from reenact.motion.expression import ExpressionMap
from reenact.motion.gaze import looking
from reenact.motion.takes import Take

LIVE_LINK_RATE = 60
"""frames a second of the app's timecode where the file is too short to show it (its default)"""
TIMECODE_RATES = (24, 25, 30, 50, 60, 120)
ROWS_MAX = 2_000_000
"""ours: nine hours at 60 frames/s"""
BYTES_MAX = 100_000_000
"""ours: the better part of an hour at 60 frames/s, as text"""
JSON_RATE_MAX = 1000
DAY = 86_400
"""seconds"""
VALUE_MAX = 2.0
TONGUE, TONGUE_SHOWS = "tongueout", 0.05
"""ARKit's 52nd, and from where on it is missed"""

_KNOWN = {name.lower(): name for name in BLENDSHAPE_NAMES[1:]}
_ANGLES = {"yaw": np.pi / 180, "pitch": np.pi / 180, "roll": np.pi / 180, "headyaw": 1.0, "headpitch": 1.0, "headroll": 1.0}
"""columns of the head's angles, and what a unit of theirs is in radians"""

_USED = {*_KNOWN, TONGUE, *_ANGLES}

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
    values = np.asarray(values)
    return Motion.from_vector(motion_vectors(values[None], np.asarray(angles)[None], expressions)[0], looking(values))


def is_coefficients(path: Path) -> bool:
    """Whether the file is one of blendshapes rather than a take: any .csv, and a .json without a schema, or that is a list."""
    if path.suffix.lower() != ".json":
        return path.suffix.lower() == ".csv"
    if check_readable(path, "take").stat().st_size > BYTES_MAX:
        return False
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, MemoryError):
        return False
    return isinstance(held, list) or (isinstance(held, dict) and "schema" not in held)


def read_coefficients(path: str | os.PathLike[str], expressions: ExpressionMap) -> Take:
    """The file as a take of the method that `expressions` belongs to; its reference is the neutral face, frontal.

    Raises ReenactError for a file that cannot be read so, with its line where one is at fault.
    """
    path = check_readable(path, "file of blendshapes")
    if path.stat().st_size > BYTES_MAX:
        raise InputError(f"{path}: too large for a file of blendshapes; give one of less than {BYTES_MAX // 1_000_000} MB")
    table = _from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path)
    if not table.names & set(_KNOWN):
        raise InputError(f"{path}: no column is an ARKit blendshape (jawOpen, ...); give a Live Link Face CSV or the like")
    values = np.stack([table.column(name.lower()) for name in BLENDSHAPE_NAMES], -1)
    if np.abs(values).max() > VALUE_MAX:
        raise InputError(f"{path}: a blendshape of {np.abs(values).max():g}; they run over 0..1 (divide percentages by 100)")
    if table.column(TONGUE).max() > TONGUE_SHOWS:
        warnings.warn(f"{path}: tongueOut is left out: no blendshape in use moves the tongue", ReenactWarning, stacklevel=2)
    angles = _angles(path, table)
    times = _running(path, table.times)
    rate = stated_rate((len(times) - 1) / times[-1] if times[-1] else Fraction(LIVE_LINK_RATE))
    values = values.astype(np.float32)
    gazes = np.array([looking(row) for row in values], np.float32)
    neutral = Motion.from_vector(np.concatenate([[0, 0, 0, 1, 0, 0], expressions.neutral]), np.zeros((2, 2), np.float32))
    vectors = motion_vectors(values, angles, expressions)
    faces = np.ones(len(times), bool)
    return Take(expressions.method, expressions.weights, rate, tuple(times), vectors, faces, neutral, "between", gazes)


@dataclass(frozen=True)
class _Table:
    times: list[Fraction]
    """seconds, as the file has them"""
    names: frozenset[str]
    """columns, in lower case"""
    order: Sequence[str]
    values: np.ndarray
    """[rows, columns in that order]"""

    def column(self, name: str) -> np.ndarray:
        """0 where the file has none of that name."""
        return self.values[:, self.order.index(name)] if name in self.order else np.zeros(len(self.times))


def _angles(path: Path, table: _Table) -> np.ndarray:
    angles = np.zeros((len(table.times), 3), np.float32)
    for column, unit in _ANGLES.items():
        if column in table.names:
            at = ("yaw", "pitch", "roll").index(column.removeprefix("head"))
            angles[:, at] = unit * table.column(column)
    if (yaw := float(np.abs(angles[:, 0]).max())) >= np.pi / 2:
        raise InputError(f"{path}: a yaw of {np.degrees(yaw):.0f} degrees; headYaw is in radians, yaw in degrees")
    return angles


def _from_csv(path: Path) -> _Table:
    rows: list[np.ndarray] = []
    stamps: list[str] = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            apart = _separator(file.readline())
            file.seek(0)
            lines = csv.reader(file, delimiter=apart)
            names = [name.strip().lower() for name in next(lines, [])]
            clock = next((name for name in ("timecode", "time") if name in names), None)
            order = [name for name in dict.fromkeys(names) if name in _USED]
            places = [names.index(name) for name in order]
            for line in filter(None, lines):
                stamps.append(_cell(line, names.index(clock)) if clock else "")
                rows.append(np.array([_number(path, len(rows), _plain(_cell(line, place), apart)) for place in places]))
                if len(rows) > ROWS_MAX:
                    break
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{path}: not a CSV text; export it again") from None
    if not rows or len(rows) > ROWS_MAX:
        raise InputError(f"{path}: has {len(rows)} rows of values; give a CSV with a line of names and 1 to {ROWS_MAX} rows")
    if clock is None:
        raise InputError(f"{path}: has no column time (seconds) or Timecode; add one")
    if clock == "timecode":
        times = _timecodes(path, stamps)
    else:
        times = [to_the_microsecond(_number(path, i, _plain(stamp, apart))) for i, stamp in enumerate(stamps)]
    return _Table(times, frozenset(names), order, np.stack(rows))


def _separator(line: str) -> str:
    """What stands between the names of a CSV's first line."""
    return max(",;\t", key=line.count)


def _plain(number: str, separator: str) -> str:
    """With a point where the file writes a comma, which it can where that separates no values."""
    return number if separator == "," else number.replace(",", ".")


def _cell(line: list[str], place: int) -> str:
    return line[place] if place < len(line) else ""


def _timecodes(path: Path, codes: list[str]) -> list[Fraction]:
    """hh:mm:ss:ff.sub -> seconds, past midnight too; the rate of ff is the smallest usual one above every ff seen, in a file of
    a second or more."""
    try:
        split = [[to_the_microsecond(piece) for piece in code.split(":")] for code in codes]
        if any(len(pieces) != 4 or min(pieces) < 0 for pieces in split):
            raise ValueError
    except (ValueError, OverflowError):
        raise InputError(f"{path}: a Timecode is not hh:mm:ss:ff; export it from Live Link Face again") from None
    whole, days = [], 0
    for pieces in split:
        second = pieces[0] * 3600 + pieces[1] * 60 + pieces[2] + days * DAY
        if whole and second < whole[-1] - DAY // 2:
            second, days = second + DAY, days + 1
        whole.append(second)
    highest = max(pieces[3] for pieces in split)
    shown = whole[-1] - whole[0] >= 2
    rate = next((rate for rate in TIMECODE_RATES if rate > highest), TIMECODE_RATES[-1]) if shown else LIVE_LINK_RATE
    return [second + pieces[3] / rate for second, pieces in zip(whole, split, strict=True)]


def _from_json(path: Path) -> _Table:
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        held: dict[str, Any] = {"frames": given} if isinstance(given, list) else given
        rows: list[Row] = [{str(k).lower(): v for k, v in frame.items()} for frame in held["frames"]]
        if not 0 < len(rows) <= ROWS_MAX:
            raise ValueError
        if "time" in rows[0]:
            times = [to_the_microsecond(row["time"]) for row in rows]
        else:
            fps = to_the_microsecond(held["fps"])
            if not RATE_MIN <= fps <= JSON_RATE_MAX:
                raise ValueError
            times = [i / fps for i in range(len(rows))]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise ReenactError(
            f'{path}: write {{"fps": 30, "frames": [{{"jawOpen": 0.2}}, ...]}}, or give each frame a time'
        ) from None
    names = frozenset(name for row in rows for name in row)
    order = sorted(names & _USED)
    values = np.array([[_number(path, i, row.get(name, 0.0)) for name in order] for i, row in enumerate(rows)])
    return _Table(times, names, order, values.reshape(len(rows), len(order)))


def _running(path: Path, times: list[Fraction]) -> list[Fraction]:
    """From 0 on; gaps beyond a minute closed. Raises ReenactError where they do not rise."""
    for i, (before, after) in enumerate(zip(times, times[1:], strict=False)):
        if after <= before:
            raise InputError(f"{path}: the time of row {i + 2} is not after the one before; sort or mend the file")
    closed, gaps = without_gaps(times)
    if gaps:
        warnings.warn(f"{path}: {gaps_left_out(gaps)}", ReenactWarning, stacklevel=2)
    return closed


def _number(path: Path, row: int, text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{path}: row {row + 1} has {str(text)[:30]!r} where a number belongs; mend it")
    return value
