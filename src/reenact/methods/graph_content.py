"""What an exported graph computes, whatever its tensors and nodes are called: are two of them the same?"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)
ROUNDING = 1e-4
"""ours: by this share two weights may differ that are one: norms are folded in sums whose order is not given"""


def content(path: Path, rounded: bool = False) -> dict[str, str]:
    """SHA-256 of how each output comes from inputs and weights (operations, attributes, order of arguments), of each input's
    type, and of the operator set. rounded: of weights their shape alone."""
    model = onnx.load(path)
    known = {one.name: _digest(one.name, one.type.SerializeToString(deterministic=True)) for one in model.graph.input}
    inputs = dict(known)
    known |= {one.name: _tensor(one, rounded) for one in model.graph.initializer} | {"": ""}
    for node in model.graph.node:
        attributes = sorted(_attribute(one) for one in node.attribute)
        done = _digest(node.domain, node.op_type, [known[name] for name in node.input], attributes)
        known |= {name: _digest(done, place) for place, name in enumerate(node.output) if name}
    operators = sorted((one.domain, one.version) for one in model.opset_import)
    return {**inputs, **{one.name: known[one.name] for one in model.graph.output}, "": _digest(operators)}


def same(one: Path, other: Path) -> bool:
    """Do both compute the same, but for the last digits of some weights?"""
    if content(one) == content(other):
        return True
    if content(one, rounded=True) != content(other, rounded=True):
        return False
    pairs = zip(_floats(one), _floats(other), strict=True)
    return all(np.allclose(a, b, rtol=ROUNDING, atol=1e-6) for a, b in pairs)


def _floats(path: Path) -> list[np.ndarray]:
    """The weights in the order in which they are used."""
    model = onnx.load(path)
    held = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type in FLOATS}
    used = dict.fromkeys(name for node in model.graph.node for name in node.input if name in held)
    return [numpy_helper.to_array(held[name]).astype(np.float32) for name in used]


def weights(path: Path) -> list[bytes]:
    """What a graph's weights are, whatever they are called."""
    return sorted(tensor.raw_data for tensor in onnx.load(path).graph.initializer)


def _attribute(given: AttributeProto) -> tuple[str, str]:
    """Its name and digest; tensors within attributes have names, too."""
    if given.type == AttributeProto.TENSOR:
        return given.name, _tensor(given.t)
    return given.name, _digest(given.SerializeToString(deterministic=True))


def _tensor(tensor: TensorProto, rounded: bool = False) -> str:
    if rounded and tensor.data_type in FLOATS:
        return _digest(tensor.data_type, list(tensor.dims))
    return _digest(tensor.data_type, list(tensor.dims), numpy_helper.to_array(tensor).tobytes())


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
