"""What drives what: each protocol gives a list of items, and the runner knows no protocol.

| protocol | source | driver | truth |
|---|---|---|---|
| self | frame 0 of a clip | the same clip | the driver |
| large-pose | the frame of a clip that most frames are far from | the frames more than 30 degrees of yaw away | the driver |
| cross | a photo or a clip's frame, by a list | another person's clip | none |
| path | frame 0 of a clip, as a photo | the same clip | the driver |
| synth | frame 0 of rendered clip A | clip B: another identity, the same motion | clip A |
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from reenact.core.errors import ReenactError
from reenact.evaluate.pairs import Pair, fixed_list, read_pairs
from reenact.evaluate.shots import VIDEOS, Shot, find, frames
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head

PROTOCOLS = ("self", "cross", "synth", "large-pose", "control", "path")
LARGE_POSE = 30.0
"""degrees of yaw between source and driver, as the field's large-pose tests have it"""
POSE_STRIDE = 3
"""ours: the pose is estimated in every third frame to choose the source; heads do not turn faster"""
RENDERED = re.compile(r"^m(?P<motion>\d+)_i(?P<identity>\d+)$")


@dataclass(frozen=True)
class Item:
    """One source and one driver."""

    name: str
    source: Shot
    driving: Path
    truth: Path | None
    """the clip whose frames should come out, frame by frame; the driver's own path in self-reenactment"""
    frames: tuple[int, ...] | None = None
    """only these driving frames; None is all"""
    first: bool = True
    """whether frame 0 is scored: not where it is the source itself"""

    @property
    def driver(self) -> str:
        """Whose motion it is: the driving clip, of rendered ones their motion."""
        rendered = RENDERED.match(self.driving.stem)
        return rendered["motion"] if rendered else str(self.driving)


def self_items(data: Path, only: str | None) -> list[Item]:
    """Every clip of a folder by its own frame 0."""
    return [Item(clip.name, Shot(clip), clip, clip, first=False) for clip in find_clips(data, only)]


def cross_items(data: Path, only: str | None, pairs: Path | None) -> list[Item]:
    """By a list; without one, by our fixed list over DATA/clips (or clips/val) and DATA/portraits (or portraits/val)."""
    chosen = read_pairs(pairs, data) if pairs is not None else fixed_list(*_folders(data))
    return [_cross(pair) for pair in chosen if only is None or matches(pair.name, only)]


def _cross(pair: Pair) -> Item:
    frames = (pair.driving.frame,) if pair.single else None
    return Item(pair.name, pair.source, pair.driving.path, None, frames)


def _folders(data: Path) -> tuple[Path, Path]:
    for clips, portraits in (("clips/val", "portraits/val"), ("clips", "portraits")):
        if (data / clips).is_dir() and (data / portraits).is_dir():
            return data / clips, data / portraits
    raise ReenactError(f"{data}: has no folders clips/val and portraits/val (or clips and portraits); give a list with `pairs`")


def synth_items(data: Path, only: str | None) -> list[Item]:
    """Rendered clips mMM_iIII: each is the truth once; the next identity of the same motion drives it.

    Raises ReenactError where no motion has two identities.
    """
    by_motion: dict[str, list[Path]] = defaultdict(list)
    for clip in find_clips(data, only):
        if found := RENDERED.match(clip.stem):
            by_motion[found["motion"]].append(clip)
    items = []
    for clips in by_motion.values():
        if len(clips) > 1:
            for truth, driving in zip(clips, [*clips[1:], clips[0]], strict=True):
                items.append(Item(f"{truth.stem}+{driving.stem}", Shot(truth), driving, truth, first=False))
    if not items:
        raise ReenactError(f"{data}: no two clips mMM_iIII of one motion; give a folder of rendered pairs")
    return items


def large_pose_items(data: Path, only: str | None, size: int, landmarker: Landmarker) -> list[Item]:
    """Every clip that holds frames more than `LARGE_POSE` of yaw apart. Raises ReenactError where none does."""
    items = []
    for clip in find_clips(data, only):
        yaw = _yaws(clip, size, landmarker)
        if (found := widest(yaw)) is not None:
            source, driving = found
            items.append(Item(clip.name, Shot(clip, source), clip, clip, driving))
    if not items:
        raise ReenactError(f"{data}: no clip holds frames {LARGE_POSE:g} degrees of yaw apart; try the rendered pairs")
    return items


def widest(yaw: dict[int, float]) -> tuple[int, tuple[int, ...]] | None:
    """The frame from which the most others are more than `LARGE_POSE` away (degrees), and those; None where there are none."""
    if not yaw:
        return None
    index, angle = np.array(list(yaw)), np.array(list(yaw.values()))
    far = np.abs(angle[:, None] - angle[None]) > LARGE_POSE
    best = int(far.sum(1).argmax())
    return (int(index[best]), tuple(int(i) for i in index[far[best]])) if far[best].any() else None


def _yaws(clip: Path, size: int, landmarker: Landmarker) -> dict[int, float]:
    """Frame number -> yaw in degrees, of every third frame with a face."""
    out = {}
    for index, image in enumerate(frames(clip, size)):
        if index % POSE_STRIDE == 0 and (faces := landmarker.detect(image)):
            out[index] = float(np.degrees(fit_head(faces[0].landmarks).head_pose[0]))
    return out


def find_clips(data: Path, only: str | None = None) -> list[Path]:
    clips = [clip for clip in find(data, VIDEOS, "video") if only is None or matches(clip.stem, only)]
    if not clips:
        raise ReenactError(f"{data}: no clip matches `only` {only}; change the pattern")
    return clips


def matches(name: str, patterns: str) -> bool:
    """Whether a clip's or photo's name, without its ending, is of one of these patterns (m2*,*_i05?)."""
    return any(fnmatch(name, pattern) for pattern in patterns.split(","))
