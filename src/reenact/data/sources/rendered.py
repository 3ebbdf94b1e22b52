"""Clips that `reenact data synth` renders: <name>.mp4 with <name>.npz beside it, which holds blendshapes and pose.

Who and which motion: the arrays `identity` and `motion` of the .npz if it has them, else a name like m03_i017; otherwise the
whole name is the person and there is no motion to share. Every eighth identity is kept for validation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from reenact.data.jobs import Job
from reenact.data.shards import safe_key

HELD_OUT = 8
"""ours: one identity in so many"""


def jobs(source: Path) -> list[Job] | None:
    """Every .mp4 that has its .npz; None when there is none. A take of `reenact record` beside a video is none."""
    found = []
    for path in sorted(source.rglob("*.mp4")):
        truth = path.with_suffix(".npz")
        names = _names(path, truth)
        if names is None:
            continue
        identity, motion, number = names
        split = "sval" if number % HELD_OUT == HELD_OUT - 1 else "strain"
        file = str(path.relative_to(source))
        job = Job(safe_key(file), str(path), f"{source.name}-{identity}", "crop", file, split, "rendered", source.name)
        found.append(_with(job, motion and f"{source.name}-{motion}", truth))
    return found or None


def _with(job: Job, motion: str, truth: Path) -> Job:
    return replace(job, motion=motion, truth=str(truth))


def _names(path: Path, truth: Path) -> tuple[str, str, int] | None:
    """Identity, motion, the identity's number; None where `truth` is not there, or is something else."""
    match = re.search(r"m(\d+)_i(\d+)", path.stem)
    identity, motion = (f"i{match[2]}", f"m{match[1]}") if match else (path.stem, "")
    try:
        with np.load(truth, allow_pickle=False) as arrays:
            if not {"blendshapes", "pose"} <= set(arrays.files):
                return None
            identity = str(arrays["identity"]) if "identity" in arrays.files else identity
            motion = str(arrays["motion"]) if "motion" in arrays.files else motion
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, BadZipFile):
        pass  # damaged: the job itself says so
    digits = re.findall(r"\d+", identity)
    return identity, motion, int(digits[-1]) if digits else 0
