"""The portrait's backdrop, held still while the head moves (nn/background.py says how); one for all methods."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Literal

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.runtime.graph import OccasionalGraph, Opener

Background = Literal["still", "moved"]
"""still: the portrait's own backdrop, unmoved; moved: as the method renders it"""
BACKGROUNDS: tuple[Background, ...] = ("still", "moved")
FIND, STILL = "person.onnx", "still.onnx"
FOUND = ("person", "free", "plate")
"""what a portrait holds of it: the person, where nobody is, and the backdrop whole, [1, 1 or 3, size, size] in [0, 1]"""
PLATE = FOUND[2]
POSE = ("head_pose", "scale", "translation")
"""of the portrait: the inpainted background goes no farther than what a head can have hidden"""
HELD = FOUND[:2]
"""what holding it still takes"""
STILL_FRAME, STILL_SHARE = "still_frame", "still_share"
GRID = "grid"
"""the output of a method's render graphs that says where each pixel was taken from; a method without one moves its backdrop"""


def check_background(name: str) -> None:
    """Raises ReenactError for what is none of `BACKGROUNDS`."""
    if name not in BACKGROUNDS:
        raise ReenactError(f"`background` {name!r} is unknown: choose {' or '.join(BACKGROUNDS)}")


class BackgroundKeeper:
    """Finds the person of a portrait, and puts the backdrop back behind each frame. Not thread-safe."""

    def __init__(self, folder: Path, open_finder: Opener, open_keeper: Opener) -> None:
        """folder: where both graphs lie; open_finder: opens the one that runs once a portrait; open_keeper: the one that runs
        with each frame, in several lanes where there are several."""
        self._find = OccasionalGraph(lambda: open_finder(folder / FIND, "fast"))
        self._still = open_keeper(folder / STILL, "exact")

    def find(self, image: Float32[np.ndarray, "1 3 size size"], motion: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What `hold` wants of the portrait besides `image`; RGB in [0, 1]. motion: the portrait's, of which POSE is taken,
        each with a batch axis."""
        found = self._find.run({"image": image, **{name: motion[name] for name in POSE}})
        return {name: np.array(found[name], np.float32) for name in FOUND}

    def person(self, image: Float32[np.ndarray, "1 3 size size"]) -> Float32[np.ndarray, "size size"]:
        """How much of each pixel is a person, 0..1. image: any square, as `find`."""
        nowhere = {"head_pose": np.zeros((1, 3), np.float32), "scale": np.ones((1, 1), np.float32)}
        return self.find(image, {**nowhere, "translation": np.zeros((1, 2), np.float32)})[FOUND[0]][0, 0]

    def let_go(self) -> None:
        """What `find` runs is let go of until it is asked again."""
        self._find.let_go()

    def twin(self) -> BackgroundKeeper:
        """The same for another thread, holding nothing yet."""
        made = copy(self)
        made._still = self._still.twin()
        return made

    def hold(self, portrait: Mapping[str, np.ndarray]) -> None:
        """The portrait of the frames to come: its tensors, `find`'s among them."""
        self._still.hold({name: portrait[name] for name in ("image", *HELD)})

    def put(
        self, frame: Float32[np.ndarray, "1 3 size size"], grid: Float32[np.ndarray, "1 size size 2"]
    ) -> tuple[Float32[np.ndarray, "1 3 size size"], Float32[np.ndarray, "1 1 size size"]]:
        """The frame with the backdrop behind it, and how much of each pixel that is, 0..1."""
        found = self._still.run({"frame": frame, "grid": grid})
        return found[STILL_FRAME], found[STILL_SHARE]
