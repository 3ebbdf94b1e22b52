"""Folders of head crops -> a training pool (data/pool.py): every frame read by the landmarker once.

python -m reenact.data.prepare ../shared/data POOL [--part 0 --parts 2]

SOURCE holds clips/{train,val}.jsonl with clips/{train,val}/*.mp4, portraits/{train,val}/*.jpg and synth_pairs/*.mp4, any
of them absent. Several parts run side by side as several processes. Rendered motions 20-23 and identities 56-63 are kept
for validation.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.faces.landmarker import Landmarker
from reenact.media.image import read_image
from reenact.media.video import VideoReader

SIZE = 256
CLIP_STRIDE, SYNTH_STRIDE = 3, 2
"""ours: frames nearer in time than a tenth of a second teach little"""
HELD_OUT_MOTION, HELD_OUT_IDENTITY = 20, 56


@dataclass(frozen=True)
class Item:
    """One file of the pool, and every which of its frames is taken."""

    split: str
    identity: str
    path: Path
    stride: int


def items(source: Path) -> list[Item]:
    """What the folder holds. Raises ReenactError when that is nothing."""
    found = []
    for split in ("train", "val"):
        listing = source / "clips" / f"{split}.jsonl"
        for line in listing.read_text().splitlines() if listing.exists() else ():
            clip = json.loads(line)
            stride = CLIP_STRIDE if split == "train" else 1
            found.append(Item(split, clip["identity"], source / "clips" / split / clip["clip"], stride))
        found += [Item(f"p{split}", p.name, p, 1) for p in sorted((source / "portraits" / split).glob("*.jpg"))]
    for path in sorted((source / "synth_pairs").glob("m*_i*.mp4")):
        motion, identity = (int(number) for number in re.findall(r"\d+", path.stem))
        held_out = motion >= HELD_OUT_MOTION or identity >= HELD_OUT_IDENTITY
        found.append(Item("sval" if held_out else "strain", f"synth{identity:03d}", path, SYNTH_STRIDE))
    if not found:
        raise ReenactError(f"{source} holds neither clips/*.jsonl, portraits nor synth_pairs: give the data folder")
    return found


def pictures(item: Item) -> Iterator[Image]:
    """The taken frames of an item, 256x256."""
    if item.path.suffix == ".mp4":
        with VideoReader(item.path) as reader:
            for number, frame in enumerate(reader):
                if number % item.stride == 0:
                    yield frame.image
    else:
        picture = PILImage.fromarray(read_image(item.path)).resize((SIZE, SIZE), PILImage.Resampling.LANCZOS)
        yield np.asarray(picture)


def prepare(source: Path, out: Path, part: int = 0, parts: int = 1) -> int:
    """Writes one part of the pool; gives the number of frames in it. A file that cannot be read is left out."""
    landmarker = Landmarker(threads=1)
    frames, rows = [], []
    for item in items(source)[part::parts]:
        face = None
        for image in pictures(item):
            face = (landmarker.track(image, face) if face else None) or next(iter(landmarker.detect(image)), None)
            if face is not None:
                frames.append(image)
                rows.append((face.landmarks, landmarker.blendshapes(face), item))
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / f"frames{part}.npy", np.array(frames))
    np.savez(
        out / f"labels{part}.npz",
        lm=np.array([row[0] for row in rows], np.float32),
        bs=np.array([row[1] for row in rows], np.float32),
        split=np.array([row[2].split for row in rows]),
        ident=np.array([row[2].identity for row in rows]),
        clip=np.array([str(row[2].path.relative_to(source)) for row in rows]),
    )
    return len(frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    given = parser.parse_args()
    try:
        prepare(given.source, given.pool, given.part, given.parts)
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
