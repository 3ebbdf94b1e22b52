"""What a graph's file holds in a smaller form is the same where it is run: constant grids as two lines, a basis once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reenact.methods.export import share_turned, spread_grids
from reenact.runtime.graph import OpenVinoGraph


def graph_with(grid: np.ndarray) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Constant", [], ["grid"], value=numpy_helper.from_array(grid)),
        helper.make_node("Add", ["given", "grid"], ["frame"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(grid.shape)) for name in ("given", "frame")]
    return helper.make_model(helper.make_graph(nodes, "g", ports[:1], ports[1:]), opset_imports=[helper.make_opsetid("", 17)])


def test_a_grid_is_spread_and_stays_what_it_was(tmp_path: Path) -> None:
    y, x = np.meshgrid(np.linspace(-1, 1, 48, dtype=np.float32), np.linspace(-0.9, 0.9, 64, dtype=np.float32), indexing="ij")
    grid = np.stack([x, y], 2)
    model = graph_with(grid)
    before = model.ByteSize()
    spread_grids(model)
    onnx.checker.check_model(model)
    assert model.ByteSize() < before / 10
    onnx.save(model, tmp_path / "g.onnx")
    found = OpenVinoGraph(tmp_path / "g.onnx", "f32", 1).run({"given": np.zeros_like(grid)})["frame"]
    np.testing.assert_array_equal(found, grid)


def test_other_constants_stay() -> None:
    model = graph_with(np.random.default_rng(0).random((16, 16, 2), np.float32))
    before = model.SerializeToString()
    spread_grids(model)
    assert model.SerializeToString() == before


def test_a_basis_there_and_back_is_held_once_and_computes_the_same(tmp_path: Path) -> None:
    """Bit for bit: OpenVINO by itself takes one constant that is used both ways for the same in both (runtime/packed.py)."""
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(96, 96)))[0].astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["given", "turned"], ["there"]),
        helper.make_node("MatMul", ["there", "basis"], ["frame"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 96]) for name in ("given", "there", "frame")]
    held = [numpy_helper.from_array(np.ascontiguousarray(one), name) for name, one in (("basis", basis), ("turned", basis.T))]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    given = random.normal(size=(1, 96)).astype(np.float32)
    found, size = [], []
    for name in ("twice.onnx", "once.onnx"):
        onnx.checker.check_model(model)
        onnx.save(model, tmp_path / name)
        size.append((tmp_path / name).stat().st_size)
        ran = OpenVinoGraph(tmp_path / name, "f32", 1).run({"given": given})
        found.append({key: value.copy() for key, value in ran.items()})
        share_turned(model)
    assert size[1] < 0.6 * size[0]
    for key, value in found[0].items():
        np.testing.assert_array_equal(found[1][key], value)
    np.testing.assert_allclose(found[1]["frame"], given, atol=1e-5)
