"""The shard format: what every data set becomes, and how a shard is written.

A data set is a folder of shards. A shard is two files: `<name>.tar` and its index `<name>.json`; it exists when the index does,
for the index is renamed into place last. The tar is a WebDataset: one clip is one sample,

    <key>.json          who, what, when (ClipInfo)
    <key>.npz           truth for every frame (see Clip.truth)
    <key>.000000.jpg    frames, in order
    ...

and the index holds, for every clip, ClipInfo and the byte ranges of truth and frames. So a clip, or a frame, is one `pread`
away, the `webdataset` library, DALI and plain `tar x` read the same files, and tars can be joined without touching a frame.

Why so (measured, docs/data.md). WebDataset's library streams but cannot seek, and its writer leaves torn shards behind; LMDB
and HDF5 do not stream; Parquet reads whole row groups. Tar plus index does all of it, in a page of code on the standard library.
Frames are JPEG at quality 92, 4:2:0: 14 kB and 43 dB at 256x256, decoded in 0.4 ms (Pillow) or 0.2 ms (simplejpeg). WebP saves
13 to 40 per cent of the bytes at the same fidelity but takes three times as long to decode; a video codec takes ten times less
room but no seeking.
"""

from __future__ import annotations

import errno
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from reenact.core.errors import ReenactError
from reenact.core.files import Unfinished
from reenact.core.types import Image
from reenact.data.jpeg import decode

FORMAT = "reenact-shards-1"
BLOCK = tarfile.BLOCKSIZE
END = b"\0" * (2 * BLOCK)
"""what closes a tar"""
LANDMARK_UNITS = 16384
"""landmarks are stored as int16 in 1/16384 of the picture's side: 1/64 px at 256x256, as far as two sides outside"""


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a whole clip."""

    key: str
    """unique in the data set; letters, digits, - _ / only"""
    identity: str
    """same string, same person"""
    split: str
    """train, val; ptrain, pval: single photos; strain, sval: rendered"""
    frames: int
    seconds: float
    """from the first kept frame to the last, plus one frame"""
    size: int
    """side of the pictures, px"""
    file: str
    """path of the source file below the source folder"""
    tier: str = "unknown"
    """licence tier: A, B, C (../shared/data/README.md), rendered, or unknown"""
    source: str = ""
    motion: str = ""
    """rendered clips with the same string show the same motion at the same times"""
    figures: Mapping[str, float] = field(default_factory=dict)
    """sharpness, face_px, native_px, yaw_range, ... (data/figures.py)"""


@dataclass(frozen=True)
class Clip:
    """One clip: JPEGs and their truth."""

    info: ClipInfo
    encoded: list[bytes]
    truth: Mapping[str, np.ndarray]
    """N rows each. Always: time f8 (seconds in the source file), landmarks f4 [N,478,3] (px of the picture, z towards the
    camera), blendshapes f4 [N,52], head_pose f4 [N,3] (yaw, pitch, roll, rad), all by the landmarker. Rendered clips
    also: exact_blendshapes [N,52], exact_pose [N,3], gaze [N,2] (yaw, pitch, rad), points [N,P,2] px, point_ids [P]."""

    def image(self, number: int, size: int = 0) -> Image:
        """Frame `number`, decoded. size: 0, or a smaller side in px; half the side leaves the decoder so, which is faster."""
        return decode(self.encoded[number], size)

    def images(self, size: int = 0) -> UInt8[np.ndarray, "n size size 3"]:
        """All frames, decoded."""
        return np.stack([decode(data, size) for data in self.encoded])


def pack_truth(truth: Mapping[str, np.ndarray], size: int) -> bytes:
    """The arrays of Clip.truth as .npz: landmarks in fixed point, coefficients in half precision."""
    arrays = dict(truth)
    fixed = np.round(np.asarray(arrays["landmarks"], np.float64) * (LANDMARK_UNITS / size))
    arrays["landmarks"] = fixed.clip(-32768, 32767).astype(np.int16)
    for name in ("blendshapes", "exact_blendshapes", "points"):
        if name in arrays:
            arrays[name] = arrays[name].astype(np.float16)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def unpack_truth(data: bytes, size: int) -> dict[str, np.ndarray]:
    """The inverse of `pack_truth`, in float32."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        truth = {name: arrays[name] for name in arrays.files}
    truth["landmarks"] = truth["landmarks"].astype(np.float32) * np.float32(size / LANDMARK_UNITS)
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in truth.items()}


class ShardWriter:
    """A context manager that writes one shard: complete when it is left without an exception, or not there at all."""

    def __init__(self, path: Path) -> None:
        """path: of the .tar. Its folder must exist."""
        self.path = path
        self._clips: list[dict[str, Any]] = []
        with disk(path):
            self._unfinished = Unfinished(path, sync=True)
            self._file = open(self._unfinished.part, "wb")  # noqa: SIM115  (closed in __exit__)
        self.bytes = 0
        self.notes: dict[str, Any] = {}
        """anything else that the index is to hold, JSON"""

    def __enter__(self) -> ShardWriter:
        return self

    def add(self, clip: Clip) -> None:
        """Append one clip."""
        with disk(self.path):
            start = self.bytes
            self._member(f"{clip.info.key}.json", json.dumps(asdict(clip.info)).encode())
            truth = self._member(f"{clip.info.key}.npz", pack_truth(clip.truth, clip.info.size))
            frames = [self._member(f"{clip.info.key}.{i:06d}.jpg", data) for i, data in enumerate(clip.encoded)]
        self._clips.append({**asdict(clip.info), "at": [start, self.bytes - start], "truth_at": truth, "frames_at": frames})

    def join(self, shard: Path) -> None:
        """Append every clip of another shard, byte for byte."""
        index = read_index(shard)
        with disk(self.path), open(shard, "rb") as other:
            shift = self.bytes
            left = index["bytes"]
            while left:
                data = other.read(min(left, 1 << 22))
                self._file.write(data)
                left -= len(data)
            self.bytes += index["bytes"]
        self._clips += [_moved(clip, shift) for clip in index["clips"]]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                with disk(self.path):
                    self._finish()
        finally:
            self._file.close()
            self._unfinished.discard()

    def _finish(self) -> None:
        self._file.write(END)
        self._file.close()
        self._unfinished.finish()
        index = {"format": FORMAT, "bytes": self.bytes, **self.notes, "clips": self._clips}
        write_json(self.path.with_suffix(".json"), index)

    def _member(self, name: str, data: bytes) -> list[int]:
        header = tarfile.TarInfo(name)
        header.size = len(data)
        head = header.tobuf(tarfile.USTAR_FORMAT)
        padding = b"\0" * (-len(data) % BLOCK)
        self._file.write(head + data + padding)
        at = [self.bytes + len(head), len(data)]
        self.bytes += len(head) + len(data) + len(padding)
        return at


def read_index(shard: Path) -> dict[str, Any]:
    """The index beside a .tar. Raises ReenactError when it is damaged or does not fit the tar."""
    path = shard.with_suffix(".json")
    remedy = f"delete {shard.name} and {path.name} and run `reenact data prepare` again"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        form, size, actual = index.get("format"), index["bytes"] + len(END), shard.stat().st_size
    except (OSError, ValueError, KeyError, AttributeError):
        raise ReenactError(f"{path}: cannot be read as a shard's index; {remedy}") from None
    if form != FORMAT:
        raise ReenactError(f"{path}: is of format {form}, not {FORMAT}: prepare the data again with this version")
    if size != actual:
        raise ReenactError(f"{shard}: has {actual} bytes, not {size}; {remedy}")
    return index


def shards_in(folder: Path) -> list[Path]:
    """The .tar of every complete shard, in order."""
    return [path.with_suffix(".tar") for path in sorted(folder.glob("*.json")) if path.with_suffix(".tar").exists()]


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Whole or not at all."""
    write_whole(path, (json.dumps(value, indent=indent) + "\n").encode())


def write_whole(path: Path, data: bytes) -> None:
    """The file with all of it, or as it was before."""
    with Unfinished(path) as part:
        part.write_bytes(data)


class disk:  # noqa: N801  (reads as a statement: with disk(path): ...)
    """A context manager under which a full disk, or one that may not be written, becomes one clear line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"{self.path.parent}: the disk is full; free some space and run the same command again (what is finished is kept)"
            ) from None
        raise DiskFull(f"{self.path}: cannot be written ({error.strerror or error}); choose another output folder") from None


class DiskFull(ReenactError):
    """The output cannot take any more; every further job would fail alike."""


def _moved(clip: dict[str, Any], shift: int) -> dict[str, Any]:
    at = {name: [clip[name][0] + shift, clip[name][1]] for name in ("at", "truth_at")}
    return {**clip, **at, "frames_at": [[start + shift, length] for start, length in clip["frames_at"]]}


def write_shard(path: Path, clips: Iterable[Clip], notes: Mapping[str, Any] | None = None) -> Path:
    """One shard of these clips; the path of its .tar."""
    with ShardWriter(path) as writer:
        writer.notes |= notes or {}
        for clip in clips:
            writer.add(clip)
    return path


def safe_key(name: str) -> str:
    """A key out of a file's path: what WebDataset takes for a sample's name, at most 80 long, still unique."""
    import hashlib
    import re

    stem = name.rsplit(".", 1)[0] if "." in name.rsplit("/", 1)[-1] else name
    key = re.sub(r"[^A-Za-z0-9_/-]", "_", stem).strip("/")
    if key != stem or len(key) > 80:
        key = f"{key[:70]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return key


def infos(index: Mapping[str, Any]) -> Iterator[tuple[ClipInfo, dict[str, Any]]]:
    """Every clip of an index, with its byte ranges."""
    names = ClipInfo.__dataclass_fields__
    for clip in index["clips"]:
        yield ClipInfo(**{name: clip[name] for name in names if name in clip}), clip
