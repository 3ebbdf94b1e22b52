"""Lists of source and driving: our own, and the forms in which VoxCeleb's and CelebV's pairs are published.

A list is a CSV whose header has `source` and `driving`; further columns are passed over. An entry is a path below the data
folder: a clip, a folder of frames, a photo, `clip.mp4#12` for frame 12, or `clip.mp4/0000012.png` as VoxCeleb's frames are
named, which also finds frame 12 of the video clip.mp4. Published lists (DaGAN's for VoxCeleb1 and CelebV) name whole paths of
their makers' machines: of these the longest ending that lies below the data folder counts.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.evaluate.shots import PHOTOS, VIDEOS, Shot, find, is_clip

FRAME_MARK = re.compile(r"^(?P<path>.*\.\w+)#(?P<frame>\d+)$")


@dataclass(frozen=True)
class Pair:
    """One line of a list."""

    source: Shot
    driving: Shot
    """its frame counts where only one frame drives"""
    single: bool
    """one driving frame, not the whole clip"""
    name: str


def read_pairs(path: Path, data: Path) -> list[Pair]:
    """The pairs of a list. Raises ReenactError, with the line's number, for what is missing or not of the form."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReenactError(f"{path}: cannot be read as a list ({error}); give a CSV file") from None
    if not rows or not {"source", "driving"} <= set(rows[0]):
        raise ReenactError(f"{path}: no pairs; the first line must be source,driving and each other line a pair")
    pairs = []
    for number, row in enumerate(rows, 2):
        shots = [_resolve(row[column], data, f"{path}, line {number}") for column in ("source", "driving")]
        name = f"{_short(shots[0][0])}+{_short(shots[1][0])}" + (f"#{shots[1][0].frame}" if shots[1][1] else "")
        pairs.append(Pair(shots[0][0], shots[1][0], shots[1][1], f"{number - 2:04d}:{name}"))
    return pairs


def fixed_list(clips: Path, portraits: Path, each: int = 4) -> list[Pair]:
    """Our own list: every clip drives `each` portraits, chosen by the SHA-256 of the two names, so the same on every machine.

    Raises ReenactError where a folder is empty.
    """
    photos = find(portraits, PHOTOS, "photo")
    pairs = []
    for clip in find(clips, VIDEOS, "video"):
        ranked = sorted(photos, key=lambda photo: hashlib.sha256(f"{clip.stem} {photo.stem}".encode()).digest())
        pairs += [Pair(Shot(photo), Shot(clip), False, f"{photo.stem}+{clip.stem}") for photo in sorted(ranked[:each])]
    return pairs


def _resolve(text: str | None, data: Path, where: str) -> tuple[Shot, bool]:
    """The shot that an entry names, and whether it is one frame only."""
    if not text:
        raise ReenactError(f"{where}: source or driving is empty; mend the list")
    marked = FRAME_MARK.match(text)
    text, frame = (marked["path"], int(marked["frame"])) if marked and not _ending(text, data) else (text, None)
    if (path := _ending(text, data)) is not None:
        single = frame is not None or path.suffix.lower() in PHOTOS
        return Shot(path, frame or 0), single
    folder, _, file = text.rpartition("/")
    video = _ending(folder, data) if folder else None
    stem = Path(file).stem
    if video is not None and is_clip(video) and stem.isdigit():
        return Shot(video, int(stem)), True
    raise ReenactError(f"{where}: {text} is not below {data}; mend the list or choose another `data`")


def _ending(text: str, data: Path) -> Path | None:
    parts = [part for part in Path(text).parts if part not in ("/", "..")]
    for start in range(len(parts)):
        path = data.joinpath(*parts[start:])
        if path.exists():
            return path
    return None


def _short(shot: Shot) -> str:
    return f"{shot.path.stem}#{shot.frame}" if shot.frame else shot.path.stem
