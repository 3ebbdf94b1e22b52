"""HDTF (MRzzm/HDTF): lists of times and square crops for three sets of videos, RD, WDA and WRA.

SOURCE/HDTF_dataset/<set>_annotion_time.txt  `name.mp4 mm:ss-mm:ss mm:ss-mm:ss ...` (or the lists right inside SOURCE)
SOURCE/HDTF_dataset/<set>_crop_wh.txt        `name_0.mp4 left width top height`, one a clip, in px of
SOURCE/HDTF_dataset/<set>_resolution.txt     `name.mp4 720`, the height of the video that was annotated
The videos: SOURCE/videos/name.mp4, SOURCE/name.mp4, or SOURCE/_videos_raw/<set>_name.mp4 as its download.py leaves them.
As there, a clip without a crop is left out. Give --size 512 for the resolution that HDTF is used at.

The lists do not say who speaks; the set's name and the video's stand for a person (RD_Radio1), as in other people's protocols.
Licence tier C: research, non-commercial.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.data.jobs import Job
from reenact.data.shards import safe_key
from reenact.data.sources.folder import held_out

SETS = ("RD", "WDA", "WRA")


def jobs(source: Path) -> list[Job] | None:
    """One job a clip of the lists; None where there are no lists."""
    folder = source / "HDTF_dataset" if (source / "HDTF_dataset").is_dir() else source
    found: list[Job] = []
    present = [name for name in SETS if (folder / f"{name}_annotion_time.txt").exists()]
    for name in present:
        times, crops, heights = (_table(folder / f"{name}_{kind}.txt") for kind in ("annotion_time", "crop_wh", "resolution"))
        for video, (spans, line) in times.items():
            where = f"{folder / f'{name}_annotion_time.txt'}: line {line}"
            height = heights.get(video, ([None], 0))[0][0]
            for number, span in enumerate(spans):
                crop = crops.get(f"{video.removesuffix('.mp4')}_{number}.mp4")
                if crop is not None:
                    found.append(_job(source, name, video.removesuffix(".mp4"), number, span, crop, height, where))
    return found if present else None


def _job(
    source: Path, name: str, video: str, number: int, span: str, crop: tuple[list[str], int], height: str | None, where: str
) -> Job:
    try:
        first, last = (_seconds(text) for text in span.split("-"))
        left, width, top, high = (float(value) for value in crop[0])
        reference = float(height) if height else None
    except ValueError:
        raise ReenactError(f"{where}: cannot be read, or its crop or resolution (clip {number}); mend or delete it") from None
    if reference is None:
        raise ReenactError(f"{where}: {video}.mp4 has no resolution in {name}_resolution.txt; add it")
    person = f"{name}_{video}"
    return Job(
        *(safe_key(f"{name}/{video}_{number}"), str(_video(source, name, video)), person, "box", f"{name}/{video}_{number}"),
        split="val" if held_out(person) else "train",
        tier="C",
        source="HDTF",
        start=first,
        end=last,
        box=(left, top, left + width, top + high),
        box_of=(None, reference),
    )


def _table(path: Path) -> dict[str, tuple[list[str], int]]:
    """First word -> the other words, and the line's number."""
    if not path.exists():
        raise ReenactError(f"{path}: is missing; copy the whole folder HDTF_dataset of MRzzm/HDTF")
    rows = [
        (line.split(), number) for number, line in enumerate(path.read_text(errors="replace", encoding="utf-8").splitlines(), 1)
    ]
    return {words[0]: (words[1:], number) for words, number in rows if words}


def _seconds(text: str) -> Fraction:
    """mm:ss or h:mm:ss."""
    parts = [Fraction(part) for part in text.split(":")]
    return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))


def _video(source: Path, name: str, video: str) -> Path:
    places = [source / "videos" / f"{video}.mp4", source / f"{video}.mp4", source / "_videos_raw" / f"{name}_{video}.mp4"]
    return next((place for place in places if place.exists()), places[0])
