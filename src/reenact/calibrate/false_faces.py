"""How often the second pass (faces/doubt.py) refuses people, and how often what is none.

    python -m reenact.calibrate.false_faces --faces PORTRAITS [--faces MORE] --others PICTURES --json results/false_faces.json

faces: pictures or videos (their first frame) with one person each, as they are and made worse; others: pictures without people,
of which crops are searched until the landmarker finds something.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.provenance import dated
from reenact.core.types import Image
from reenact.evaluate.results import write_json
from reenact.faces.crop import head_crop
from reenact.faces.doubt import doubtful
from reenact.faces.landmarker import Face, Landmarker
from reenact.media.image import read_image
from reenact.media.video import VideoReader

CROPS = 5
"""of each picture without people"""
SMALL = 64
"""side of the head, px, where it is made small"""
NOISE = 25.0
"""standard deviation, of 255"""


def worse(image: Image, face: Face) -> Iterator[tuple[str, Image]]:
    """The picture as it is, and as people's pictures are, too."""
    picture, rng = PILImage.fromarray(image), np.random.default_rng(0)
    factor = min(1.0, SMALL / head_crop(face).side)
    small = picture.resize((max(1, round(picture.width * factor)), max(1, round(picture.height * factor))))
    yield "as it is", image
    yield "head of 64 px", np.asarray(small)
    yield "noise", np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).astype(np.uint8)
    yield "grey", np.asarray(picture.convert("L").convert("RGB"))
    yield "tilted by 25 degrees", np.asarray(picture.rotate(25, PILImage.Resampling.BILINEAR))
    yield "dark", (image // 5).astype(np.uint8)


def crops(image: Image, source: random.Random) -> Iterator[Image]:
    """The picture, and squares of it."""
    yield image
    height, width = image.shape[:2]
    for _ in range(CROPS):
        side = int(source.uniform(0.15, 1) * min(height, width))
        x, y = source.randint(0, width - side), source.randint(0, height - side)
        if side >= 40:
            yield np.ascontiguousarray(image[y : y + side, x : x + side])


def measure(faces: list[Path], others: list[Path], tell: Callable[[str], None]) -> dict[str, dict[str, int]]:
    """kind -> how many were found by the landmarker, and how many of those refused."""
    landmarker, told = Landmarker(1), {}

    def count(kind: str, image: Image) -> Face | None:
        found = landmarker.detect(image)
        row = told.setdefault(kind, {"pictures": 0, "found": 0, "refused": 0})
        row["pictures"] += 1
        if found:
            row["found"] += 1
            row["refused"] += doubtful(landmarker, image, found[0])
        return found[0] if found else None

    for path in faces:
        image = _read(path)
        found = landmarker.detect(image)
        for kind, changed in worse(image, found[0]) if found else ():
            count(f"{path.parent.name}: {kind}", changed)
    tell("faces are done")
    source = random.Random(0)
    for path in others:
        for crop in crops(_read(path), source):
            count("others", crop)
    return told


def _read(path: Path) -> Image:
    try:
        return read_image(path)
    except ReenactError:
        with VideoReader(path) as reader:
            return next(reader).image


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--faces", type=Path, action="append", required=True)
    given.add_argument("--others", type=Path, required=True)
    given.add_argument("--every", type=int, default=1)
    given.add_argument("--json", type=Path, required=True)
    options = given.parse_args()
    kinds = (".jpg", ".png", ".mp4")
    faces = [p for folder in options.faces for p in sorted(folder.iterdir())[:: options.every] if p.suffix.lower() in kinds]
    others = [path for path in sorted(options.others.iterdir()) if path.suffix.lower() in kinds[:2]]
    told = measure(faces, others, lambda text: print(text, file=sys.stderr))  # noqa: T201
    said = (Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:])
    command = " ".join(["python -m reenact.calibrate.false_faces", *said])
    write_json(options.json, {"command": command, **dated({}), "counts": told})


if __name__ == "__main__":
    main()
