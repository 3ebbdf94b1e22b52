"""Trivial baselines: the still source, and the source warped by its face mesh. And a method, in the same form.

A `Starter` takes a clip's source and gives a `Driver`, which takes each driving frame (with its landmarks, so that they
need not be found twice) and gives the frame to be scored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from reenact.core.types import Image, Method, Motion
from reenact.evaluate.metrics import MESH_POINTS
from reenact.evaluate.readings import Reading
from reenact.faces.pose import canonical_face
from reenact.faces.warp import piecewise_affine
from reenact.motion.expression_gain import reaching
from reenact.motion.transfer import Mode, transfer

Driver = Callable[[Image, Reading | None], Image]
Starter = Callable[[Image, Reading | None], Driver]


@runtime_checkable
class Stepping(Protocol):
    """A driver that must be given every frame, also those that are not scored (path.py)."""

    def skip(self) -> None:
        """One frame goes by."""
        ...


BORDER_POINTS_A_SIDE = 4
"""ours: fixed points along each edge of the picture, so that what lies around the face stretches but stays"""


def still(source: Image, reading: Reading | None) -> Driver:
    """Baseline 1: the source, whatever the driver does."""
    return lambda driving, driving_reading: source


def mesh_warp(source: Image, reading: Reading | None) -> Driver:
    """Baseline 2: the source's 468-point mesh is laid on the driver's, each triangle with its own affine map.

    Nothing is invented: teeth and hidden cheeks stay missing. Where the source has no face it stays still; where the
    driver has none the last frame is held.
    """
    if reading is None:
        return still(source, reading)
    border = border_points(source.shape[0])
    points = np.concatenate([reading.landmarks[:MESH_POINTS, :2], border])
    ring, mesh = ring_triangles(points[:MESH_POINTS], border), canonical_face().triangles
    last = source

    def drive(driving: Image, driving_reading: Reading | None) -> Image:
        nonlocal last
        if driving_reading is not None:
            moved = np.concatenate([driving_reading.landmarks[:MESH_POINTS, :2], border])
            depth = driving_reading.landmarks[:, 2]
            triangles = np.concatenate([ring, mesh[np.argsort(depth[mesh].mean(1))]])
            last = piecewise_affine(source, points, moved, triangles)
        return last

    return drive


def true_video(source: Image, reading: Reading | None) -> Driver:
    """Not a baseline but the other end: the driver's own frames, which in self-reenactment are the truth. What a figure says of
    them is what a perfect method would get: the true video's CSIM is below 1, and a method above it moves too little."""
    return lambda driving, driving_reading: driving


def of_method(method: Method, mode: Mode = "absolute") -> Starter:
    """A method by its three verbs.

    mode: as `animate.transfer` has it; for relative motion the first driving frame that is given is the reference.
    """

    def start(source: Image, reading: Reading | None) -> Driver:
        portrait = method.encode_crop(source)
        reached = reaching(method)
        reference: Motion | None = None

        def drive(driving: Image, driving_reading: Reading | None) -> Image:
            nonlocal reference
            motion = method.encode_motion(driving)
            reference = reference or motion
            own = portrait.motion
            return method.render(portrait, reached(own, transfer(own, motion, reference, mode)))

        return drive

    return start


def border_points(side: int) -> Float[np.ndarray, "n 2"]:
    """Points around the edge of a side x side picture, corners among them, px."""
    steps = np.linspace(-0.5, side - 0.5, BORDER_POINTS_A_SIDE + 1)
    low, high = np.full_like(steps, steps[0]), np.full_like(steps, steps[-1])
    edges = [(steps, low), (steps, high), (low[1:-1], steps[1:-1]), (high[1:-1], steps[1:-1])]
    return np.concatenate([np.stack(edge, 1) for edge in edges])


def ring_triangles(mesh: Float[np.ndarray, "468 2"], border: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, "m 3"]:
    """Triangles between the mesh's rim and the border (Delaunay), as indices into mesh + border."""
    from scipy.spatial import Delaunay

    triangles = canonical_face().triangles
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(unique[count == 1])
    index = np.concatenate([rim, len(mesh) + np.arange(len(border))])
    return index[Delaunay(np.concatenate([mesh[rim], border])).simplices]
