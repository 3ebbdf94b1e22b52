"""The camera and the two frames: x right, y up, z to the camera while rendering; y down in everything that is handed out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

FLIP = np.diag([1.0, -1.0, 1.0])
"""between the frame of docs/conventions.md (y down) and OpenGL's (y up)"""
NEAR, FAR = 0.5, 200.0


@dataclass(frozen=True)
class Camera:
    """Looks along -z from (x, y, z); a long lens, so that the head's outline hardly changes with its place."""

    eye: Float64[np.ndarray, "3"]
    """dm"""
    zoom: float
    """focal length in half pictures: 1 / tan(half the field of view)"""
    size: int
    """pixels a side"""

    @property
    def matrix(self) -> Float32[np.ndarray, "4 4"]:
        """Points to clip space, column vectors."""
        lens = np.zeros((4, 4))
        lens[0, 0] = lens[1, 1] = self.zoom
        lens[2, 2], lens[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
        lens[3, 2] = -1
        place = np.eye(4)
        place[:3, 3] = -self.eye
        return (lens @ place).astype(np.float32)

    def project(self, points: Float[np.ndarray, "*n 3"]) -> Float32[np.ndarray, "*n 3"]:
        """Points in dm -> x, y in pixels of the picture (0 at the outer edge, y down) and depth from the camera, dm."""
        relative = np.asarray(points, np.float64) - self.eye
        depth = -relative[..., 2]
        half = self.size / 2
        x = half * (1 + self.zoom * relative[..., 0] / depth)
        y = half * (1 - self.zoom * relative[..., 1] / depth)
        return np.stack([x, y, depth], -1).astype(np.float32)

    def pixels_per_unit(self, depth: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """How many pixels a decimetre is, at this depth."""
        return self.size / 2 * self.zoom / depth


def aim(target: Float[np.ndarray, "3"], unit_size: float, place: Float[np.ndarray, "2"], zoom: float, size: int) -> Camera:
    """A camera that shows one dm at `target` as `unit_size` in [-1, 1] of the picture, and `target` itself at `place`.

    place: x, y in [-1, 1], y down.
    """
    depth = zoom / unit_size
    return Camera(np.array([target[0] - place[0] / unit_size, target[1] + place[1] / unit_size, target[2] + depth]), zoom, size)
