"""A plain folder of videos and photos, in any depth.

Who is in it: the name of the first folder below SOURCE (SOURCE/anna/*.mp4 is anna), or, for files right inside SOURCE, the
file's own name. Two files of one person are two people unless they share a folder: name the folders after people if you can.
Split by people: those whose name hashes into the lowest twentieth are `val`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from reenact.data.jobs import Job
from reenact.data.shards import safe_key

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts"}
PHOTOS = {".jpg", ".jpeg", ".png", ".webp"}
HELD_OUT = 0.05
"""ours: share of people kept for validation"""


def jobs(source: Path) -> list[Job] | None:
    """Every video (searched for shots) and photo, by its ending; hidden files are left out."""
    found = []
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        ending = path.suffix.lower()
        if any(part.startswith(".") for part in place.parts) or ending not in VIDEOS | PHOTOS or not path.is_file():
            continue
        identity = place.parts[0] if len(place.parts) > 1 else place.stem
        photo = ending in PHOTOS
        split = ("p" if photo else "") + ("val" if held_out(identity) else "train")
        kind = "photo" if photo else "shots"
        found.append(Job(unique_key(place), str(path), identity, kind, str(place), split, source=source.name))
    return found or None


def unique_key(place: Path) -> str:
    """The key of a file; a.mp4 and a.mov beside each other have two."""
    return f"{safe_key(str(place))}-{place.suffix[1:].lower()}"


def held_out(identity: str) -> bool:
    """The same for the same name, always."""
    return int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT
