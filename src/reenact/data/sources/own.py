"""Our own layout (../shared/data/README.md): head crops that are ready, with a line of facts each.

clips/{train,val}.jsonl + clips/{train,val}/*.mp4, portraits/{train,val}/*.jpg, synth_pairs/*.mp4 + .npz; any of them may be
absent. Rendered motions 20-23 and identities 56-63 are kept for validation.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.data.jobs import Job
from reenact.data.shards import safe_key

CLIP_STRIDE, SYNTH_STRIDE = 3, 2
"""ours: frames nearer in time than a tenth of a second teach little"""
HELD_OUT_MOTION, HELD_OUT_IDENTITY = 20, 56
PORTRAIT_TIER = "A"
"""public domain (Congress) and CC BY 4.0 with the sitters' consent (London set, webmorphR)"""


def jobs(source: Path) -> list[Job] | None:
    """Clips, portraits and rendered pairs."""
    listed = any((source / "clips" / f"{split}.jsonl").exists() for split in ("train", "val"))
    if not listed and not (source / "synth_pairs").is_dir() and not (source / "portraits").is_dir():
        return None
    found: list[Job] = []
    for split in ("train", "val"):
        found += _clips(source, split)
        for path in sorted((source / "portraits" / split).glob("*.jpg")):
            file = str(path.relative_to(source))
            # The portraits are head crops: a box says so.
            box = (0.0, 0.0, 1.0, 1.0)
            photo = Job(safe_key(file), str(path), _sitter(path.stem), "photo", file, f"p{split}", PORTRAIT_TIER, box=box)
            found.append(photo)
    return found + _rendered(source)


def _clips(source: Path, split: str) -> list[Job]:
    listing, found = source / "clips" / f"{split}.jsonl", []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines() if listing.exists() else (), 1):
        try:
            clip = json.loads(line)
            name, identity = clip["clip"], clip["identity"]
        except (ValueError, KeyError, TypeError):
            raise ReenactError(f"{listing}: line {number} is not a clip's JSON with clip and identity; mend it") from None
        file = f"clips/{split}/{name}"
        stride = CLIP_STRIDE if split == "train" else 1
        more = {"tier": clip.get("tier", "unknown"), "source": clip.get("source", ""), "stride": stride}
        found.append(Job(safe_key(file), str(source / file), identity, "crop", file, split, **more))
    return found


def _rendered(source: Path) -> list[Job]:
    found = []
    for path in sorted((source / "synth_pairs").glob("m*_i*.mp4")):
        motion, identity = (int(number) for number in re.findall(r"\d+", path.stem))
        split = "sval" if motion >= HELD_OUT_MOTION or identity >= HELD_OUT_IDENTITY else "strain"
        file = str(path.relative_to(source))
        found.append(
            Job(
                *(
                    safe_key(file),
                    str(path),
                    f"synth{identity:03d}",
                    "crop",
                    file,
                    split,
                    "rendered",
                    "synth_pairs",
                    SYNTH_STRIDE,
                ),
                motion=f"m{motion:02d}",
                truth=str(path.with_suffix(".npz")),
                truth_form="prototype",
            )
        )
    return found


def _sitter(stem: str) -> str:
    """london_smiling_025_08 and london_neutral_025_03 are one person; so are the pictures of one member of Congress."""
    london = re.fullmatch(r"london_\w+_(\d+)_\d+", stem)
    return f"london_{london[1]}" if london else stem
