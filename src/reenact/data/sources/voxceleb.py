"""VoxCeleb in the two forms that people have, both of AliaksandrSiarohin/video-preprocessing (256x256).

1. Its list and the videos: SOURCE/*.csv with the columns video_id, start, end, bbox, fps, width, height, partition and
   person_id (or video_id written as id#person_id), and SOURCE/videos/<video_id>.mp4 (or right inside SOURCE). A line is a clip:
   the frames whose time t has start <= t * fps < end, cut to bbox (left-top-right-bottom in a width x height picture, scaled to
   the video's own size, cut off at its border) and resized to a square. The list's makers had joined the boxes of at least 64
   and at most 1,024 frames whose overlap with the first is 0.25 or more, widened them by a tenth, and dropped faces below 256
   px; nothing of that is done again here.
2. Its output: SOURCE/{train,test}/<person>#<video>#<start>#<end>.mp4 (or folders of .png), which are crops already.

`partition` test becomes our `val`. Licence tier C: research, non-commercial.
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.data.jobs import Job
from reenact.data.shards import safe_key

COLUMNS = {"video_id", "start", "end", "bbox", "fps", "width", "height"}
SPLITS = {"train": "train", "test": "val"}


def jobs(source: Path) -> list[Job] | None:
    """From the list if there is one, else from the output folders; None when it is neither."""
    lists = [path for path in sorted(source.glob("*.csv")) if _columns(path) >= COLUMNS]
    if lists:
        return [job for path in lists for job in _listed(source, path)]
    found = [job for split in SPLITS for job in _output(source, split)]
    return found or None


def _columns(path: Path) -> set[str]:
    with open(path, newline="", errors="replace", encoding="utf-8") as file:
        return set(next(csv.reader(file), []))


def _listed(source: Path, path: Path) -> list[Job]:
    found = []
    with open(path, newline="", errors="replace", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                found.append(_line(source, row))
            except (ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
                raise ReenactError(f"{path}: line {number} cannot be read ({error}); mend or delete it") from None
    return found


def _line(source: Path, row: dict[str, str]) -> Job:
    video, _, person = row["video_id"].partition("#")
    person = row.get("person_id") or person or video
    rate = Fraction(row["fps"])
    first, last = int(row["start"]), int(row["end"])
    left, top, right, bottom = (float(value) for value in row["bbox"].split("-"))
    if last <= first or right <= left or bottom <= top:
        raise ValueError("an empty range or box")
    name = f"{person}#{video}#{first:06d}#{last:06d}"
    return Job(
        *(safe_key(f"{person}/{video}/{first:06d}-{last:06d}"), str(_video(source, video)), person, "box", name),
        split=SPLITS.get(row.get("partition") or "train", "train"),
        tier="C",
        source="VoxCeleb",
        start=first / rate,
        end=last / rate,
        box=(left, top, right, bottom),
        box_of=(float(row["width"]), float(row["height"])),
    )


def _video(source: Path, video: str) -> Path:
    """Where it is, or where it should be: a missing one is a line in the report, as in a set from which many videos are gone."""
    for folder in (source / "videos", source):
        if (folder / f"{video}.mp4").exists():
            return folder / f"{video}.mp4"
    return source / "videos" / f"{video}.mp4"


def _output(source: Path, split: str) -> list[Job]:
    found = []
    for path in sorted((source / split).glob("*#*")):
        person, file = path.name.split("#")[0], f"{split}/{path.name}"
        common = {"split": SPLITS[split], "tier": "C", "source": "VoxCeleb"}
        if path.is_dir():
            images = tuple(str(picture) for picture in sorted(path.glob("*.png")))
            if images:
                found.append(Job(safe_key(file), str(path), person, "images", file, images=images, **common))
        elif path.suffix == ".mp4":
            found.append(Job(safe_key(file), str(path), person, "crop", file, **common))
    return found
