"""A weights folder small enough to write in a test, with the contract of a real one (runtime/onnx_method.py).

source passes the picture on; motion gives constants, save that the expression is the picture's mean colour; render
returns the source picture plus the change of that mean. So driving == reference gives the source back, and the same
frame driven twice the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 256
IMAGE = [1, 3, SIZE, SIZE]
FIELDS = {"head_pose": 3, "scale": 1, "translation": 2, "expression": 3}


def write_fake_method(folder: Path) -> Path:
    """The folder, filled."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"method": "fake", "size": SIZE, "expression_size": FIELDS["expression"]}
    (folder / "config.json").write_text(json.dumps(config))
    _save(folder / "source.onnx", _source())
    _save(folder / "motion.onnx", _motion())
    _save(folder / "render.onnx", _render())
    return folder


def _source() -> onnx.GraphProto:
    node = helper.make_node("Identity", ["image"], ["features"])
    return helper.make_graph([node], "source", [_value("image", IMAGE)], [_value("features", IMAGE)])


def _motion() -> onnx.GraphProto:
    constants = {"head_pose": [0.1, -0.2, 0.05], "scale": [1.1], "translation": [0.02, -0.03]}
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array([value], np.float32), f"{name}_value"))
        for name, value in constants.items()
    ]
    nodes.append(helper.make_node("ReduceMean", ["image"], ["expression"], axes=[2, 3], keepdims=0))
    outputs = [_value(name, [1, length]) for name, length in FIELDS.items()]
    return helper.make_graph(nodes, "motion", [_value("image", IMAGE)], outputs)


def _render() -> onnx.GraphProto:
    shape = numpy_helper.from_array(np.array([1, 3, 1, 1], np.int64), "column")
    nodes = [
        helper.make_node("Sub", ["driving_expression", "source_expression"], ["change"]),
        helper.make_node("Reshape", ["change", "column"], ["colour"]),
        helper.make_node("Add", ["features", "colour"], ["frame"]),
    ]
    inputs = [_value("features", IMAGE)]
    inputs += [_value(f"{who}_{name}", [1, n]) for who in ("source", "driving") for name, n in FIELDS.items()]
    return helper.make_graph(nodes, "render", inputs, [_value("frame", IMAGE)], [shape])


def _value(name: str, shape: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _save(path: Path, graph: onnx.GraphProto) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
