"""A plain folder of videos and photos, in any depth.

Who is in it: the name of the first folder below SOURCE (SOURCE/anna/*.mp4 is anna), or, for files right inside SOURCE, the
file's own name. Two files of one person are two people unless they share a folder: name the folders after people if you can.
Split by people: those whose name hashes into the lowest twentieth are `val`. Rendered clips among them, each with its .npz,
are taken as sources/rendered.py takes them: training asks for some beside real people.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from reenact.data.jobs import Job
from reenact.data.shards import safe_key
from reenact.data.sources import rendered
from reenact.media.endings import PHOTOS, VIDEOS

HELD_OUT = 0.05
"""ours: share of people kept for validation"""


def jobs(source: Path) -> list[Job] | None:
    """Every video (searched for shots, unless it is rendered) and photo, by its ending; hidden files are left out."""
    found = []
    with_truth = {job.path: job for job in rendered.jobs(source) or ()}
    for path in sorted(_files(source)):
        place = path.relative_to(source)
        ending = path.suffix.lower()
        if any(part.startswith(".") for part in place.parts) or ending not in VIDEOS + PHOTOS:
            continue
        if str(path) in with_truth:
            found.append(with_truth[str(path)])
            continue
        identity = place.parts[0] if len(place.parts) > 1 else place.stem
        photo = ending in PHOTOS
        split = ("p" if photo else "") + ("val" if held_out(identity) else "train")
        kind = "photo" if photo else "shots"
        found.append(Job(unique_key(place), str(path), identity, kind, str(place), split, source=source.name))
    return found or None


def _files(source: Path) -> Iterator[Path]:
    """Every file below, also of folders that are links to elsewhere; a link that leads nowhere counts, to be told of."""
    seen, inside = set(), os.path.realpath(source)
    for root, folders, names in os.walk(source, followlinks=True):
        for folder in sorted(name for name in folders if os.path.islink(os.path.join(root, name))):
            target = os.path.realpath(os.path.join(root, folder))
            if target in seen or os.path.commonpath([target, inside]) in (target, inside):  # found anyway, or without end
                folders.remove(folder)
            seen.add(target)
        yield from (path for name in names if (path := Path(root, name)).is_file() or path.is_symlink())


def unique_key(place: Path) -> str:
    """The key of a file; a.mp4 and a.mov beside each other have two."""
    return f"{safe_key(str(place))}-{place.suffix[1:].lower()}"


def held_out(identity: str) -> bool:
    """The same for the same name, always."""
    return int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT
