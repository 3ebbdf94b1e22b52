"""An uncut video -> shots with one face and one fixed crop each; whatever else happens in it is dropped, with its
reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from PIL import Image as PILImage

from reenact.core.types import Image, Placement
from reenact.data.jobs import Settings
from reenact.faces.crop import JUMP, head_crop
from reenact.faces.landmarker import Face, Landmarker
from reenact.media.video import VideoFrame

THUMB = 24
"""ours: side of the pictures that cuts are sought in"""
CUT_LEVEL = 18.0
"""ours: mean difference of two thumbnails, of 255, from which a cut is possible. Measured: docs/data.md"""
CUT_RATIO = 3.0
"""ours: and by which it must exceed the busiest of the last frames, so that a shaking camera is no cut"""
LOOK_EVERY = 5
"""ours: the detector searches every fifth frame only while there is no face; an empty frame costs it 20 times a full one"""
LOOK_AROUND = 25
"""ours: frames between two passes for other faces"""
CROWD_MAX = 0.25
"""ours: share of these detections that may find another face inside the crop"""
OUTSIDE_MAX = 0.02
"""ours: share of frames whose face may leave the crop"""
GROWTH = 1.3
"""ours: how far the crop may grow over its median to hold a face that moves; VoxCeleb's protocol joins boxes without limit"""
EDGE_MAX = 0.1
"""ours: share of the crop's side that may lie beyond the picture, where its edge is repeated"""


@dataclass
class Shot:
    """A run of frames with one tracked face."""

    faces: list[Face] = field(default_factory=list)
    times: list[Fraction] = field(default_factory=list)
    looks: int = 0
    others: list[tuple[float, float]] = field(default_factory=list)
    """centres of other faces, px"""
    frame: tuple[int, int] = (0, 0)
    """height, width"""


class CutDetector:
    """Decides for every frame whether it begins a new shot."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._recent: list[float] = []

    def update(self, image: Image) -> bool:
        """The next frame of the video."""
        thumb = thumbnail(image)
        last, self._last = self._last, thumb
        if last is None:
            return False
        level = float(np.abs(thumb - last).mean())
        # The first step of a shot has nothing to be compared with.
        cut = bool(self._recent) and level > CUT_LEVEL and level > CUT_RATIO * max(self._recent)
        self._recent = [] if cut else [*self._recent[-4:], level]
        return cut


def thumbnail(image: Image) -> np.ndarray:
    """A tiny picture, float 0..255."""
    small = PILImage.fromarray(image).resize((THUMB, THUMB), PILImage.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, np.float32)


def find_shots(frames: Iterable[VideoFrame], landmarker: Landmarker, settings: Settings) -> Iterator[Shot]:
    """Runs of frames with a face, ended by a cut, by the face's loss or leap, or by `max_seconds`. Holds landmarks, not
    pictures."""
    cuts, shot, empty = CutDetector(), Shot(), 0
    for frame in frames:
        if cuts.update(frame.image):
            if shot.faces:
                yield shot
            shot, empty = Shot(), 0
        face = landmarker.track(frame.image, shot.faces[-1]) if shot.faces else None
        if face is not None and _leapt(shot.faces[-1], face):
            face = None
        if face is None:
            if shot.faces:
                yield shot
                shot, empty = Shot(), 0
            if empty % LOOK_EVERY == 0:
                face = next(iter(landmarker.detect(frame.image)), None)
            empty = 0 if face is not None else empty + 1
        if face is None:
            continue
        shot.frame = frame.image.shape[:2]
        if len(shot.faces) % LOOK_AROUND == 0:
            _look_around(shot, frame.image, face, landmarker)
        shot.faces.append(face)
        shot.times.append(frame.time)
        if frame.time - shot.times[0] >= Fraction(settings.max_seconds):
            yield shot
            shot = Shot()
    if shot.faces:
        yield shot


def _leapt(last: Face, face: Face) -> bool:
    before, after = head_crop(last), head_crop(face)
    return bool(np.hypot(after.centre_x - before.centre_x, after.centre_y - before.centre_y) > JUMP * before.side / 2)


def _look_around(shot: Shot, image: Image, face: Face, landmarker: Landmarker) -> None:
    shot.looks += 1
    own = head_crop(face)
    for other in landmarker.detect(image):
        place = head_crop(other)
        apart = np.hypot(place.centre_x - own.centre_x, place.centre_y - own.centre_y)
        if apart > 0.25 * own.side and place.side > 0.3 * own.side:
            shot.others.append((place.centre_x, place.centre_y))


def fixed_crop(shot: Shot, settings: Settings) -> Placement | str:
    """The one square for the whole shot; or, in a word or two, why the shot is of no use."""
    if len(shot.times) < 2 or shot.times[-1] - shot.times[0] < Fraction(settings.min_seconds):
        return "too short"
    boxes = np.array([face.box for face in shot.faces])
    longer = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    if np.median(longer) < settings.min_face:
        return "small face"
    places = np.array([[p.centre_x, p.centre_y, p.side] for p in map(head_crop, shot.faces)])
    x, y, side = np.median(places, 0)
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    needed = 2 * float(np.max([x - low[0], high[0] - x, y - low[1], high[1] - y]))
    side = min(max(side, needed), GROWTH * side)
    left, top = _inside(x - side / 2, side, shot.frame[1]), _inside(y - side / 2, side, shot.frame[0])
    held = (boxes[:, 0] >= left) & (boxes[:, 1] >= top) & (boxes[:, 2] <= left + side) & (boxes[:, 3] <= top + side)
    if np.mean(~held) > OUTSIDE_MAX:
        return "unsteady face"
    if _beyond(left, side, shot.frame[1]) > EDGE_MAX or _beyond(top, side, shot.frame[0]) > EDGE_MAX:
        return "at the picture's edge"
    inside = [left < ox < left + side and top < oy < top + side for ox, oy in shot.others]
    if sum(inside) > CROWD_MAX * shot.looks:
        return "several faces"
    return Placement(float(left + side / 2), float(top + side / 2), float(side))


def _inside(start: float, side: float, length: int) -> float:
    """Where the crop begins once it is shifted into the picture by at most an eighth of its side."""
    wanted = min(max(start, 0.0), max(0.0, length - side))
    return start + float(np.clip(wanted - start, -side / 8, side / 8))


def _beyond(start: float, side: float, length: int) -> float:
    return float(max(0.0, -start) + max(0.0, start + side - length)) / side
