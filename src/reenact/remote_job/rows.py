"""What is known of a pool's frames, in one small file, and the pool again from it and its films (remote_job/film.py).

Keypoints are carried as data.pool.Truth has worked them out of the landmarks, which weigh five times as much as all else and stay
behind where the method does not ask for them.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from reenact.data.pool import Pool, Truth
from reenact.faces.points import SHELL
from reenact.remote_job import film

ROWS = "rows.npz"
UNIT = 16384
"""of keypoints in the head's frame, stored as whole numbers: 1/128 px"""
LANDMARK_UNIT = 16
"""of landmarks, px: a sixteenth, less than a landmarker's own jitter"""
WORDS = ("split", "identity", "clip")
SIZES = ("head_pose", "scale", "translation")


def chosen(pool: Pool, splits: tuple[str, ...]) -> np.ndarray:
    """Row numbers of these splits' frames, in the pool's order."""
    return np.flatnonzero(np.isin(pool.split, splits))


def pack_rows(pool: Pool, rows: np.ndarray, lengths: list[int], landmarks: bool) -> bytes:
    """The file. lengths: frames of each film, in their order; landmarks: whether all 478 of each frame go along."""
    truth = pool.truth
    arrays = {name: getattr(pool, name)[rows] for name in WORDS} | {name: getattr(truth, name)[rows] for name in SIZES}
    arrays |= {name: values[rows] for name in ("motion", "time") if (values := getattr(pool, name)) is not None}
    face = truth.canonical.shape[1] - len(SHELL)
    _, first, person = np.unique(pool.clip[rows], return_index=True, return_inverse=True)
    arrays |= {"canonical": truth.canonical[rows][first], "person": person, "head": _whole(truth.head[rows, :face], UNIT)}
    arrays |= {"blendshapes": truth.blendshapes[rows].astype(np.float16), "lengths": np.array(lengths)}
    arrays["side"] = np.array(pool.frames[0].shape[1])
    if landmarks:
        steps = np.diff(_whole(pool.landmarks[rows], LANDMARK_UNIT), axis=0, prepend=np.int16(0))
        # the bytes of the small steps within a clip apart from the nearly always empty ones above them: half the size
        arrays["landmark_steps"] = np.moveaxis(steps[..., None].view(np.uint8), -1, 0)
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)
    return held.getvalue()


def read_pool(folder: Path, threads: int = 0) -> Pool:
    """The pool that was packed, its frames decoded into memory. Raises ReenactError where a film is cut off."""
    with np.load(folder / ROWS, allow_pickle=False) as file:
        known = dict(file)
    count, side, lengths = len(known["split"]), int(known["side"]), known["lengths"].tolist()
    frames = np.zeros((count, side, side, 3), np.uint8)
    film.decode([folder / film.name(number) for number in range(len(lengths))], lengths, frames, threads)
    shell = np.broadcast_to(SHELL, (count, *SHELL.shape))
    head = np.concatenate([known["head"].astype(np.float32) / UNIT, shell], 1).astype(np.float32)
    canonical = known["canonical"][known["person"]]
    head_pose, scale, translation = (known[name].astype(np.float32) for name in SIZES)
    truth = Truth(head_pose, scale, translation, canonical, head, known["blendshapes"].astype(np.float32))
    split, identity, clip = (known[name] for name in WORDS)
    motion, time = known.get("motion"), known.get("time")
    return Pool([frames], _landmarks(known), truth.blendshapes, split, identity, clip, motion, time, {}, truth)


def _landmarks(known: dict[str, np.ndarray]) -> np.ndarray:
    """[N,478,3] px; [N,0,3] where they stayed behind."""
    if "landmark_steps" not in known:
        return np.zeros((len(known["split"]), 0, 3), np.float32)
    steps = np.ascontiguousarray(np.moveaxis(known["landmark_steps"], 0, -1)).view(np.int16)[..., 0]
    return np.cumsum(steps, 0, dtype=np.int16).astype(np.float32) / LANDMARK_UNIT


def _whole(values: np.ndarray, unit: int) -> np.ndarray:
    return np.round(values * unit).clip(-32768, 32767).astype(np.int16)
