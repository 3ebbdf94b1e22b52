"""Motion kept: recorded once from any driver, saved as a plain file, replayed on anyone.

A take is a .npz (arrays and one line of JSON; never pickle) or a .json that a person can read; both hold the same and are
described in docs/editing.md. Its codes belong to one method and one set of weights.
"""

from __future__ import annotations

import json
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reenact.core.errors import InputError, ReenactError, ReenactWarning
from reenact.core.files import as_path, check_readable, replaced
from reenact.core.shapes import Float32
from reenact.core.types import Motion, check_motion
from reenact.core.values import is_number, same, written
from reenact.faces.eyes import GAZE_MAX
from reenact.media.clock import gaps_left_out, to_the_microsecond, without_gaps
from reenact.motion.edit import interpolate

SCHEMA = "reenact.take/1"
SUFFIXES = (".npz", ".json")
BYTES_MAX = 512_000_000
"""ours: a take of a day at 25 frames/s has 330 MB; more is damage or malice"""
JSON_BYTES_MAX = 100_000_000
"""ours: parsed it takes ten times as much"""
FRAMES_MAX = 2_500_000
"""ours: a day at 25 frames/s"""
OTHER_RATE = Fraction(1, 100)
"""ours: rates that differ by less are one"""
SLOWEST, FASTEST = Fraction(1, 10), 1000
"""ours: frames a second"""
POSE_NUMBERS = 6
"""head_pose, scale, translation; the code follows"""

_NUMBER = re.compile(r"[0-9]{1,18}(/[0-9]{1,18}|\.[0-9]{1,18})?")
_DAMAGE = (
    ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, ArithmeticError,
    RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""what json, zipfile and NumPy raise for files that are none of theirs"""


_Held = tuple[dict, list[str], np.ndarray, np.ndarray, np.ndarray | None]
"""head, times, motions, faces, gazes"""


@dataclass(frozen=True, eq=False, repr=False)
class Take:
    """A driver's motion over time."""

    method: str
    """name of the method whose motion encoder made it"""
    weights: str
    """fingerprint of its weights; '' where it does not matter"""
    rate: Fraction
    """frames a second, on average"""
    times: tuple[Fraction, ...]
    """seconds from the first picture of the driver"""
    vectors: Float32[np.ndarray, "n row"]
    """one `Motion.vector()` a frame"""
    faces: np.ndarray
    """[n] bool: whether the frame showed a face; where not, the row before is repeated"""
    reference: Motion | None = None
    """the driver's neutral; None: the first frame with a face"""
    filled: Literal["nearest", "between"] = "nearest"
    """what a moment between two frames shows"""
    gazes: Float32[np.ndarray, "n 2 2"] | None = None
    """where the eyes look (faces/eyes.py); None, or NaN in a frame: not known"""

    @staticmethod
    def of(
        method: str,
        weights: str,
        rate: Fraction | float,
        times: Sequence[Fraction | float],
        motions: Sequence[Motion | None],
        reference: Motion | None = None,
    ) -> Take:
        """A take of these motions, one a time, at least one of them there; None: that frame showed no face. rate, times: floats,
        too.

        Raises ReenactError where there are not as many times as motions, none is there, one does not fit the others or times
        do not rise."""
        rate, times = _timed(rate, times)
        _check_motions(times, motions)
        faces = np.array([motion is not None for motion in motions], bool)
        held = np.maximum.accumulate(np.where(faces, np.arange(len(faces)), int(faces.argmax())))
        shown = [motion for i in held if (motion := motions[i]) is not None]
        vectors = np.array([motion.vector() for motion in shown], np.float32)
        return Take(method, weights, rate, times, vectors, faces, reference, gazes=_gazes_of(shown))

    def __len__(self) -> int:
        return len(self.times)

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, Take) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # its arrays may be written to

    def __repr__(self) -> str:
        lasts, missing = float(self.times[-1] + 1 / self.rate), len(self) - int(np.sum(self.faces))
        without = f", {missing} without a face" if missing else ""
        return f"<Take of {self.method}: {len(self)} frames, {lasts:.2f} s at {float(self.rate):g} frames/s{without}>"

    def motion(self, index: int) -> Motion:
        """The motion of one frame."""
        gaze = None if self.gazes is None or not np.isfinite(self.gazes[index]).all() else self.gazes[index]
        return Motion.from_vector(self.vectors[index], gaze)

    def count(self, rate: Fraction | None = None, start: Fraction | None = None, end: Fraction | None = None) -> int:
        """How many motions `frames` gives. Raises ReenactError for no rate, and when there is no frame in the range."""
        if rate is not None and not (is_number(rate) and SLOWEST <= rate <= FASTEST):
            bounds = f"between {float(SLOWEST):g} and {FASTEST} frames a second"
            raise ReenactError(f"a take's rate must lie {bounds}, not {written(rate)}")
        begin, last = start or Fraction(0), self.times[-1] + 1 / self.rate
        stop = last if end is None else min(end, last)
        if begin < 0 or begin >= stop:
            raise ReenactError(f"no frame between `start` and `end` (the take lasts {float(last):.2f} s); change them")
        return max(1, round((stop - begin) * (rate or self.rate)))

    def frames(
        self, rate: Fraction | None = None, start: Fraction | None = None, end: Fraction | None = None
    ) -> Iterator[Motion | None]:
        """The motions with start <= time < end at a constant rate (default: the take's).

        Each slot shows the nearest frame; what was made of coefficients, at another rate than its own, goes evenly from frame to
        frame. None: that frame shows no face. Raises ReenactError for no rate, and when there is no frame in the range.
        """
        count = self.count(rate, start, end)
        step, begin = 1 / (rate or self.rate), start or Fraction(0)
        times = np.array([float(time) for time in self.times])
        even = self.filled == "between" and rate is not None and abs(rate / self.rate - 1) > OTHER_RATE
        for slot in range(count):
            at = float(begin + slot * step)
            after = int(np.searchsorted(times, at))
            near = [index for index in (after - 1, after) if 0 <= index < len(times)]
            if even and len(near) == 2 and all(self.faces[near]):
                share = (at - times[near[0]]) / (times[near[1]] - times[near[0]])
                yield interpolate(self.motion(near[0]), self.motion(near[1]), share)
                continue
            index = min(near, key=lambda index: abs(times[index] - at))
            yield self.motion(index) if self.faces[index] else None

    def check(self, method: str, weights: str, code: int) -> None:
        """Raises ReenactError where another method or other weights made it, or its code has another length than `code`."""
        if self.method != method:
            raise ReenactError(
                f"the take was recorded with {self.method}, not {method}: use `method` {self.method} or record it again"
            )
        if (self.weights and weights and self.weights != weights) or self.vectors.shape[1] != POSE_NUMBERS + code:
            raise ReenactError(f"the take was recorded with other weights of {method}: record it again from its video")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes .npz or .json, by the name's ending, whole or not at all. Raises ReenactError where that cannot be."""
        path = as_path(path, "take")
        check_suffix(path)
        with replaced(path) as part, open(part, "wb") as file:
            if path.suffix.lower() == ".npz":
                _write_npz(file, self)
            else:
                file.write(_as_json(self).encode())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Take:
        """Reads .npz or .json. Raises ReenactError for what is missing, damaged, too large or of another schema."""
        path = check_readable(path, "take")
        check_suffix(path)
        limit = BYTES_MAX if path.suffix.lower() == ".npz" else JSON_BYTES_MAX
        if path.stat().st_size > limit:
            raise InputError(f"{path}: too large for a take; give one of less than {limit // 1_000_000} MB")
        try:
            return _checked(*(_read_npz(path) if path.suffix.lower() == ".npz" else _read_json(path)))
        except _DAMAGE:
            raise InputError(f"{path}: no take, or damaged; make one with: reenact record VIDEO -o take.npz") from None


def check_suffix(path: Path) -> None:
    """Raises ReenactError unless the name ends in .npz or .json."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a take's name must end in .npz or .json")


def _timed(rate: Fraction | float, times: Sequence[Fraction | float]) -> tuple[Fraction, tuple[Fraction, ...]]:
    """The same, exactly. Raises ReenactError for what are no times from 0 on that rise, and no rate."""
    try:
        step, exact = _exact(rate), tuple(_exact(time) for time in times)
    except (TypeError, ValueError, OverflowError):
        step, exact = Fraction(0), ()
    if step <= 0 or not exact or exact[0] < 0 or any(a >= b for a, b in pairwise(exact)):
        raise ReenactError(
            "a take needs a rate above 0 and a time for each motion, in seconds from 0 on, each after the one before"
        )
    return step, exact


def _exact(number: Fraction | float) -> Fraction:
    return number if isinstance(number, Fraction) else to_the_microsecond(number)


def _check_motions(times: Sequence[Fraction], motions: Sequence[Motion | None]) -> None:
    if len(times) != len(motions):
        raise ReenactError(f"a take needs a time for each motion: there are {len(times)} times and {len(motions)} motions")
    shown = [motion for motion in motions if motion is not None]
    if not shown:
        raise ReenactError("a take needs at least one motion: no frame shows a face")
    check_motion(shown[0])
    for motion in shown:
        check_motion(motion, shown[0].expression.size)


def single(motion: Motion, method: str, weights: str) -> Take:
    """One motion as a take of one frame."""
    return Take.of(method, weights, Fraction(25), (Fraction(0),), [motion])


def _gazes_of(motions: Sequence[Motion]) -> Float32[np.ndarray, "n 2 2"] | None:
    """NaN where one is not known; None where none is."""
    if all(motion.gaze is None for motion in motions):
        return None
    return np.array([np.full((2, 2), np.nan) if motion.gaze is None else motion.gaze for motion in motions], np.float32)


def _head(take: Take) -> dict[str, Any]:
    reference = None if take.reference is None else [float(x) for x in take.reference.vector()]
    head = {"schema": SCHEMA, "method": take.method, "weights": take.weights, "rate": str(take.rate), "reference": reference}
    if take.reference is not None and take.reference.gaze is not None:
        head["reference_gaze"] = take.reference.gaze.astype(float).tolist()
    return {**head, "fields": ["yaw", "pitch", "roll", "scale", "x", "y", "expression..."]}


def _write_npz(file: Any, take: Take) -> None:
    times = np.array([str(time) for time in take.times])
    arrays: dict[str, Any] = {"head": np.array(json.dumps(_head(take))), "times": times}
    arrays |= {"motions": take.vectors, "faces": take.faces} | ({} if take.gazes is None else {"gazes": take.gazes})
    np.savez_compressed(file, **arrays)


def _as_json(take: Take) -> str:
    rows = [
        json.dumps({"time": str(time), "face": bool(face), "motion": _short(row), **_json_gaze(take, index)})
        for index, (time, face, row) in enumerate(zip(take.times, take.faces, take.vectors, strict=True))
    ]
    head = json.dumps(_head(take))
    return f'{head[:-1]}, "frames": [\n' + ",\n".join(rows) + "\n]}\n"


def _short(row: np.ndarray) -> list[float]:
    return [float(f"{x:.7g}") for x in row]


def _json_gaze(take: Take, index: int) -> dict[str, list[list[float]]]:
    gaze = take.motion(index).gaze
    return {} if gaze is None else {"gaze": [_short(eye) for eye in gaze]}


def _read_npz(path: Path) -> _Held:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > BYTES_MAX:
            raise ValueError("too large")
        for name in ("head", "times", "motions", "faces", *(("gazes",) if "gazes.npy" in archive.namelist() else ())):
            _check_claim(archive, f"{name}.npy")
    with np.load(path, allow_pickle=False) as arrays:
        head = json.loads(str(arrays["head"]))
        gazes = arrays.get("gazes", None)
        return head, [str(time) for time in arrays["times"]], arrays["motions"], arrays["faces"], gazes


def _check_claim(archive: zipfile.ZipFile, name: str) -> None:
    """Raises ValueError for an array whose header claims more than the file holds, or more frames than a take has."""
    with archive.open(name) as file:
        major = np.lib.format.read_magic(file)[0]
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, kind = read(file)
    if prod(shape) * kind.itemsize > archive.getinfo(name).file_size or (shape and shape[0] > FRAMES_MAX):
        raise ValueError("claims more than it holds")


def _read_json(path: Path) -> _Held:
    held = json.loads(path.read_text(encoding="utf-8-sig"))
    frames = held.get("frames", ()) if held.get("schema") == SCHEMA else ()
    rows = np.array([frame["motion"] for frame in frames], np.float32)
    faces = np.array([frame["face"] for frame in frames], bool)
    unknown = np.full((2, 2), np.nan).tolist()
    gazes = np.array([frame.get("gaze", unknown) for frame in frames], np.float32)
    return held, [frame["time"] for frame in frames], rows, faces, gazes if np.isfinite(gazes).any() else None


def _checked(head: dict, times: list[str], vectors: np.ndarray, faces: np.ndarray, gazes: np.ndarray | None) -> Take:
    if head["schema"] != SCHEMA:
        schema = str(head["schema"])[:60]
        raise ReenactError(f"the take's schema is {schema!r}, this reenact reads {SCHEMA}: record it again or update reenact")
    seconds = tuple(_fraction(time) for time in times[: FRAMES_MAX + 1])
    reference = head["reference"]
    rate = _fraction(head["rate"])
    good = (
        vectors.ndim == 2
        and vectors.dtype == np.float32
        and vectors.shape[1] > POSE_NUMBERS
        and faces.dtype == bool
        and 0 < len(seconds) == len(vectors) == len(faces)
        and np.isfinite(vectors).all()
        and (vectors[:, 3] > 0).all()
        and faces.any()
        and SLOWEST <= rate <= FASTEST
        and seconds[0] >= 0
        and all(a < b for a, b in zip(seconds, seconds[1:], strict=False))
    )
    if not good:
        raise ValueError("not a take")
    neutral = None
    if reference is not None:
        row = np.array(reference, np.float32)
        if row.shape != vectors.shape[1:] or not np.isfinite(row).all() or row[3] <= 0:
            raise ValueError("not a motion")
        looks = head.get("reference_gaze")
        neutral = Motion.from_vector(row, None if looks is None else _gazes(np.array([looks], np.float32), 1)[0])
    closed, gaps = without_gaps(seconds)
    if gaps:
        warnings.warn(f"the take: {gaps_left_out(gaps)}", ReenactWarning, stacklevel=2)
        seconds = tuple(seconds[0] + time for time in closed)
    known = None if gazes is None else _gazes(gazes, len(seconds))
    return Take(str(head["method"]), str(head["weights"]), rate, seconds, vectors, faces, neutral, gazes=known)


def _gazes(gazes: np.ndarray, count: int) -> np.ndarray:
    """Raises ValueError for what is no take's gazes."""
    if gazes.shape != (count, 2, 2) or gazes.dtype != np.float32 or (np.abs(gazes) > GAZE_MAX).any():
        raise ValueError("not gazes")
    return gazes


def _fraction(text: str) -> Fraction:
    """'1001/30000' or '0.04'. Raises ValueError for anything else: a huge exponent would fill the memory."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return Fraction(text)
