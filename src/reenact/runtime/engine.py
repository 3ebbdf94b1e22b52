"""Which method runs, and where: what every file function takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from reenact.runtime.background import Background, check_background
from reenact.runtime.detail import LEAST, HeadSize, head_side
from reenact.runtime.graph import Precision, check_device, lane_count
from reenact.runtime.onnx_method import OnnxMethod, folder_of, load
from reenact.runtime.renderer import Renderer, check_measured, check_renderer, render_files
from reenact.runtime.trust import read_config


@dataclass(frozen=True)
class Engine:
    """Which method runs, and where."""

    method: str | None = "mmfa"
    """a name, or the path of a weights folder; None: the one that the file names which is played, else mmfa"""
    device: str = "auto"
    """auto, cpu, cuda or openvino"""
    threads: int = 0
    """CPU threads; 0 is automatic"""
    background: Background = "still"
    """what is shown where nobody is: still (the portrait's own backdrop) or moved (runtime/background.py)"""
    head_size: HeadSize = "photo"
    """side of the head's square in the output, px (detail.py)"""
    precision: Precision = "auto"
    """auto, int8, bf16 or fp32 (graph.py)"""
    renderer: Renderer = "full"
    """full, fast (twice as many frames a second, a little softer) or auto (renderer.py)"""

    def check(self) -> None:
        """Raises ReenactError for a method, device, background, size, precision or renderer that is none, as `load` does, before
        anything else is read."""
        check_background(self.background)
        check_renderer(self.renderer, self.device)
        check_device(self.device, self.threads, self.precision)
        head_side(self.head_size, LEAST, LEAST)
        if self.method is not None:
            config, folder = self.config, folder_of(self.method)
            if self.renderer != "auto":  # which of the two that is takes a measurement
                check_measured(render_files(config, folder, self.renderer), folder, self.precision)

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json of the weights that run. Raises ReenactError for a method that is none."""
        return read_config(folder_of(self.method or "mmfa"))

    def named(self, method: str) -> Engine:
        """The same; for one that names no method, with this one."""
        return replace(self, method=self.method or method)

    def load(self, series: bool = False) -> OnnxMethod:
        """series: for many frames whose order is known, rendered several at once (on a GPU in turn). Raises ReenactError for a
        method, device, background or size that is none."""
        lanes = lane_count(self.threads) if series and self.device != "cuda" else 1
        how = self.device, self.threads, self.background, self.head_size, self.precision, lanes, self.renderer
        return load(self.method or "mmfa", *how)

    @contextmanager
    def begun(self) -> Iterator[Engine]:
        """The same, its method's networks being loaded from now on, in threads: inside the block `load(series=True)` gives that
        method. What is not yet loaded at the block's end is not. Raises ReenactError as `load` does."""
        self.check()
        method = self.load(series=True)
        try:
            yield _Begun(**vars(self), loading=method)
        finally:
            method.stop_loading()


@dataclass(frozen=True)
class _Begun(Engine):
    loading: OnnxMethod | None = None

    def load(self, series: bool = False) -> OnnxMethod:
        return self.loading if series and self.loading is not None else super().load(series)


ENGINE = Engine()
"""what runs where nothing else is asked for"""
