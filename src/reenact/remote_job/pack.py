"""Packs a recipe for a short time on a machine that has PyTorch and NumPy and no network: remote_job/lease.py trains from it.

Data (JPEG), loss networks, the weights to start from and this package's code, in parts small enough to be carried one by one.
Every file is cut into pieces and every piece says where it belongs, so that parts may arrive in any order.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reenact.core.assets import fetch
from reenact.core.errors import ReenactError
from reenact.data.jpeg import encode
from reenact.data.pool import Pool
from reenact.losses import identity
from reenact.methods.matting import PLAIN, behind
from reenact.train.run import examples
from reenact.train.start import read_start
from reenact.train.tensors import write_tensors

PART_BYTES = 60 * 2**20
"""what a part may weigh: under the 64 MiB that one call to a lent machine carries"""
PIECE_BYTES = 8 * 2**20
NETWORKS = ("lpips_alexnet.ckpt", "lpips_vgg16.ckpt", "sface.onnx")
"""what objectives read (core/assets.py)"""
CARRIED = ("jaxtyping", "wadler_lindig")
"""pure Python packages that our code imports and that a bare machine may lack"""
UNIT = 64
"""landmarks are stored as whole numbers of 1/64 px"""


class Parts:
    """Writes files into part_00.zip, part_01.zip, ... of at most `limit` bytes each; `close` writes the list of all."""

    def __init__(self, folder: Path, limit: int = PART_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("part_*.zip"):
            old.unlink()
        self.folder, self.limit = folder, limit
        self.piece = min(PIECE_BYTES, limit // 2)
        self.count, self.free = 0, 0
        self.zip: zipfile.ZipFile | None = None
        self.files: dict[str, dict[str, object]] = {}

    def add(self, name: str, data: bytes) -> None:
        """One file of the machine's folder."""
        self.files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for offset in range(0, max(1, len(data)), self.piece):
            self._put(f"{name}@{offset}", data[offset : offset + self.piece])

    def close(self) -> int:
        """Gives the number of parts."""
        self._put("manifest.json@0", json.dumps(self.files).encode())
        if self.zip:
            self.zip.close()
        return self.count

    def _put(self, name: str, data: bytes) -> None:
        needed = len(data) + 2 * len(name.encode()) + 256
        if needed > self.free:
            if self.zip:
                self.zip.close()
            self.zip = zipfile.ZipFile(self.folder / f"part_{self.count:02d}.zip", "w", zipfile.ZIP_STORED)
            self.count, self.free = self.count + 1, self.limit - 1024
        assert self.zip is not None
        self.zip.writestr(name, data)
        self.free -= needed


def pack(
    recipe: str,
    data: Path,
    out: Path,
    images: int | None = None,
    start: Sequence[str] = (),
    networks: Sequence[str] = NETWORKS,
    limit: int = PART_BYTES,
) -> int:
    """Writes the parts and lease.py into `out`; gives their number. Raises ReenactError where something is missing."""
    pool = Pool.load(data)
    tensors: dict[str, Tensor] = {}
    for path in start:
        tensors |= read_start(Path(path), examples(pool))
    parts = Parts(out, limit)
    for name, content in _code():
        parts.add(f"code/{name}", content)
    for name in networks:
        parts.add(f"networks/{name}", fetch(name).read_bytes())
    if "sface.onnx" in networks:
        held = io.BytesIO()
        np.savez(held, **identity.plain(fetch("sface.onnx").read_bytes()))
        parts.add(f"networks/{identity.PLAIN}", held.getvalue())
    held_tensors = {f"networks/{PLAIN}": behind().state_dict()} | ({"start/weights_00.safetensors": tensors} if tensors else {})
    for name, values in held_tensors.items():
        whole = out / "tensors.part"
        write_tensors(whole, values, {})
        parts.add(name, whole.read_bytes())
        os.remove(whole)
    side = pool.frames[0].shape[1]
    about = {"recipe": recipe, "images": images, "start": bool(tensors), "frames": len(pool.split), "unit": UNIT, "side": side}
    parts.add("lease.json", json.dumps(about).encode())
    for name, content in _data(pool):
        parts.add(f"pool/{name}", content)
    shutil.copy(Path(__file__).with_name("lease.py"), out / "lease.py")
    return parts.close()


def _code() -> Iterator[tuple[str, bytes]]:
    """Python files of this package, whose first file is left empty (it would load what only animating needs), its files of
    faces, and the Python files of packages that it imports everywhere."""
    root = Path(__file__).parents[1]
    for path in sorted([*root.rglob("*.py"), *root.glob("faces/*.task"), *root.glob("faces/*.npz")]):
        name = path.relative_to(root.parent)
        yield name.as_posix(), b"" if path == root / "__init__.py" else path.read_bytes()
    for package in CARRIED:
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise ReenactError(f"{package} is not installed here, and the lent machine will want it: pip install {package}")
        folder = Path(found.submodule_search_locations[0])
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(folder.parent).as_posix(), path.read_bytes()


def _data(pool: Pool) -> Iterator[tuple[str, bytes]]:
    """jpeg_<n>.bin, pictures end to end, each file about one piece; labels.npz, with the length of each picture."""
    lengths, held, number = [], io.BytesIO(), 0
    for row in range(len(pool.split)):
        start = held.tell()
        held.write(encode(pool.read(np.array([row]))[0]))
        lengths.append(held.tell() - start)
        if held.tell() > PIECE_BYTES - 2**18:
            yield f"jpeg_{number:04d}.bin", held.getvalue()
            held, number = io.BytesIO(), number + 1
    yield f"jpeg_{number:04d}.bin", held.getvalue()
    labels = io.BytesIO()
    landmarks = np.round(pool.landmarks * UNIT).clip(-32768, 32767).astype(np.int16)
    names = {"split": pool.split, "ident": pool.identity, "clip": pool.clip, **_more(pool)}
    np.savez_compressed(labels, lengths=np.array(lengths), lm=landmarks, bs=pool.blendshapes, **names)
    yield "labels.npz", labels.getvalue()


def _more(pool: Pool) -> dict[str, np.ndarray]:
    """What only a pool made from shards knows: rendered motions, times, exact labels; under the names Pool.load reads."""
    stored = {"blendshapes": "exact_blendshapes", "head_pose": "exact_pose", "gaze": "gaze"}
    exact = {stored[name]: values for name, values in getattr(pool, "exact", {}).items()}
    known = {name: getattr(pool, name, None) for name in ("motion", "time")}
    return exact | {name: values for name, values in known.items() if values is not None}


def halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating numbers as fp16, what else there is as it was."""
    return {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}


def write_weights(folder: Path, tensors: dict[str, Tensor], limit: int = 15 * 2**20) -> list[Path]:
    """weights_00.safetensors, ...: fp16, each at most `limit` bytes; train.start.read_start reads the folder."""
    groups: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, value in halved(tensors).items():
        needed = value.numel() * value.element_size() + 256
        if needed > room and groups[-1]:
            groups.append({})
            room = limit
        groups[-1][name] = value
        room -= needed
    paths = [folder / f"weights_{number:02d}.safetensors" for number in range(len(groups))]
    for path, group in zip(paths, groups, strict=True):
        write_tensors(path, {name: torch.clone(value) for name, value in group.items()}, {"format": "pt"})
    return paths
