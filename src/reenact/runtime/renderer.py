"""Which rendering network draws: a method's whole one, or the one at half the side, for slow machines (nn/fast.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.runtime.graph import Graph, Opener, Shapes, Speed
from reenact.runtime.trust import check_hashes, read_config

Renderer = Literal["full", "fast"]
"""fast: twice as many frames a second; eyes and mouths are a little softer"""
FAST = {"draw.onnx": "draw_fast.onnx"}
"""the graph that takes a graph's place, beside it: config.json need not say so"""


def check_renderer(name: str, device: str = "auto") -> None:
    """Raises ReenactError for a renderer that is none, or not for this device."""
    if name not in get_args(Renderer):
        raise ReenactError(f"unknown renderer {name!r}: choose one of {', '.join(get_args(Renderer))}")
    if name == "fast" and device == "cuda":
        raise ReenactError("`renderer` fast is for the CPU: leave it out, or take `device` auto")


def render_files(config: Mapping[str, Any], folder: Path, renderer: Renderer) -> list[tuple[Path, Speed]]:
    """The render graphs, in order. Raises ReenactError where the weights have no such renderer."""
    files = [(folder / file, speed) for file, speed in config["render"]]
    if renderer == "full":
        return files
    fast = [(path.with_name(FAST.get(path.name, path.name)), speed) for path, speed in files]
    if fast == files or not all(path.is_file() for path, _ in fast):
        raise ReenactError(f"{folder} has no fast renderer: take `renderer` full")
    check_hashes(path for path, _ in fast)
    return fast


def fast_graphs(folder: Path) -> list[Path]:
    """The graphs of the fast renderer that the other has not. Raises ReenactError as `render_files`."""
    return [path for path, _ in render_files(read_config(folder), folder, "fast") if path.name in FAST.values()]


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
