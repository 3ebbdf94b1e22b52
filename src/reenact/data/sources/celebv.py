"""CelebV (ReenactGAN): five people, some 40,000 aligned 256x256 pictures each, in the order of their videos.

SOURCE/<person>/Image/*.jpg and SOURCE/<person>/all_98pt.txt, a line a picture: its name and 98 landmarks (which we do not
need). Where train_98pt.txt and test_98pt.txt are there (the usual split: the first 30,000 and the rest), they decide, else all
is `train`. SOURCE/*pairs*.txt, if any: `person/name.jpg person/name.jpg`, source and driving, a line; `pairs` reads them for a
benchmark.

A clip is 250 pictures in the list's order, 10 s at 25 frames/s, shorter where the numbering in the names jumps. Licence tier C.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.data.jobs import Job
from reenact.data.shards import safe_key

PEOPLE = ("Donald_Trump", "Emmanuel_Macron", "Jack_Ma", "Kathleen", "Theresa_May")
LISTS = {"train_98pt.txt": "train", "test_98pt.txt": "val"}
LENGTH = 250
JUMP = 25
"""ours: a gap of more than a second in the names' numbers is another scene"""


def jobs(source: Path) -> list[Job] | None:
    """The clips of every person who is there; None when nobody is."""
    people = [name for name in PEOPLE if (source / name / "Image").is_dir()]
    found: list[Job] = []
    for person in people:
        lists = {name: split for name, split in LISTS.items() if (source / person / name).exists()} or {"all_98pt.txt": "train"}
        for name, split in lists.items():
            for number, images in enumerate(_runs(_names(source / person / name))):
                paths = tuple(str(source / person / "Image" / image) for image in images)
                file = f"{person}/{split}-{number:04d}"
                folder = str(source / person / "Image")
                found.append(Job(safe_key(file), folder, person, "images", file, split, tier="C", source="CelebV", images=paths))
    return found if people else None


def pairs(source: Path) -> list[tuple[str, str]]:
    """Source and driving picture of every line of the pair lists, as person/name. Raises ReenactError for a line that is no
    pair."""
    found = []
    for path in sorted(source.glob("*pairs*.txt")):
        for number, line in enumerate(path.read_text(errors="replace", encoding="utf-8").splitlines(), 1):
            words = line.replace(",", " ").split()
            if len(words) != 2 and words:
                raise ReenactError(f"{path}: line {number} is not two pictures; write person/name.jpg person/name.jpg")
            if words:
                found.append((words[0], words[1]))
    return found


def _names(path: Path) -> list[str]:
    """The word of each line that is a picture's name, wherever in the line it stands."""
    if not path.exists():
        raise ReenactError(f"{path}: is missing; copy CelebV's landmark lists as well")
    names = []
    for number, line in enumerate(path.read_text(errors="replace", encoding="utf-8").splitlines(), 1):
        name = next((word for word in line.replace(",", " ").split() if re.search(r"\.(jpg|jpeg|png)$", word, re.I)), None)
        if name is None and line.strip():
            raise ReenactError(f"{path}: line {number} names no picture; mend or delete it")
        if name:
            names.append(Path(name).name)
    return names


def _runs(names: list[str]) -> Iterator[list[str]]:
    run: list[str] = []
    for name in names:
        if run and (len(run) == LENGTH or not 0 < _number(name) - _number(run[-1]) <= JUMP):
            yield run
            run = []
        run.append(name)
    if run:
        yield run


def _number(name: str) -> int:
    digits = re.findall(r"\d+", name)
    return int(digits[-1]) if digits else 0
