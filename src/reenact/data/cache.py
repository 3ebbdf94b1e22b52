"""Shards, decoded once: a flat uint8 array that training maps into memory, and the arrays of Pool beside it.

The array's name holds a digest of what it was made from, so a data set that has grown gets a new one. It is written under a
temporary name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import Unfinished
from reenact.data.jpeg import decode, resized
from reenact.data.reader import Shards
from reenact.data.shards import Clip, ClipInfo, disk

EXACT = {"blendshapes": ("exact_blendshapes", 52), "head_pose": ("exact_pose", 3), "gaze": ("gaze", 2)}


def cached(shards: Shards, folder: Path, size: int, stride: int, splits: tuple[str, ...]) -> dict[str, Any]:
    """The fields of data.pool.Pool. Raises ReenactError when no clip is of these splits, or the disk cannot take the array."""
    chosen = [key for key in shards.keys if not splits or shards.info(key).split in splits]
    if not chosen:
        raise ReenactError(f"{shards.folder}: holds no clips of {', '.join(splits)}; see `reenact data report {shards.folder}`")
    path = folder / f"frames-{size}-{_digest(shards, chosen, size, stride)}.npy"
    if not path.exists():
        _decode_all(shards, chosen, path, size, stride)
    return {"frames": [np.load(path, mmap_mode="r")], **_labels(shards, chosen, size, stride)}


def _labels(shards: Shards, keys: list[str], size: int, stride: int) -> dict[str, Any]:
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("landmarks", "blendshapes", "time", *(f"exact {name}" for name in EXACT))
    }
    words: dict[str, list[str]] = {"split": [], "identity": [], "clip": [], "motion": []}
    for key in keys:
        info, truth = shards.info(key), shards.truth(key)
        rows = truth["time"][::stride]
        columns["landmarks"].append(truth["landmarks"][::stride] * np.float32(size / info.size))
        columns["blendshapes"].append(truth["blendshapes"][::stride])
        columns["time"].append(rows)
        for name, (stored, width) in EXACT.items():
            unknown = np.full((len(truth["time"]), width), np.nan, np.float32)
            columns[f"exact {name}"].append(truth.get(stored, unknown)[::stride])
        for name, word in zip(words, (info.split, info.identity, key, info.motion), strict=True):
            words[name] += [word] * len(rows)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    exact = {name: joined.pop(f"exact {name}") for name in EXACT}
    return {**joined, **{name: np.array(values) for name, values in words.items()}, "exact": exact}


def _decode_all(shards: Shards, keys: list[str], path: Path, size: int, stride: int) -> None:
    counts = [len(range(0, shards.info(key).frames, stride)) for key in keys]
    shape = (sum(counts), size, size, 3)
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        needed, free = int(np.prod(shape, dtype=np.int64)), shutil.disk_usage(path.parent).free
        if needed > free:
            gigabytes = f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
            raise ReenactError(
                f"{path.parent}: the decoded frames need {gigabytes}; give another cache folder or a larger stride"
            )
    with disk(path), Unfinished(path) as part:
        array = np.lib.format.open_memmap(part, "w+", np.uint8, shape)
        row = 0
        for images in _ahead(lambda key: _decoded(shards.clip(key), size, stride), keys):
            array[row : row + len(images)] = images
            row += len(images)
        array.flush()


def _decoded(clip: Clip, size: int, stride: int) -> np.ndarray:
    return np.stack([resized(decode(data), size) for data in clip.encoded[::stride]])


def _ahead(work: Callable[[str], Any], keys: list[str]) -> Iterator[Any]:
    """work(key) of every key in order, a few at a time in threads: decoders let go of Python's lock."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, key) for key in keys[: 2 * workers]]
        for number in range(len(keys)):
            result = running.pop(0).result()
            if number + 2 * workers < len(keys):
                running.append(pool.submit(work, keys[number + 2 * workers]))
            yield result


def _digest(shards: Shards, keys: list[str], size: int, stride: int) -> str:
    def line(info: ClipInfo) -> str:
        return f"{info.key} {info.frames} {info.size}"

    text = "\n".join([f"{size} {stride}", *(line(shards.info(key)) for key in keys)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
