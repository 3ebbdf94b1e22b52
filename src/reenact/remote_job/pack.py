"""Packs a recipe for a short time on a machine with PyTorch, NumPy, OpenCV and no network: remote_job/lease.py trains from it.

Films of the pool's frames, the frozen networks' plain numbers, the weights to start from and this package's code, in parts small
enough to be carried one by one.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.core.files import write_text
from reenact.data.pool import Pool
from reenact.data.splits import PHOTO, WARPED
from reenact.data.stills import with_warped
from reenact.remote_job import film, networks, rows
from reenact.remote_job.parts import PART_BYTES, Parts
from reenact.train.config import Stage
from reenact.train.run import read_fitting
from reenact.train.tensors import write_tensors

CODE = ("jaxtyping", "wadler_lindig")
"""pure Python packages that our code imports and that a bare machine may lack"""
CHECKED = ("val", "sval")
"""splits that validation uses whatever is trained on"""


def pack(
    recipe: str,
    stages: Sequence[Stage],
    data: Path,
    out: Path,
    images: int | None = None,
    start: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
    limit: int = PART_BYTES,
) -> list[Path]:
    """Writes the parts and lease.py into `out`; gives the parts. Raises ReenactError where something is missing, or a start fits
    nothing: the borrowed machine would say so when its time runs already. The folder is as it was then.

    stages: of the recipe; they say which frames, landmarks and networks go along.
    """
    pool = Pool.load(data)
    splits = {split for stage in stages for split in stage.splits} | set(CHECKED)
    if any(stage.stills for stage in stages):
        pool, splits = with_warped(pool), splits | {PHOTO, WARPED}
    taken = rows.chosen(pool, tuple(splits))
    begin: dict[str, Tensor] = {}
    for path in start:
        begin |= read_fitting(path, stages, pool)
    about = {"recipe": recipe, "images": images, "start": bool(begin), "frames": len(taken)}
    with Parts(out, limit) as parts:
        for name, content in _code():
            parts.add(f"code/{name}", content)
        for name, tensors in networks.carried(networks.needed(stages)).items():
            parts.add(f"networks/{name}.safetensors", written(tensors))
        if begin:
            parts.add("start/weights_00.safetensors", written(networks.compact(begin)))
        parts.add("lease.json", json.dumps(about).encode())
        lengths: list[int] = []
        for length, content in film.films(pool, taken):
            parts.add(f"pool/{film.name(len(lengths))}", content)
            lengths.append(length)
            tell(f"{sum(lengths):,} of {len(taken):,} frames")
        landmarks = any(stage.method is not None and stage.method(stage.model).landmarks for stage in stages)
        parts.add(f"pool/{rows.ROWS}", rows.pack_rows(pool, taken, lengths, landmarks))
        write_text(out / "lease.py", Path(__file__).with_name("lease.py").read_text(encoding="utf-8"))
    return [part.path for part in parts.parts]


def written(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as the bytes of a safetensors file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tensors.safetensors"
        write_tensors(path, tensors, {"format": "pt"})
        return path.read_bytes()


def _code() -> Iterator[tuple[str, bytes]]:
    """Python files of this package, whose first file is left empty (it would load what only animating needs), the canonical face,
    and the Python files of packages that it imports everywhere."""
    root = Path(__file__).parents[1]
    for path in sorted([*root.rglob("*.py"), *root.glob("faces/*.npz")]):
        name = path.relative_to(root.parent)
        yield name.as_posix(), b"" if path == root / "__init__.py" else path.read_bytes()
    for package in CODE:
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise ReenactError(f"{package} is not installed here, and the borrowed machine will want it: pip install {package}")
        folder = Path(found.submodule_search_locations[0])
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(folder.parent).as_posix(), path.read_bytes()
        # jaxtyping asks for its own version, which a package without its metadata does not have
        version = importlib.metadata.version(package)
        about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        yield f"{package}-{version}.dist-info/METADATA", about.encode()
