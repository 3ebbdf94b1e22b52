"""Weights folders that are damaged, foreign or hostile are not run, and say so in one line."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from clips import face
from fake_method import IMAGE, write_fake_method
from reenact.core.errors import ReenactError
from reenact.runtime import graph
from reenact.runtime.onnx_method import OnnxMethod, weights_folder
from reenact.runtime.onnx_text import check_onnx
from reenact.runtime.trust import HASHES, check_hashes, write_hashes


def runs(folder: Path) -> None:
    method = OnnxMethod(folder, "cpu")
    portrait = method.encode_crop(face())
    method.render(portrait, method.encode_motion(face()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_fake_method(tmp_path / "fake")


def refused(folder: Path, words: str = ".") -> None:
    with pytest.raises(ReenactError, match=words) as caught:
        runs(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"method": 3, "size": 256}', '{"method": "x", "size": 1e9}', '{"method": "x"}', "[" * 9999,
     '{"method": "x", "size": 256, "render": [["a.onnx"]]}', '{"method": "x", "size": 256, "render": 5}', "\udcff",
     '{"method": "x", "size": 256, "source": "../../etc/passwd"}', '{"method": "x", "size": true}'],
)  # fmt: skip
def test_bad_configs_are_one_line(text: str, folder: Path) -> None:
    (folder / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    refused(folder)


def test_hashes_hold_graphs_to_what_was_exported(folder: Path) -> None:
    write_hashes(folder)
    assert set(json.loads((folder / HASHES).read_text())) == {"motion.onnx", "render.onnx", "source.onnx"}
    runs(folder)
    data = bytearray((folder / "motion.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "motion.onnx").write_bytes(data)
    refused(folder, "not the file that was exported")


def test_what_ships_is_what_was_exported() -> None:
    for path in weights_folder().glob(f"*/{HASHES}"):
        graphs = sorted(path.parent.glob("*.onnx"))
        assert set(json.loads(path.read_text())) == {graph.name for graph in graphs}
        check_hashes(graphs)


def graph_of(nodes: list, constants: list, output: list) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, IMAGE)
    out = helper.make_tensor_value_info("features", TensorProto.FLOAT, output)
    graph = helper.make_graph(nodes, "g", [image], [out], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def a_loop() -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["x", "x"], ["y"])],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("y", TensorProto.FLOAT, IMAGE)],
    )  # fmt: skip
    times = numpy_helper.from_array(np.array(2**62, np.int64), "times")
    true = numpy_helper.from_array(np.array(True), "true")
    return graph_of([helper.make_node("Loop", ["times", "true", "image"], ["features"], body=body)], [times, true], IMAGE)


def too_large() -> bytes:
    times = numpy_helper.from_array(np.array([1, 1, 300, 300], np.int64), "times")
    return graph_of([helper.make_node("Tile", ["image", "times"], ["features"])], [times], [1, 3, 76800, 76800])


def elsewhere() -> bytes:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../../../../etc/passwd"
    return graph_of([helper.make_node("ReduceMean", ["w"], ["m"]), helper.make_node("Add", ["image", "m"], ["features"])],
                    [tensor], IMAGE)  # fmt: skip


@pytest.mark.parametrize("make", [a_loop, too_large, elsewhere, lambda: b"", lambda: b"\0" * 5000, lambda: b"text"])
def test_graphs_that_are_more_than_arithmetic_are_not_run(make, folder: Path) -> None:
    (folder / "source.onnx").write_bytes(make())
    refused(folder, "source.onnx")


def test_graphs_of_other_weights_are_one_line(folder: Path) -> None:
    shutil.copy(folder / "source.onnx", folder / "motion.onnx")
    refused(folder)
    write_fake_method(folder)
    shutil.copy(folder / "motion.onnx", folder / "render.onnx")
    refused(folder)


def test_names_that_are_no_text_never_reach_the_runtime(folder: Path) -> None:
    """OpenVINO 2025.4 crashes on them."""
    data = (folder / "source.onnx").read_bytes()
    (folder / "source.onnx").write_bytes(data.replace(b"Identity", b"IdentEty").replace(b"features", b"featur\x93s"))
    refused(folder, "source.onnx")


def test_mutated_graphs_run_or_are_one_line(folder: Path) -> None:
    rnd = random.Random(0)
    whole = {path.name: path.read_bytes() for path in folder.glob("*.onnx")}
    for _ in range(30):
        name = rnd.choice(sorted(whole))
        data = bytearray(whole[name])
        for _ in range(rnd.choice([1, 3])):
            data[rnd.randrange(len(data))] = rnd.randrange(256)
        (folder / name).write_bytes(data)
        try:
            runs(folder)
        except ReenactError as error:
            assert "\n" not in str(error)
        (folder / name).write_bytes(whole[name])


def test_what_ships_passes_the_first_look() -> None:
    graphs = list(weights_folder().glob("*/*.onnx"))
    assert graphs
    for path in graphs:
        check_onnx(path.read_bytes())


def test_onnx_runtime_gets_no_graph_that_was_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Session:
        def __init__(self, path: str, options: object, providers: list[str]) -> None:
            opened.append(path)

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

        def get_inputs(self) -> list[object]:
            return []

        get_outputs = get_inputs

    value = SimpleNamespace(ortvalue_from_numpy=None)
    runtime = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session, OrtValue=value)
    monkeypatch.setattr(graph, "_onnxruntime_with_cuda", lambda: runtime)
    graph.OrtGraph(folder / "motion.onnx")
    data = (folder / "source.onnx").read_bytes()
    (folder / "source.onnx").write_bytes(data.replace(b"features", b"featur\x93s"))
    with pytest.raises(ReenactError, match="source.onnx: not run"):
        graph.OrtGraph(folder / "source.onnx")
    assert opened == [str(folder / "motion.onnx")]
