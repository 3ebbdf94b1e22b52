"""`reenact data pack`: the training part of a data set in files of at most so many MiB, to be carried to a machine that has no
PyAV.

data/unpack.py, of which a copy lies beside the parts, says what is in a part and turns them into a pool.
"""

from __future__ import annotations

import importlib.resources
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import Unfinished
from reenact.data.jpeg import decode, encode, resized
from reenact.data.reader import Shards
from reenact.data.shards import LANDMARK_UNITS, Clip, disk

TRAINING = ("train", "ptrain", "strain")
OVERHEAD = 478 * 3 * 2 + 2 * 52 * 2 + (3 + 2) * 4 + 8 + 8 + 4
"""bytes of a frame beside its JPEG, before compression"""
HEADERS = 64 << 10
"""ours: bytes of a part that are no frame's, at most; a clip's words are counted with its first frame"""
WORD_BYTES = 4 * 300


@dataclass(frozen=True)
class Packed:
    """What was written."""

    parts: int
    frames: int
    clips: int
    people: int
    largest_mib: float
    total_mib: float


def pack(
    folder: Path,
    out: Path,
    part_mib: float = 60.0,
    splits: tuple[str, ...] = TRAINING,
    size: int = 0,
    quality: int = 0,
    max_parts: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Packed:
    """Writes OUT/part-000.npz, ... and OUT/unpack.py.

    size, quality: 0 keeps the JPEGs as they are; else they are made anew. max_parts: 0 is as many as it takes; else frames are
    left out, the same share of every clip. Raises ReenactError when nothing is of these splits, or OUT holds parts already.
    """
    _check(part_mib, size, quality, max_parts)
    shards = Shards(folder)
    keys = [key for key in shards.order(0) if shards.info(key).split in splits]
    if not keys:
        raise ReenactError(f"{folder}: holds no clips of {', '.join(splits)}; see `reenact data report {folder}`")
    if list(out.glob("part-*.npz")):
        raise ReenactError(f"{out}: holds parts already; delete them or choose another folder")
    limit = int(part_mib * (1 << 20)) - HEADERS
    with disk(out / "part-000.npz"):
        out.mkdir(parents=True, exist_ok=True)
    stride = _stride(shards, keys, size, quality, limit * max_parts) if max_parts else 1
    sizes, frames, seen = [], 0, 0
    for part in _parts(shards, keys, size, quality, stride, limit):
        sizes.append(_write(out / f"part-{len(sizes):03d}.npz", part))
        frames += len(part.ends)
        seen += len(part.words)
        if progress is not None:
            progress(seen, len(keys))
    source = importlib.resources.files("reenact.data") / "unpack.py"
    with disk(out / "unpack.py"):
        (out / "unpack.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    people = len({shards.info(key).identity for key in keys})
    return Packed(len(sizes), frames, len(keys), people, max(sizes) / (1 << 20), sum(sizes) / (1 << 20))


def _check(part_mib: float, size: int, quality: int, max_parts: int) -> None:
    if not 2 <= part_mib <= 1e6:
        raise ReenactError(f"`part_mib` must be 2 or more, not {part_mib:g}")
    if size and not 32 <= size <= 4096:
        raise ReenactError(f"`size` must be 0 (as they are) or 32 to 4096, not {size}")
    if not 0 <= quality <= 95:
        raise ReenactError(f"`quality` must be 0 (as they are) or 1 to 95, not {quality}")
    if max_parts < 0:
        raise ReenactError(f"`max_parts` must be 0 (as many as it takes) or more, not {max_parts}")


class _Part:
    """The lists that a part is made of."""

    def __init__(self) -> None:
        self.jpegs: list[bytes] = []
        self.ends: list[int] = []
        self.rows: list[dict[str, np.ndarray]] = []
        self.clip_of: list[int] = []
        self.words: list[tuple[str, ...]] = []
        self.bytes = 0


def _parts(shards: Shards, keys: list[str], size: int, quality: int, stride: int, limit: int) -> Iterator[_Part]:
    """Clips in order; one that does not fit is divided between two parts."""
    part = _Part()
    for key in keys:
        clip = shards.clip(key)
        info = clip.info
        rows = _rows(clip)
        words = (info.key, info.identity, info.split, info.motion, info.tier)
        fresh = True
        for number in range(0, info.frames, stride):
            data = _encoded(clip, number, size, quality)
            cost = len(data) + OVERHEAD + (WORD_BYTES if fresh else 0)
            if part.ends and part.bytes + cost > limit:
                yield part
                part, fresh, cost = _Part(), True, len(data) + OVERHEAD + WORD_BYTES
            if fresh:
                part.words.append(words)
                fresh = False
            part.jpegs.append(data)
            part.ends.append((part.ends[-1] if part.ends else 0) + len(data))
            part.rows.append({name: values[number] for name, values in rows.items()})
            part.clip_of.append(len(part.words) - 1)
            part.bytes += cost
    if part.ends:
        yield part


def _rows(clip: Clip) -> dict[str, np.ndarray]:
    truth, count = clip.truth, clip.info.frames
    fixed = np.round(truth["landmarks"] * (LANDMARK_UNITS / clip.info.size)).clip(-32768, 32767).astype(np.int16)
    unknown = {"exact_blendshapes": (52, np.float16), "exact_pose": (3, np.float32), "gaze": (2, np.float32)}
    more = {
        name: truth[name].astype(kind) if name in truth else np.full((count, width), np.nan, kind)
        for name, (width, kind) in unknown.items()
    }
    return {"landmarks": fixed, "blendshapes": truth["blendshapes"].astype(np.float16), "time": truth["time"], **more}


def _encoded(clip: Clip, number: int, size: int, quality: int) -> bytes:
    data = clip.encoded[number]
    if not quality and size in (0, clip.info.size):
        return data
    image = resized(decode(data), size or clip.info.size)
    return encode(image, quality) if quality else encode(image)


def _stride(shards: Shards, keys: list[str], size: int, quality: int, room: int) -> int:
    """Every which frame to take so that all clips fit into `room` bytes; sampled on 64 clips."""
    picked = [keys[i] for i in np.unique(np.linspace(0, len(keys) - 1, 64).astype(int))]
    mean = float(np.mean([len(_encoded(shards.clip(key), 0, size, quality)) for key in picked])) + OVERHEAD
    counts = np.array([shards.info(key).frames for key in keys])
    stride = 1
    while (-(-counts // stride)).sum() * mean * 1.05 + len(keys) * WORD_BYTES > room:
        stride += 1
        if stride > counts.max():
            raise ReenactError("one frame of every clip is more than `max_parts` hold; allow more parts or lower `quality`")
    return stride


def _write(path: Path, part: _Part) -> int:
    words = np.array(part.words)
    arrays: dict[str, Any] = {
        "jpeg": np.frombuffer(b"".join(part.jpegs), np.uint8),
        "ends": np.array(part.ends, np.int64),
        "clip_of": np.array(part.clip_of, np.int32),
        **{name: np.stack([row[name] for row in part.rows]) for name in part.rows[0]},
        **{name: words[:, i] for i, name in enumerate(("clip", "identity", "split", "motion", "tier"))},
    }
    with disk(path), Unfinished(path) as unfinished:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        unfinished.write_bytes(buffer.getbuffer())
    return path.stat().st_size
