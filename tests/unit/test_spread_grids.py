"""Constant grids become two lines in a graph's file, and the same numbers where it is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reenact.methods.export import spread_grids
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
