"""A picture moved by a mesh that lies on it, each triangle with its own affine map: where a turn disoccludes it smears."""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw

from reenact.core.shapes import Float, Int
from reenact.core.types import Image


def piecewise_affine(
    source: Image, points: Float[np.ndarray, "n 2"], moved: Float[np.ndarray, "n 2"], triangles: Int[np.ndarray, "m 3"]
) -> Image:
    """The source with `points` moved to `moved` (px), later triangles over earlier ones; elsewhere it stays."""
    height, width = source.shape[:2]
    cover = PILImage.new("I", (width, height), len(triangles))
    pen = ImageDraw.Draw(cover)
    for i, corners in enumerate(moved[triangles].reshape(-1, 6).tolist()):
        pen.polygon(corners, fill=i)
    back = np.concatenate([_affine(moved[triangles], points[triangles]), [[[1, 0, 0], [0, 1, 0]]]])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    maps = back.astype(np.float32)[np.asarray(cover)]
    return _bilinear(source, *(maps[..., k, 0] * x + maps[..., k, 1] * y + maps[..., k, 2] for k in (0, 1)))


def _affine(start: Float[np.ndarray, "m 3 2"], end: Float[np.ndarray, "m 3 2"]) -> Float[np.ndarray, "m 2 3"]:
    """The map of each triangle onto its partner; one without area goes to its partner's middle."""
    edges, target = np.swapaxes(start[:, 1:] - start[:, :1], 1, 2), np.swapaxes(end[:, 1:] - end[:, :1], 1, 2)
    flat = np.abs(np.linalg.det(edges)) < 1e-6
    edges[flat], target[flat] = np.eye(2), 0
    linear = target @ np.linalg.inv(edges)
    shift = end.mean(1) - (linear @ start.mean(1)[..., None])[..., 0]
    return np.concatenate([linear, shift[..., None]], -1)


def _bilinear(source: Image, x: Float[np.ndarray, "h w"], y: Float[np.ndarray, "h w"]) -> Image:
    """The source at these pixel positions; beyond its edge the edge's colour."""
    height, width = source.shape[:2]
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    right_share, low_share = (x - left)[..., None], (y - top)[..., None]
    picture = source.astype(np.float32)
    upper = picture[top, left] * (1 - right_share) + picture[top, left + 1] * right_share
    lower = picture[top + 1, left] * (1 - right_share) + picture[top + 1, left + 1] * right_share
    return (upper * (1 - low_share) + lower * low_share + 0.5).astype(np.uint8)
