"""Convolutions in 8-bit integers: 1.7 times fp32 on a CPU with AVX2 alone, more where it has VNNI or AMX.

A graph's file stays as it was exported. int8.json beside it says between which numbers each convolution's input lies on real
faces (calibrate/int8.py measures that); weights say it themselves. OpenVINO computes in integers what stands between two
FakeQuantize nodes, so both get one when the graph is compiled: uniform affine quantisation, per tensor for inputs and per output
channel for weights (Jacob et al. 2018, sections 2 and 3). Everything else, heads and coordinates, stays in floating point.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.download import sha256
from reenact.core.errors import WeightsError
from reenact.core.shapes import Float32
from reenact.runtime.packed import held

FILE = "int8.json"
"""beside graphs: {"draw.onnx": {"sha256": its digest, "inputs": {convolution: [lowest, highest]}}}"""
BYTES_MAX = 1_000_000
INPUT_LEVELS = 256
WEIGHT_LEVELS = 255
WEIGHT_REACH = 2.0
"""ours: weights take half of their 8 bits. Without VNNI two products are summed in 16 bits first, which full ones overflow: PSNR
to fp32 37 dB then, 59 so (docs/log.md)"""
Ranges = Mapping[str, tuple[float, float]]
"""convolution -> the lowest and the highest number of its input"""


def pays() -> bool:
    """Whether this processor computes faster in int8 than in floating point."""
    return platform.machine().lower() in ("x86_64", "amd64")


def read_ranges(path: Path, digest: str) -> Ranges:
    """What int8.json beside a graph says of it; nothing where there is none, or it is of another graph of that name. digest: the
    graph's SHA-256 in hex.

    Raises WeightsError for a damaged one.
    """
    said = path.parent / FILE
    if not said.is_file():
        return {}
    try:
        if said.stat().st_size > BYTES_MAX:
            raise ValueError("too large")
        found = json.loads(said.read_text(encoding="utf-8")).get(path.name)
        if found is None or found["sha256"] != digest:
            return {}
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in found["inputs"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WeightsError(f"{said}: damaged: install reenact again") from None
    if not all(math.isfinite(low) and math.isfinite(high) and low < high for low, high in ranges.values()):
        raise WeightsError(f"{said}: a range is none: install reenact again")
    return ranges


def is_measured(path: Path) -> bool:
    """Whether int8.json beside a graph says something of it. Raises WeightsError as `read_ranges`."""
    return path.is_file() and bool(read_ranges(path, sha256(path)))


def convolutions(model: Any) -> Iterator[tuple[str, Any]]:
    """Every convolution of an OpenVINO model, by the name that it has in the ONNX file."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Convolution":
            yield node.get_friendly_name().removesuffix("/WithoutBiases"), node


def quantised(model: Any, ranges: Ranges) -> Any:
    """The OpenVINO model, changed in place: convolutions that `ranges` name compute in int8. Others stay."""
    for name, node in list(convolutions(model)):
        if name in ranges:
            low, high = ranges[name]
            given = _between(node.input_value(0), np.float32(min(low, 0.0)), np.float32(high), INPUT_LEVELS)
            reach = WEIGHT_REACH * np.abs(_weights(node)).max((1, 2, 3), keepdims=True).clip(1e-8)
            weights = _between(node.input_value(1), -reach, reach, WEIGHT_LEVELS)
            node.input(0).replace_source_output(given.output(0))
            node.input(1).replace_source_output(weights.output(0))
    model.validate_nodes_and_infer_types()
    return model


def _between(value: Any, low: np.ndarray | np.float32, high: np.ndarray | np.float32, levels: int) -> Any:
    from openvino import opset13 as ops

    ends = [ops.constant(np.asarray(end, np.float32)) for end in (low, high)]
    return ops.fake_quantize(value, *ends, *ends, levels)


def _weights(node: Any) -> Float32[np.ndarray, "outputs inputs height width"]:
    """A convolution's, which lie in the file as fp16 behind a Convert."""
    found = held(node.input_value(1))
    assert found is not None
    return found.astype(np.float32)
