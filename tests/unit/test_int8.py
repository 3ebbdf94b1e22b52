"""Convolutions in integers: what int8.json may say, and that the drawing stays what it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from reenact.core.download import sha256
from reenact.core.errors import ReenactError, WeightsError
from reenact.media.image import read_image
from reenact.motion.edit import edit
from reenact.runtime.engine import Engine
from reenact.runtime.graph import opener
from reenact.runtime.int8 import FILE, read_ranges
from reenact.runtime.onnx_method import load, weights_folder

SHARED = weights_folder() / "shared"
EXAMPLE = Path(__file__).parents[2] / "examples" / "portrait.jpg"


def test_the_shipped_graphs_draw_alike() -> None:
    """The example, turned and speaking: the two differ by less than a gray level where it can be seen at all."""
    methods = [load("mmfa", threads=1, precision=name) for name in ("fp32", "int8")]
    assert [method.precision for method in methods] == ["f32", "int8"]
    pictures = []
    for method in methods:
        portrait = method.encode_source(read_image(EXAMPLE))
        moved = edit(portrait.motion, yaw=0.3, pitch=-0.1)
        pictures.append(method.render(portrait, moved).astype(np.float64))
    error = np.square(pictures[0] - pictures[1]).mean()
    assert 0 < error < 4.1, "PSNR below 42 dB"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return Path(shutil.copy(SHARED / "dense.onnx", tmp_path / "dense.onnx"))


def say(graph: Path, inputs: object, of: str | None = None) -> None:
    said = {graph.name: {"sha256": of or sha256(graph), "inputs": inputs}}
    (graph.parent / FILE).write_text(json.dumps(said), encoding="utf-8")


def test_ranges_of_another_graph_count_for_nothing(graph: Path) -> None:
    assert read_ranges(graph, sha256(graph)) == {}
    say(graph, {"/up/up.0/Conv": [0, 9]}, of="0" * 64)
    assert read_ranges(graph, sha256(graph)) == {}
    say(graph, {"/up/up.0/Conv": [0, 9]})
    assert read_ranges(graph, sha256(graph)) == {"/up/up.0/Conv": (0.0, 9.0)}


@pytest.mark.parametrize(
    "inputs", [[1], {"a": [1]}, {"a": ["x", 2]}, {"a": [2, 1]}, {"a": [0, float("inf")]}, {"a": [float("nan"), 1]}]
)
def test_damaged_ranges_are_an_error(graph: Path, inputs: object) -> None:
    say(graph, inputs)
    with pytest.raises(WeightsError, match=FILE):
        read_ranges(graph, sha256(graph))


def test_precisions() -> None:
    assert opener("auto", 1, "int8")(SHARED / "dense.onnx", "fast").precision == "int8"
    assert opener("auto", 1, "int8")(SHARED / "dense.onnx", "exact").precision == "f32"
    for device, precision in (("auto", "fp32"), ("cpu", "auto"), ("cpu", "fp32")):
        assert opener(device, 1, precision)(SHARED / "dense.onnx", "fast").precision == "f32"  # type: ignore[arg-type]
    with pytest.raises(ReenactError, match="unknown precision 'int4'"):
        opener("auto", 1, "int4")  # type: ignore[arg-type]
    with pytest.raises(ReenactError, match="`device` cpu computes in fp32"):
        opener("cpu", 1, "int8")


def test_int8_where_nothing_was_measured_is_said(tmp_path: Path) -> None:
    shutil.copytree(weights_folder() / "mmfa", tmp_path / "mmfa")
    shutil.copytree(SHARED, tmp_path / "shared", ignore=shutil.ignore_patterns(FILE))
    with pytest.raises(ReenactError, match="not measured for int8"):
        load(str(tmp_path / "mmfa"), threads=1, precision="int8")


def test_it_is_said_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(weights_folder() / "mmfa", tmp_path / "mmfa")
    shutil.copytree(SHARED, tmp_path / "shared", ignore=shutil.ignore_patterns(FILE))
    for renderer in ("full", "fast"):
        with pytest.raises(ReenactError, match="not measured for int8"):
            Engine(str(tmp_path / "mmfa"), precision="int8", renderer=renderer).check()  # type: ignore[arg-type]
    Engine(str(tmp_path / "mmfa"), precision="auto").check()
    Engine("mmfa", precision="int8").check()
    monkeypatch.setattr("reenact.runtime.onnx_method.OpenedAhead", None)
    for renderer in ("full", "fast", "auto"):
        with pytest.raises(ReenactError, match="not measured for int8"):
            load(str(tmp_path / "mmfa"), threads=1, precision="int8", renderer=renderer)  # type: ignore[arg-type]
