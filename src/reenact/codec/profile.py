"""How a method's motion is quantised, and with which probabilities a stream starts: codec.json in its weights folder.

A profile is made by `python -m reenact.calibrate.codec_profile`. A method without one gets `plain_profile`: every number by
itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reenact.codec.frame import COMMON, KEY_MORE, KEY_SIGN, KEY_ZERO, LIMIT, MORE, PLAIN_START, SIGN, ZERO, context_count
from reenact.core.errors import ReenactError
from reenact.core.shapes import Float64, Int64
from reenact.core.types import Motion

POSE = 6
"""head_pose, scale, translation: never mixed with the expression code"""
QUALITIES = 32
"""0 is the finest; four steps double the step sizes"""
CLASSES = 4
"""qualities 0-7, 8-15, 16-23, 24-31 have their own starting probabilities"""
GAZE = 2
"""numbers of a gaze, both eyes alike: x, y (faces/eyes.py); last in the vector of a stream that carries it"""
GAZE_STEP = 0.004
"""ours: eye widths; at the default quality .03, .8 px of a 256 px picture"""
PLAIN_STEPS = (0.001, 0.001, 0.001, 0.0005, 0.0005, 0.0005)
PLAIN_EXPRESSION_STEP = 0.002
"""ours, for a method without a profile: about 0.1 px of a 256 px picture"""
FORMAT = 1
LONGEST_CODE = 1024
"""ours: no method has near so many numbers, and a file may not ask for more"""


@dataclass(frozen=True, eq=False)
class Profile:
    """Motion vector <-> integer coefficients: vector = mean + basis @ (step * integers)."""

    method: str
    mean: Float64[np.ndarray, " n"]
    basis: Float64[np.ndarray, "n n"]
    """coefficients -> vector; the first six coefficients are pose, scale and translation themselves"""
    steps: Float64[np.ndarray, " n"]
    """at quality 0, in the coefficients' unit; quality q multiplies them by 2^(q/4)"""
    start: tuple[bytes, ...]
    """for each class of qualities, one byte a context: (2 byte + 1) / 512 is the probability of bit 0"""
    identity: bytes = b"\0\0\0\0"
    """four bytes of a hash over profile and motion graph: sender and receiver must have the same"""
    gaze: bool = False
    """whether the last two numbers are where the eyes look"""

    @property
    def length(self) -> int:
        """Numbers in a motion vector, n."""
        return len(self.mean)

    @cached_property
    def _analysis(self) -> Float64[np.ndarray, "n n"]:
        return np.linalg.inv(self.basis)

    def scaled_steps(self, quality: int) -> Float64[np.ndarray, " n"]:
        """Step sizes at a quality, 0..31."""
        return self.steps * 2.0 ** (quality / 4)

    def coefficients(self, motion: Motion, quality: int) -> Float64[np.ndarray, " n"]:
        """The motion in units of its steps, not yet rounded. Raises ReenactError for a motion that no stream can carry."""
        vector = motion.vector().astype(np.float64)
        if self.gaze:
            vector = np.concatenate([vector, np.zeros(GAZE) if motion.gaze is None else motion.gaze.mean(0)])
        if len(vector) != self.length:
            raise ReenactError(f"a motion of {len(vector)} numbers does not fit the profile of {self.method} ({self.length})")
        if not np.isfinite(vector).all():
            raise ReenactError("the motion holds a number that is infinite or none (NaN): leave that frame out")
        values = self._analysis @ (vector - self.mean) / self.scaled_steps(quality)
        return np.clip(values, -LIMIT, LIMIT)

    def motion(self, values: Int64[np.ndarray, " n"] | list[int], quality: int) -> Motion:
        """What the receiver sees."""
        vector = self.mean + self.basis @ (np.asarray(values, np.float64) * self.scaled_steps(quality))
        vector = vector.astype(np.float32)
        if self.gaze:
            return Motion.from_vector(vector[:-GAZE], np.tile(vector[-GAZE:], (2, 1)))
        return Motion.from_vector(vector)

    def first_states(self, quality: int) -> list[int]:
        """The probabilities that a key packet begins with."""
        return [256 * byte + 128 for byte in self.start[quality * CLASSES // QUALITIES]]

    def as_json(self) -> dict[str, Any]:
        """For codec.json."""
        return {
            "format": FORMAT,
            "method": self.method,
            "mean": _short(self.mean),
            "steps": _short(self.steps),
            "basis": [_short(row) for row in self.basis[POSE:, POSE:]],
            "start": [table.hex() for table in self.start],
        }


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def plain_profile(method: str, code: int) -> Profile:
    """Every number by itself, for a method that has no profile. code: length of its expression code."""
    if not 0 <= code <= LONGEST_CODE:
        raise ReenactError(f"an expression code of {code} numbers cannot be sent: {LONGEST_CODE} is the most")
    length = POSE + code
    mean = np.zeros(length)
    mean[3] = 1.0
    steps = np.array([*PLAIN_STEPS, *[PLAIN_EXPRESSION_STEP] * code])
    start = (bytes([PLAIN_START]) * context_count(length),) * CLASSES
    tag = hashlib.sha256(f"plain {FORMAT} {length}".encode()).digest()[:4]
    return Profile(method, mean, np.eye(length), steps, start, tag)


def read_profile(folder: Path, method: str, code: int) -> Profile:
    """The profile of a weights folder; the plain one where the folder has none. Raises ReenactError for a bad file."""
    path = folder / "codec.json"
    weights = (folder / "motion.onnx").read_bytes()
    if not path.is_file():
        plain = plain_profile(method, code)
        return replace(plain, identity=_identity(plain.identity, weights))
    data = path.read_bytes()
    try:
        profile = _from_json(json.loads(data), _identity(data.replace(b"\r\n", b"\n"), weights))
    except (ValueError, KeyError, TypeError, np.linalg.LinAlgError):
        raise ReenactError(f"{path} is no codec profile: make it again with python -m reenact.calibrate.codec_profile") from None
    if profile.method != method or profile.length != POSE + code:
        raise ReenactError(f"{path} is for other weights: make it again with python -m reenact.calibrate.codec_profile")
    return profile


def with_gaze(profile: Profile) -> Profile:
    """The same for a stream whose motions say where the eyes look: two numbers more, each by itself (docs/bitstream.md)."""
    length = profile.length
    basis = np.eye(length + GAZE)
    basis[:length, :length] = profile.basis
    return replace(
        profile,
        mean=np.concatenate([profile.mean, np.zeros(GAZE)]),
        basis=basis,
        steps=np.concatenate([profile.steps, np.full(GAZE, GAZE_STEP)]),
        start=tuple(_longer(table, length) for table in profile.start),
        identity=hashlib.sha256(profile.identity + b"gaze 1").digest()[:4],
        gaze=True,
    )


def _longer(table: bytes, length: int) -> bytes:
    """Starting probabilities for `GAZE` numbers more: one half, behind those of the others in each group of contexts."""
    out, at = b"", 0
    for each in (ZERO, SIGN, MORE, KEY_ZERO, KEY_SIGN, KEY_MORE):
        out += table[at : at + each * length] + bytes([PLAIN_START]) * (each * GAZE)
        at += each * length
    assert len(table) - at == COMMON
    return out + table[at:]


def _identity(profile: bytes, weights: bytes) -> bytes:
    """Of profile and motion graph together: other weights give the same numbers another meaning."""
    return hashlib.sha256(hashlib.sha256(profile).digest() + hashlib.sha256(weights).digest()).digest()[:4]


def _from_json(data: dict[str, Any], identity: bytes) -> Profile:
    if data["format"] != FORMAT:
        raise ValueError("format")
    mean, steps = np.array(data["mean"], np.float64), np.array(data["steps"], np.float64)
    basis = np.eye(len(mean))
    basis[POSE:, POSE:] = np.array(data["basis"], np.float64)
    start = tuple(bytes.fromhex(table) for table in data["start"])
    whole = len(start) == CLASSES and all(len(t) == context_count(len(mean)) and min(t) > 0 and max(t) < 255 for t in start)
    if not whole or steps.shape != mean.shape or not (steps > 0).all() or not np.isfinite(basis).all():
        raise ValueError("shape")
    np.linalg.inv(basis)
    return Profile(data["method"], mean, basis, steps, start, identity)
