"""Which rendering network draws: a method's whole one, or the one at half the side, for slow machines (nn/fast.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.graph_names import FAST, MOUTH
from reenact.core.provenance import weights_digest
from reenact.core.shapes import Float32
from reenact.runtime.graph import Graph, Opener, Precision, Shapes, Speed, convolution_seconds, fast_precision
from reenact.runtime.int8 import is_measured, pays
from reenact.runtime.trust import check_hashes, read_config

Renderer = Literal["auto", "full", "fast"]
"""fast: twice as many frames a second; eyes and mouths are a little softer. auto: fast where this CPU is expected to render fewer
than `STEADY` frames a second otherwise, and the weights have it"""
STEADY = 25.0
"""ours: frames a second of a camera"""
AS_PROBES = 22.0
"""a frame of the whole renderer takes so many times what two convolutions of 64 channels at 64 x 64 take (results/bench.json and
graph.convolution_seconds, on one machine)"""
INT8_GAIN = 1.4
"""of the same in 8-bit integers, where they pay (docs/log.md, 2026-11-27)"""
MARK = ":fast"
"""behind a method's name in results: with its fast renderer"""


def check_renderer(name: str, device: str = "auto") -> None:
    """Raises ReenactError for a renderer that is none, or not for this device."""
    if name not in get_args(Renderer):
        raise ReenactError(f"unknown renderer {name!r}: choose one of {', '.join(get_args(Renderer))}")
    if name == "fast" and device == "cuda":
        raise ReenactError("`renderer` fast is for the CPU: leave it out, or take `device` auto")


def chosen(asked: Renderer, config: Mapping[str, Any], folder: Path, device: str, threads: int, precision: Precision) -> Renderer:
    """auto made up; the others as they are. Raises ReenactError as `check_renderer` and `render_files`."""
    check_renderer(asked, device)
    if asked != "auto":
        return asked
    if device == "cuda" or not has_fast(config, folder):
        return "full"
    return "full" if expected_rate(device, threads, precision) >= STEADY else "fast"


@lru_cache(maxsize=8)
def expected_rate(device: str, threads: int, precision: Precision) -> float:
    """Frames a second of the whole renderer alone, from a short measurement of this CPU."""
    kind = "bf16" if device != "cpu" and precision in ("auto", "bf16") and fast_precision() == "bf16" else "f32"
    seconds = AS_PROBES * convolution_seconds(kind, threads)
    return (INT8_GAIN if device != "cpu" and precision in ("auto", "int8") and pays() else 1.0) / seconds


def has_fast(config: Mapping[str, Any], folder: Path) -> bool:
    """Whether weights have a fast renderer."""
    own = _fast_graphs(config, folder)
    return bool(own) and all(path.is_file() for path in own)


def check_measured(files: Sequence[tuple[Path, Speed]], folder: Path, precision: Precision) -> None:
    """Raises ReenactError for int8 where it was measured for none of the render graphs which numbers occur in them (int8.py)."""
    if precision == "int8" and not any(speed == "fast" and is_measured(path) for path, speed in files):
        raise ReenactError(f"{folder}: not measured for int8: run reenact.calibrate.int8, or take `precision` auto")


def render_files(config: Mapping[str, Any], folder: Path, renderer: Renderer) -> list[tuple[Path, Speed]]:
    """The render graphs, in order. Raises ReenactError where the weights have no such renderer."""
    files = [(folder / file, speed) for file, speed in config["render"]]
    if renderer == "full":
        return files
    if not has_fast(config, folder):
        raise ReenactError(f"{folder} has no fast renderer: take `renderer` full")
    mouth = _mouth(config, folder)
    check_hashes([*_fast_graphs(config, folder), *mouth])
    drawn: list[tuple[Path, Speed]] = [(path.with_name(FAST.get(path.name, path.name)), speed) for path, speed in files]
    return drawn + [(path, "exact") for path in mouth]


def _fast_graphs(config: Mapping[str, Any], folder: Path) -> list[Path]:
    """The graphs that the fast renderer has in place of others, whether they are there or not."""
    return [(folder / file).with_name(FAST[Path(file).name]) for file, _ in config["render"] if Path(file).name in FAST]


def _mouth(config: Mapping[str, Any], folder: Path) -> list[Path]:
    """The graph that draws the fast renderer's mouths once more, where there is one."""
    return [path for graph in _fast_graphs(config, folder)[:1] if (path := graph.with_name(MOUTH)).is_file()]


def measured_as(name: str, folder: Path, renderer: Renderer) -> tuple[str, str]:
    """Under which name results have a method, and the SHA-256 of the weights that render.

    Raises ReenactError as `render_files`."""
    if renderer == "full":
        return name, weights_digest(folder)
    config = read_config(folder)
    render_files(config, folder, renderer)
    return name + MARK, weights_digest(folder, *_fast_graphs(config, folder), *_mouth(config, folder))


def for_source(open_graph: Opener, source: Path, renderer: Renderer, size: int) -> Opener:
    """The opener, whose source encoder takes what `seen` gives."""
    side = size if renderer == "full" else size // 2

    def opened(path: Path, speed: Speed, shapes: Shapes | None = None) -> Graph:
        own = {"image": (1, 3, side, side)} if path == source and side != size else None
        return open_graph(path, speed, shapes or own)

    return opened


def seen(image: Float32[np.ndarray, "1 3 size size"], renderer: Renderer) -> Float32[np.ndarray, "1 3 side side"]:
    """The portrait as the source encoder sees it: at half the side for the fast renderer."""
    if renderer == "full":
        return image
    half = image.shape[-1] // 2
    return np.ascontiguousarray(image.reshape(1, 3, half, 2, half, 2).mean((3, 5), dtype=np.float32))
