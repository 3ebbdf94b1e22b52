"""Compiled networks kept between runs: found again, noticed where damaged, in a folder of one's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reenact.core.compiled import START, Compiled, compiled, compiled_folder
from reenact.core.inference import cpu_options
from reenact.runtime.graph import opener
from reenact.runtime.onnx_method import weights_folder

SIDE = 1024
WEIGHTS = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE) % 7


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("REENACT_CACHE", str(tmp_path))
    compiled_folder.cache_clear()
    found = compiled_folder()
    assert found is not None
    yield found
    compiled_folder.cache_clear()


def network() -> object:
    """x -> x WEIGHTS"""
    import openvino
    from openvino import opset13 as ops

    given = ops.parameter([1, SIDE], np.float32)
    return openvino.Model([ops.matmul(given, ops.constant(WEIGHTS), False, False)], [given])  # type: ignore[misc]  # as in graph.py


def never() -> object:
    raise AssertionError("read again")


def answer(held: Compiled, row: int) -> np.ndarray:
    given = np.zeros((1, SIDE), np.float32)
    given[0, row] = 1
    request = held.request()
    request.infer([given])
    return np.array(request.output_tensors[0].data[0])


def test_what_was_kept_is_neither_read_nor_compiled_again(folder: Path) -> None:
    first = compiled(network, cpu_options(1), ["a network"])
    again = compiled(never, cpu_options(2, streams=2), ["a network"])
    for row in (0, 3, SIDE - 1):
        np.testing.assert_array_equal(answer(first, row), WEIGHTS[row])
        np.testing.assert_array_equal(answer(again, row), WEIGHTS[row])
    assert again.model.get_property("NUM_STREAMS") == 2 and first.model.get_property("NUM_STREAMS") == 1
    assert len(list(folder.iterdir())) == 1


def test_another_network_or_precision_is_another_file(folder: Path) -> None:
    compiled(network, cpu_options(1), ["a network"])
    for key, precision in ((["another"], "f32"), (["a network"], "bf16")):
        with pytest.raises(AssertionError, match="read again"):
            compiled(never, cpu_options(1, precision), key)


@pytest.mark.parametrize("harm", ["cut", "zeroed", "flipped", "empty", "stranger"])
def test_what_is_damaged_is_compiled_anew(folder: Path, harm: str) -> None:
    compiled(network, cpu_options(1), ["a network"])
    (file,) = folder.iterdir()
    data = bytearray(file.read_bytes())
    if harm == "cut":
        del data[len(data) // 2 :]
    elif harm == "zeroed":
        data[START:] = bytes(len(data) - START)
    elif harm == "flipped":
        data[-1000] ^= 1
    else:
        data = bytearray(b"" if harm == "empty" else b"x" * 100)
    file.write_bytes(data)
    np.testing.assert_array_equal(answer(compiled(network, cpu_options(1), ["a network"]), 5), WEIGHTS[5])
    np.testing.assert_array_equal(answer(compiled(never, cpu_options(1), ["a network"]), 5), WEIGHTS[5])


def test_without_a_key_nothing_is_kept(folder: Path) -> None:
    compiled(network, cpu_options(1))
    assert not list(folder.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what lies in memory is asked of Linux")
def test_the_kept_weights_are_let_go(folder: Path) -> None:
    """4 MB of weights in the kept file: none of its pages stay in memory once the processor's own arrangement is made."""
    compiled(network, cpu_options(1), ["a network"])
    held = compiled(never, cpu_options(1), ["a network"])
    (file,) = folder.iterdir()
    maps = Path("/proc/self/smaps").read_text().split(str(file))[1:]
    resident = sum(int(said.split("Rss:")[1].split()[0]) for said in maps)
    assert maps and resident < 1000, f"{resident} of {file.stat().st_size // 1024} kB"
    np.testing.assert_array_equal(answer(held, 9), WEIGHTS[9])


def test_the_folder_is_ones_own(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder.parent / "2020.1"
    old.mkdir()
    compiled_folder.cache_clear()
    assert compiled_folder() == folder and folder.parent == tmp_path / "compiled" and not old.exists()
    folder.chmod(0o777)
    compiled_folder.cache_clear()
    assert compiled_folder() is None or os.name == "nt", "others could put graphs there"
    folder.chmod(0o700)
    monkeypatch.setenv("REENACT_KEEP_COMPILED", "0")
    compiled_folder.cache_clear()
    assert compiled_folder() is None


def test_a_shipped_graph_found_again_computes_the_same(folder: Path) -> None:
    given = {"entered": np.random.default_rng(0).random((1, 32, 64, 64), np.float32)}
    first, again = (opener("auto", 1)(weights_folder() / "shared" / "dense.onnx", "fast").run(given) for _ in range(2))
    assert len(list(folder.iterdir())) == 1
    for name in ("correction", "features"):
        np.testing.assert_array_equal(first[name], again[name])
