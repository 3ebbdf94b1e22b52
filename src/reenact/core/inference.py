"""How every network here is compiled by OpenVINO."""

from __future__ import annotations

import os
import shutil
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from reenact.core.download import cache_dir


def load_openvino() -> ModuleType:
    """OpenVINO, imported without telemetry: by itself each import writes an identifier into the user's home and sends an
    event to Google Analytics, unasked (its `tools/ovc/__init__.py`). Without the package `openvino_telemetry`, which a None
    here stands for, it takes a stand-in of its own that does nothing."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: "not to be found"
    import openvino

    return openvino


def cpu_options(threads: int = 0, precision: str = "f32", streams: int = 1, kept: bool = False) -> dict[str, str]:
    """Options for `compile_model(..., "CPU", options)`. threads: 0 leaves it to OpenVINO; streams: requests that run at
    once, among which the threads are shared; kept: whether the compiled graph is kept for the next start (`compiled_folder`)."""
    # No pinning: two evaluation workers of one thread each were seen tied to core 0, at 53 % each (docs/log.md).
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    if streams > 1:
        options["NUM_STREAMS"] = str(streams)
    if kept and (folder := compiled_folder()) is not None:
        options["CACHE_DIR"] = str(folder)
    return options


@lru_cache(maxsize=1)
def compiled_folder() -> Path | None:
    """Where OpenVINO keeps compiled graphs of ours between runs (half of a start's time): compiled/VERSION in the cache folder,
    what other versions left there being removed; about 40 MB a method. None where REENACT_KEEP_COMPILED is 0, and where the
    folder cannot be made, is another user's or open to others. OpenVINO checks what it finds, and compiles anew what is damaged.
    """
    if os.environ.get("REENACT_KEEP_COMPILED") == "0":
        return None
    folder = cache_dir() / "compiled" / metadata.version("openvino")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
        if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o022):
            return None
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return folder if os.access(folder, os.W_OK) else None
    except OSError:
        return None
