"""How every network here is compiled by OpenVINO."""

from __future__ import annotations


def cpu_options(threads: int = 0, precision: str = "f32") -> dict[str, str]:
    """Options for `compile_model(..., "CPU", options)`: one request at a time. threads: 0 leaves it to OpenVINO."""
    # No pinning: two evaluation workers of one thread each were seen tied to core 0, at 53 % each (docs/log.md).
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    return options
