"""Control and disentanglement: ask a method for one change, measure its output, see what arrived and what leaked elsewhere.

Each portrait is rendered with its own motion (the base) and then with one field changed. Differences are taken against the
base's estimate, so that what the method loses anyway is not counted. The reader is the landmarker's mesh fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from reenact.core.errors import ReenactError
from reenact.core.types import Image, Method, Motion
from reenact.evaluate.figures import measured
from reenact.evaluate.readings import FaceReader, Reading
from reenact.evaluate.registry import Frame
from reenact.evaluate.runner import Outcome
from reenact.evaluate.shots import PHOTOS, VIDEOS, Shot, find, frames, is_clip
from reenact.evaluate.tally import Tally

ANGLES = ("yaw", "pitch", "roll")
AXES = (*ANGLES, "shift_x", "shift_y", "scale")
"""in the order of `Reading.pose`"""


@dataclass(frozen=True)
class Request:
    """One field, changed by so much."""

    axis: str
    amount: float
    """degrees; for shifts halves of the crop's side; for the scale its logarithm"""

    @property
    def name(self) -> str:
        """As the results have it: yaw+30, scale x1.18."""
        return f"scale x{np.exp(self.amount):.2f}" if self.axis == "scale" else f"{self.axis}{self.amount:+g}"

    def apply(self, motion: Motion) -> Motion:
        """The motion that is asked for."""
        if self.axis in ANGLES:
            turn = np.zeros(3, np.float32)
            turn[ANGLES.index(self.axis)] = np.radians(self.amount)
            return motion.replace(head_pose=motion.head_pose + turn)
        if self.axis == "scale":
            return motion.replace(scale=(motion.scale * np.exp(self.amount)).astype(np.float32))
        direction = np.float32([self.axis == "shift_x", self.axis == "shift_y"])
        return motion.replace(translation=motion.translation + direction * np.float32(self.amount))


# Ours: what a call or an editor asks for; yaw also far out, for the curve of identity against yaw.
REQUESTS = (
    *(Request("yaw", amount) for amount in (-45.0, -30.0, -15.0, 15.0, 30.0, 45.0)),
    *(Request("pitch", amount) for amount in (-20.0, -10.0, 10.0, 20.0)),
    *(Request("roll", amount) for amount in (-30.0, -15.0, 15.0, 30.0)),
    *(Request(axis, amount) for axis in ("shift_x", "shift_y") for amount in (-0.15, 0.15)),
    *(Request("scale", amount) for amount in (float(np.log(0.85)), float(np.log(1.18)))),
)
EXPRESSION = "expression"
BASE = "base"


def control_shots(data: Path) -> list[Shot]:
    """The portraits (or first frames of clips) of a folder."""
    return [Shot(path) for path in find(data, PHOTOS + VIDEOS, "portrait or clip")]


def strongest_frame(path: Path, size: int, reader: FaceReader) -> Image | None:
    """Of a photo or clip the frame (of every fifth) whose blendshapes are largest; None without a face."""
    best, strength = None, -1.0
    for index, image in enumerate(frames(path, size) if is_clip(path) else [Shot(path).read(size, reader.landmarker)]):
        if index % 5 == 0 and (reading := reader.read(image)) is not None and np.linalg.norm(reading.blendshapes[1:]) > strength:
            best, strength = image, float(np.linalg.norm(reading.blendshapes[1:]))
    return best


def run_control(
    source: Image, donor: Image | None, methods: dict[str, Method], reader: FaceReader, requests: tuple[Request, ...] = REQUESTS
) -> Outcome:
    """One portrait: figures under "system/request". donor: whose expression alone is put on; None leaves that out.

    Raises ReenactError where the portrait shows no face.
    """
    size = source.shape[0]
    read = reader.read(source)
    if read is None:
        raise ReenactError("a portrait shows no face: take it out of the folder")
    wanted = reader.read(donor) if donor is not None else None
    tallies: dict[str, Tally] = {}
    for name, method in methods.items():
        portrait = method.encode_crop(source)
        base = reader.read(method.render(portrait, portrait.motion))
        tallies[f"{name}/{BASE}"] = _tally(base, {} if base is None else measured(Frame(size, found=base, portrait=read)))
        for request in requests:
            found = reader.read(method.render(portrait, request.apply(portrait.motion)))
            tallies[f"{name}/{request.name}"] = _tally(found, _moved(found, base, read, request, size))
        if wanted is not None and donor is not None:
            swapped = portrait.motion.replace(expression=method.encode_motion(donor).expression)
            found = reader.read(method.render(portrait, swapped))
            tallies[f"{name}/{EXPRESSION}"] = _tally(found, _expressed(found, base, read, wanted, size))
    return Outcome(tallies)


def arrival(moved: Float32[np.ndarray, " n"], asked: Float32[np.ndarray, " n"]) -> float | None:
    """The share of what was asked that arrived: the projection on it, 1 is all; None where nothing was asked."""
    length = float(asked @ asked)
    return float(moved @ asked) / length if length > 1e-9 else None


def leakage(moved: Float32[np.ndarray, "6"], axis: str | None) -> dict[str, float]:
    """What moved beside the asked axis: degrees (mean of the other angles), percent of the crop's side, percent of the scale."""
    angles = [abs(float(np.degrees(moved[i]))) for i in range(3) if AXES[i] != axis]
    shifts = [abs(float(moved[i])) * 50 for i in (3, 4) if AXES[i] != axis]
    leak = {"leak_degrees": float(np.mean(angles)), "leak_shift": float(np.mean(shifts))}
    if axis != "scale":
        leak["leak_scale"] = abs(float(np.expm1(moved[5]))) * 100
    return leak


def _difference(found: Reading, base: Reading, size: int) -> Float32[np.ndarray, "6"]:
    moved = found.pose(size) - base.pose(size)
    moved[:3] = (moved[:3] + np.pi) % (2 * np.pi) - np.pi
    return moved


def _moved(found: Reading | None, base: Reading | None, source: Reading, request: Request, size: int) -> dict[str, float | None]:
    if found is None or base is None:
        return {}
    moved = _difference(found, base, size)
    axis = AXES.index(request.axis)
    arrived = float(np.degrees(moved[axis])) if request.axis in ANGLES else float(moved[axis])
    return {
        "asked": request.amount,
        "arrived": arrived,
        "arrival": arrived / request.amount,
        "error": abs(arrived - request.amount),
        **leakage(moved, request.axis),
        "leak_expression": float(np.abs(found.blendshapes - base.blendshapes).mean()),
        **measured(Frame(size, found=found, portrait=source)),
    }


def _expressed(
    found: Reading | None, base: Reading | None, source: Reading, wanted: Reading, size: int
) -> dict[str, float | None]:
    if found is None or base is None:
        return {}
    return {
        "arrival": arrival(found.blendshapes - base.blendshapes, wanted.blendshapes - source.blendshapes),
        "aed_exp": float(np.abs(found.blendshapes - wanted.blendshapes).mean()),
        **leakage(_difference(found, base, size), None),
        **measured(Frame(size, found=found, portrait=source)),
    }


def _tally(found: Reading | None, figures: Mapping[str, float | None]) -> Tally:
    tally = Tally(frames=1, target_faces=1, found_faces=int(found is not None))
    tally.add(figures)
    return tally


def donor_shots(data: Path, donors: Path | None) -> list[Path]:
    """Whose expressions are put on: of the donors' folder, else the portraits themselves."""
    return find(donors or data, PHOTOS + VIDEOS, "portrait or clip")
