"""A head larger than the network's pictures, with the photo's own detail (nn/enlarge.py says how); one for all methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
from PIL import Image as PILImage
from PIL import ImageFilter

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32, UInt8
from reenact.core.types import Image
from reenact.core.values import is_whole, written
from reenact.runtime.background import GRID
from reenact.runtime.graph import Opener

HeadSize = int | Literal["photo"]
"""side of the head's square in the output, px: 256 to 1024, or as large as the photo has it"""
LEAST, LARGEST = 256, 1024
"""ours: the network's own side; beyond the other a frame takes more time than its video"""
ENLARGE, LARGE = "enlarge.onnx", "large"
KEEP, UNCOVERED = "keep", "uncovered"
"""outputs of a method's render graphs: how much of a pixel is the warped portrait, and how much of it the inpainted background
hides; in [0, 1]"""
SCARCELY, WHOLLY = 0.4, 0.9
"""ours: where a pixel is the warped portrait by less than the first it has none of the portrait's detail, by more than the second
all: under a closing lid are half of the open eye's lashes"""
SAME = 8.0
"""ours: where the inpainted background differs from the portrait by 1/8 of the range or more it takes none of its detail"""
CLEAR = 9
"""ours: nor within half of this, px at 256, of where it does: there lies the outline of the person who stood before it"""
Share = Float32[np.ndarray, "1 1 size size"]


def head_side(wanted: HeadSize, found: float, least: int) -> int:
    """The side to render at, px, even. found: side of the head's square in the photo, px; least: the network's own side.

    Raises ReenactError for what is neither `photo` nor 256 to 1024."""
    if wanted == "photo":
        return max(least, min(LARGEST, 2 * round(found / 2)))
    if not is_whole(wanted) or not least <= wanted <= LARGEST or wanted % 2:
        raise ReenactError(f"`size` {written(wanted)}: give photo, or an even number from {least} to {LARGEST}")
    return int(wanted)


class Enlarger:
    """Makes frames of the portrait's own side. Not thread-safe."""

    def __init__(self, folder: Path, side: int, open_graph: Opener) -> None:
        self.side = side
        self._graph = open_graph(folder / ENLARGE, "exact", {"detail": (1, 3, side, side)})
        self._same: Share | None = None

    def twin(self) -> Enlarger:
        """The same for another thread, with no portrait yet: it shares the compiled graph."""
        made = copy(self)
        made._graph, made._same = self._graph.twin(), None
        return made

    def hold(self, image: Float32[np.ndarray, "1 3 size size"], large: Image, plate: np.ndarray | None) -> None:
        """The portrait of the frames to come: as the network sees it, RGB in [0, 1]; as large as the output, side x side; the
        inpainted background, [1,3,size,size] in [0, 1], where the method has one."""
        size = image.shape[-1]
        none = np.zeros((1, 1, size, size), np.float32)
        grid = np.zeros((1, size, size, 2), np.float32)
        self._graph.hold({"detail": np.zeros((1, 3, self.side, self.side), np.float32)})
        plain = self._graph.run({"frame": image, "grid": grid, "moved": none, "stayed": none})[LARGE][0]
        detail = (large.astype(np.float32) - plain) / np.float32(255)
        self._graph.hold({"detail": np.ascontiguousarray(detail.transpose(2, 0, 1)[None])})
        self._same = None if plate is None else _same(image, plate)

    def put(
        self, frame: Float32[np.ndarray, "1 3 size size"], drawn: Mapping[str, np.ndarray], still: Share | None
    ) -> UInt8[np.ndarray, "side side 3"]:
        """The frame, as large as the portrait. drawn: the render graphs' outputs; still: how much of each pixel is the portrait
        unmoved, put back behind the head."""
        size = frame.shape[-1]
        grid = drawn.get(GRID, np.zeros((1, size, size, 2), np.float32))
        moves = 1.0 if still is None else 1 - still
        uncovered = drawn.get(UNCOVERED, np.float32(0))
        kept = carried(drawn[KEEP]) if KEEP in drawn else np.float32(0)
        moved = np.ones((1, 1, size, size), np.float32) * moves * kept * (1 - uncovered)
        stayed = np.zeros_like(moved) if still is None else still
        if self._same is not None:
            stayed = stayed + moves * uncovered * self._same
        return np.array(self._graph.run({"frame": frame, "grid": grid, "moved": moved, "stayed": stayed})[LARGE][0])


class Enlargers:
    """Opens an enlarger once for each side and gives others twins of it, from any thread."""

    def __init__(self, make: Callable[[int], Enlarger]) -> None:
        self._make, self._lock = make, Lock()
        self._first: Enlarger | None = None

    def __call__(self, side: int) -> Enlarger:
        """One of this side, whose own user is who asks."""
        with self._lock:
            if self._first is not None and self._first.side == side:
                return self._first.twin()
            self._first = self._make(side)
            return self._first


def carried(keep: np.ndarray) -> np.ndarray:
    """How much of the warped portrait's detail each pixel has, 0..1. keep: how much of the pixel is the warped portrait, 0..1."""
    share = ((keep - SCARCELY) / (WHOLLY - SCARCELY)).clip(0, 1)
    return share * share * (3 - 2 * share)


def _same(image: np.ndarray, plate: np.ndarray) -> Share:
    """Where the inpainted background is the portrait itself, clear of the person's outline: its edge is detail, too."""
    alike = (1 - SAME * np.abs(plate - image)[0].max(0)).clip(0, 1)
    clear = PILImage.fromarray((alike * 255).astype(np.uint8)).filter(ImageFilter.MinFilter(CLEAR))
    return (np.asarray(clear, np.float32) / 255)[None, None]
