"""What a weights folder must be before it is run: a graph is a program, and config.json a text that anybody may have written.

python -m reenact.runtime.trust FOLDER...    writes hashes.json into each, as the export does
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reenact.core.download import sha256
from reenact.core.errors import ReenactError, WeightsError
from reenact.core.files import write_text
from reenact.runtime.onnx_text import check_onnx
from reenact.runtime.packed import unpacked

HASHES = "hashes.json"
"""beside graphs, {"motion.onnx": SHA-256 in hex, ...}: what is named there must be that"""
CONFIG_BYTES_MAX = 1_000_000
GRAPH_BYTES_MAX = 512_000_000
"""ours: the largest that ships has 9 MB"""
VALUES_MAX = 64_000_000
"""ours, numbers in one tensor: the largest that ships has 1.2 million"""


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, with what it leaves out. Raises WeightsError where it is damaged or says what it cannot mean."""
    path = folder / "config.json"
    try:
        if path.stat().st_size > CONFIG_BYTES_MAX:
            raise ValueError("too large")
        config = json.loads(path.read_text(encoding="utf-8"))
        config.setdefault("source", "source.onnx")
        config.setdefault("motion", "fast")
        config.setdefault("render", [["render.onnx", "fast"]])
        good = (
            isinstance(config["method"], str)
            and 0 < len(config["method"]) <= 64
            and _whole(config["size"], 16, 2048)
            and _whole(config.get("expression_size", 1), 1, 4096)
            and isinstance(config["source"], str)
            and config["motion"] in ("fast", "exact")
            and 0 < len(config["render"]) <= 32
            and all(isinstance(file, str) and speed in ("fast", "exact") for file, speed in config["render"])
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        good, config = False, {}
    if not good:
        raise WeightsError(f"{path}: damaged, or no weights folder's: install reenact again, or export the weights again")
    return config


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def check_hashes(paths: Iterable[Path]) -> None:
    """Raises WeightsError for a graph that is not the one that hashes.json beside it names."""
    for path in paths:
        stated = _stated(path.parent).get(path.name)
        if stated is not None and stated != sha256(path):
            raise WeightsError(f"{path}: not the file that was exported (its SHA-256 is another): install reenact again")


def write_hashes(folder: Path) -> None:
    """hashes.json of the graphs in a folder."""
    stated = {path.name: sha256(path) for path in sorted(folder.glob("*.onnx"))}
    write_text(folder / HASHES, json.dumps(stated, indent=1) + "\n")


def _stated(folder: Path) -> dict[str, str]:
    path = folder / HASHES
    if not path.exists():
        return {}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in held.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        raise WeightsError(f"{path}: damaged: install reenact again") from None


def check_graph(path: Path) -> None:
    """Raises WeightsError for a graph that is too large, damaged, or more than arithmetic: before anything runs it."""
    size = path.stat().st_size
    if size > GRAPH_BYTES_MAX:
        raise WeightsError(f"{path}: {size / 1e6:.0f} MB is too large for a graph of ours")
    try:
        check_onnx(path.read_bytes())
    except ValueError as error:
        raise WeightsError(f"{path}: not run, for {error}: install reenact or export again") from None


def read_graph(core: Any, path: Path, shapes: Mapping[str, Sequence[int]] | None = None) -> Any:
    """The graph of an .onnx, as OpenVINO has it. shapes: of inputs that are to have others than the file says.

    Raises WeightsError as `check_graph`, and for tensors that are too large.
    """
    check_graph(path)
    with fitting(path):
        model = core.read_model(str(path))
        if shapes:
            model.reshape({name: list(shape) for name, shape in shapes.items()})
    unpacked(model)
    for operator in model.get_ops():
        for output in operator.outputs():
            shape = output.get_partial_shape()
            count = _count(shape)
            if count is None or count > VALUES_MAX:
                raise WeightsError(f"{path}: not run, for a tensor of {shape} numbers is too large or unbounded")
    return model


def _count(shape: Any) -> int | None:
    if shape.is_dynamic:
        return None
    count = 1
    for length in shape.to_shape():
        count *= length
    return count


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """What OpenVINO and NumPy raise where graphs are damaged or do not fit each other, as one line about `path`."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError, IndexError, TypeError, MemoryError) as error:
        if isinstance(error, ReenactError):
            raise
        words = " ".join(str(error).split())[:120] or type(error).__name__
        raise WeightsError(f"{path}: damaged, or not of these weights ({words}): install reenact or export again") from None


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_hashes(Path(name))
