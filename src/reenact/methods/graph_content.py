"""What an exported graph computes, whatever its tensors and nodes are called: are two of them the same?"""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx import AttributeProto, TensorProto, numpy_helper


def content(path: Path) -> dict[str, str]:
    """SHA-256 of how each output comes from inputs and weights (operations, attributes, order of arguments), of each input's
    type, and of the operator set."""
    model = onnx.load(path)
    inputs = {one.name: _digest(one.name, one.type.SerializeToString(deterministic=True)) for one in model.graph.input}
    known = inputs | {one.name: _tensor(one) for one in model.graph.initializer} | {"": ""}
    for node in model.graph.node:
        attributes = sorted(_attribute(one) for one in node.attribute)
        done = _digest(node.domain, node.op_type, [known[name] for name in node.input], attributes)
        known |= {name: _digest(done, place) for place, name in enumerate(node.output) if name}
    operators = sorted((one.domain, one.version) for one in model.opset_import)
    return {**inputs, **{one.name: known[one.name] for one in model.graph.output}, "": _digest(operators)}


def weights(path: Path) -> list[bytes]:
    """What a graph's weights are, whatever they are called."""
    return sorted(tensor.raw_data for tensor in onnx.load(path).graph.initializer)


def _attribute(given: AttributeProto) -> tuple[str, str]:
    """Its name and digest; tensors within attributes have names, too."""
    if given.type == AttributeProto.TENSOR:
        return given.name, _tensor(given.t)
    return given.name, _digest(given.SerializeToString(deterministic=True))


def _tensor(tensor: TensorProto) -> str:
    return _digest(tensor.data_type, list(tensor.dims), numpy_helper.to_array(tensor).tobytes())


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
