"""What arrives of an edit: portraits rendered unedited and edited, both measured by the landmarker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Image, Motion, Placement, Portrait
from reenact.data.pool import Pool
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.eyes import known
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head
from reenact.runtime.onnx_method import OnnxMethod

Reading = tuple[np.ndarray, float, np.ndarray]
"""head pose in degrees, scale, blendshapes"""


class Reader:
    """The landmarker's estimate of a picture; None where it finds no face."""

    def __init__(self) -> None:
        self._landmarker = Landmarker(1)

    def read(self, image: Image) -> Reading | None:
        faces = self._landmarker.detect(image)
        if not faces:
            return None
        face = self._landmarker.track(image, faces[0]) or faces[0]
        fit = fit_head(face.landmarks)
        return np.degrees(fit.head_pose), float(fit.scale), self._landmarker.blendshapes(face).reshape(-1)


@dataclass(frozen=True)
class Subject:
    """A portrait, and the estimate of it rendered unedited."""

    portrait: Portrait
    unedited: Reading

    @property
    def motion(self) -> Motion:
        return self.portrait.motion


def subjects(pool: Pool, method: OnnxMethod, reader: Reader, people: int, split: str = "val") -> list[Subject]:
    """The first frame of one clip of each of `people` people of this split of the pool. Raises ReenactError without any."""
    rows = np.flatnonzero(pool.split == split)
    firsts = {pool.identity[row]: row for row in rows[::-1]}
    chosen = np.array(sorted(firsts.values())[:people], np.int64)
    if not len(chosen):
        raise ReenactError(f"the pool has no {split} split: make one with reenact data prepare")
    whole = Placement(method.size / 2, method.size / 2, method.size)
    rows = zip(pool.read(chosen), pool.landmarks[chosen], strict=True)
    drawn = [known(method.encode_crop(image), landmarks, whole) for image, landmarks in rows]
    read = [(portrait, reader.read(method.render(portrait, portrait.motion))) for portrait in drawn]
    return [Subject(portrait, reading) for portrait, reading in read if reading is not None]


def differences(method: OnnxMethod, reader: Reader, given: list[Subject], moved: list[Motion]) -> Iterator[Reading]:
    """Angles' and blendshapes' differences and the scales' ratio, for the people whose face is found in the picture."""
    for subject, motion in zip(given, moved, strict=True):
        after = reader.read(method.render(subject.portrait, motion))
        if after is not None:
            before = subject.unedited
            yield after[0] - before[0], after[1] / before[1], after[2] - before[2]


def response(number: int, asked: Sequence[float], arrived: Sequence[np.ndarray]) -> dict[str, Any]:
    """Of one blendshape (by its number in BLENDSHAPE_NAMES): correlation and slope, through nothing asked and nothing arrived,
    of what arrived on what was asked for, and which other moved most. arrived: differences of all 52, one for each asked."""
    x, y = np.array(asked), np.array(arrived)
    slopes = x @ y / (x @ x)
    own = y[:, number]
    other = max((i for i in range(1, len(slopes)) if i != number), key=lambda i: abs(slopes[i]))
    correlation = float(np.corrcoef(x, own)[0, 1]) if own.std() > 1e-6 else 0.0
    return {
        "correlation": round(correlation, 3),
        "slope": round(float(slopes[number]), 3),
        "most_moved_other": {BLENDSHAPE_NAMES[other]: round(float(slopes[other]), 3)},
    }
