"""How every network here is compiled by OpenVINO."""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any


def load_openvino() -> ModuleType:
    """OpenVINO, imported without telemetry: by itself each import writes an identifier into the user's home and sends an
    event to Google Analytics, unasked (its `tools/ovc/__init__.py`). Without the package `openvino_telemetry`, which a None
    here stands for, it takes a stand-in of its own that does nothing.

    Its converter of other formats is a quarter of the import's time, and is imported when it is first asked to convert."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: "not to be found"
    if "openvino" not in sys.modules:
        sys.modules.setdefault(CONVERTER, None)  # type: ignore[arg-type]
    import openvino

    if sys.modules.get(CONVERTER, openvino) is None:
        sys.modules.pop(CONVERTER, None)
        openvino.convert_model = _convert_model
    return openvino


CONVERTER = "openvino.tools.ovc"


def _convert_model(*given: Any, **options: Any) -> Any:
    """As the function that it stands for."""
    return importlib.import_module(CONVERTER).convert_model(*given, **options)


@lru_cache(maxsize=1)
def core() -> Any:
    """OpenVINO's, one for all networks: it knows the devices, and loads what runs on them once."""
    return load_openvino().Core()


def cpu_options(threads: int = 0, precision: str = "f32", streams: int = 1) -> dict[str, str]:
    """Options for `compile_model(..., "CPU", options)`. threads: 0 leaves it to OpenVINO; streams: requests that run at
    once, among which the threads are shared."""
    # No pinning: two evaluation workers of one thread each were seen tied to core 0, at 53 % each (docs/log.md).
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    if streams > 1:
        options["NUM_STREAMS"] = str(streams)
    return options
