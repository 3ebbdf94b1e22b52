"""What should stay still, and how smoothly the rest moves. Pure NumPy.

Pictures are float [height, width, 3] RGB in [0, 1], points are px.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from reenact.evaluate.metrics import AKD_SIDE, MESH_POINTS, Picture

HEAD_GROWTH = 2.0
"""ours: an ellipse of this many times the mesh's box holds hair and neck too"""
SHOULDER_LINE = 0.6
"""ours, in heights of the picture: below it lie the shoulders, which move with the driver"""
SEAM = 1 / 32
"""ours, in sides of the picture: width of the ring whose change is seen as a seam when the crop is pasted back"""


def acceleration(
    before: Float[np.ndarray, "n 2"], middle: Float[np.ndarray, "n 2"], after: Float[np.ndarray, "n 2"], side: float = AKD_SIDE
) -> float:
    """Mean length of the second difference of the first 468 points over three frames in a row, px at 256."""
    if min(len(before), len(middle), len(after)) < MESH_POINTS:
        raise ValueError(f"{MESH_POINTS} points are wanted")
    bend = before[:MESH_POINTS, :2] - 2 * middle[:MESH_POINTS, :2] + after[:MESH_POINTS, :2]
    return float(np.linalg.norm(bend, axis=1).mean()) * AKD_SIDE / side


def background_mask(side: int, *meshes: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, "side side"]:
    """True where neither head (one ellipse a mesh, px) nor shoulders are: what should be as in the source."""
    y, x = np.mgrid[:side, :side]
    mask = y < SHOULDER_LINE * side
    for mesh in meshes:
        low, high = mesh[:MESH_POINTS, :2].min(0), mesh[:MESH_POINTS, :2].max(0)
        centre, half = (low + high) / 2, np.maximum((high - low) / 2 * HEAD_GROWTH, 1e-6)
        mask &= ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 > 1
    return mask


def background_change(picture: Picture, source: Picture, mask: Bool[np.ndarray, "height width"]) -> float | None:
    """Mean absolute difference from the source over the mask, 0..1; None where the mask is empty."""
    if picture.shape != source.shape or picture.shape[:2] != mask.shape:
        raise ValueError(f"one shape is wanted, not {picture.shape}, {source.shape} and a mask of {mask.shape}")
    return float(np.abs(picture[mask] - source[mask]).mean()) if mask.any() else None


def seam_change(picture: Picture, source: Picture) -> float:
    """Mean absolute difference from the source in the outer ring (`SEAM`), 0..1: shoulders leaving the crop, a shifted rim."""
    if picture.shape != source.shape:
        raise ValueError(f"one shape is wanted, not {picture.shape} and {source.shape}")
    width = max(1, round(SEAM * picture.shape[0]))
    ring = np.ones(picture.shape[:2], bool)
    ring[width:-width, width:-width] = False
    return float(np.abs(picture[ring] - source[ring]).mean())
