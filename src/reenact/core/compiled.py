"""Networks compiled by OpenVINO, kept between runs.

OpenVINO's own cache reads the network, changes it and hashes it before it looks whether it has it. Here the key is known before
anything is read (hashes of files, and how they are compiled), so a kept network is opened at once: a third of the CPU time. Its
weights are pages of the kept file; once the processor's own arrangement of them is made they are let go, and come back from the
file if ever they are wanted.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.download import cache_dir
from reenact.core.errors import ReenactError
from reenact.core.files import replaced
from reenact.core.inference import core, load_openvino

LAYOUT = "1"
"""of the kept files: SHA-256 of what follows, zeros up to START, then what OpenVINO exports"""
START = 4096
"""ours: a page, so that weights lie in memory as OpenVINO aligned them, and need no copy"""
DIGEST = 32
Options = Mapping[str, str]


class Compiled:
    """A compiled network. Its requests and what they give back must not outlive it: weights may be pages of a mapped file."""

    def __init__(self, model: Any, pages: mmap.mmap | None = None) -> None:
        """model: openvino.CompiledModel; pages: the file that its weights lie in."""
        self.model = model
        self._pages = pages
        if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            pages.madvise(mmap.MADV_DONTNEED)

    def request(self) -> Any:
        """An openvino.InferRequest."""
        return self.model.create_infer_request()


def compiled(make: Callable[[], Any], options: Options, key: Sequence[str] | None = None) -> Compiled:
    """The network that `make` reads (openvino.Model), compiled for the CPU with `options` (core/inference.py).

    key: what says which network it is, as hashes of files; then it is kept, and `make` is not called where it was kept before.
    """
    folder = None if key is None else compiled_folder()
    if key is None or folder is None:
        return Compiled(core().compile_model(make(), "CPU", dict(options)))
    path = folder / f"{_name(key, options)}.blob"
    if (found := _kept(path, options)) is not None:
        return found
    model = core().compile_model(make(), "CPU", dict(options))
    with suppress(OSError, ReenactError):
        _keep(path, model.export_model().getvalue())
    return Compiled(model)


def _name(key: Sequence[str], options: Options) -> str:
    """Threads and streams are left out: they are chosen when a network is opened."""
    own = [core().get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    said = [LAYOUT, str(own), options.get("INFERENCE_PRECISION_HINT", ""), *key]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def _kept(path: Path, options: Options) -> Compiled | None:
    """None where there is none, or it is damaged: then it is removed."""
    try:
        with path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):
        return None
    with memoryview(pages) as view:
        whole = hashlib.sha256(view[START:]).digest() == pages[:DIGEST]
    if whole:
        data = np.frombuffer(pages, np.uint8, offset=START)
        with suppress(RuntimeError):
            return Compiled(core().import_model(load_openvino().Tensor(data, shared_memory=True), "CPU", dict(options)), pages)
        del data
    pages.close()
    path.unlink(missing_ok=True)
    return None


def _keep(path: Path, exported: bytes) -> None:
    with replaced(path) as part, part.open("wb") as file:
        file.write(hashlib.sha256(exported).digest().ljust(START, b"\0"))
        file.write(exported)


def _version() -> str:
    """OpenVINO's release, without the build's number."""
    return str(load_openvino().__version__).split("-")[0]


@lru_cache(maxsize=1)
def compiled_folder() -> Path | None:
    """Where compiled networks of ours are kept between runs: compiled/VERSION in the cache folder, what other versions left there
    being removed; about 40 MB a method. None where REENACT_KEEP_COMPILED is 0, and where the folder is not known, cannot be
    made, is another user's or open to others. What is damaged there is noticed, and compiled anew.
    """
    if os.environ.get("REENACT_KEEP_COMPILED") == "0":
        return None
    try:
        folder = cache_dir() / "compiled" / f"{_version()}-{LAYOUT}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
        if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o022):
            return None
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return folder if os.access(folder, os.W_OK) else None
    except (OSError, ReenactError):
        return None
