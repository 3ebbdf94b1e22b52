"""What of the photo lies around a portrait's square: shown where the flow brings in what the square does not hold.

A network that samples beyond its picture finds the last row again and again: hair that touches the square's upper edge became
a tower above a head that sinks. The photo mostly has what is there.
"""

from __future__ import annotations

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Image, Placement
from reenact.faces.crop import cut
from reenact.faces.crown import cut_off_above, cut_off_beside

MARGIN = 0.25
"""ours: how far the photo is kept around the square, in sides; heads move by less"""
SOFT = 1.5
"""ours: px over which the one goes into the other"""


def surroundings(photo: Image, placement: Placement, crop: Image) -> Image:
    """The crop and what of the photo lies around it, at its scale.

    Where the photo ends before the crop does, the crop's own rim goes on: it has been filled to end there (faces/crown.py).
    """
    size = crop.shape[0]
    margin = round(MARGIN * size)
    side = placement.side * (size + 2 * margin) / size
    wide = cut(photo, Placement(placement.centre_x, placement.centre_y, side, placement.angle), size + 2 * margin, calm=True)
    wide[margin:-margin, margin:-margin] = crop
    if cut_off_above(placement):
        wide[:margin] = wide[margin]
    if placement.centre_y + placement.side / 2 > photo.shape[0]:
        wide[-margin:] = wide[-margin - 1]
    left, right = cut_off_beside(placement, photo)
    if left:
        wide[:, :margin] = wide[:, margin : margin + 1]
    if right:
        wide[:, -margin:] = wide[:, -margin - 1 : -margin]
    return wide


def brought_in(
    frame: Float32[np.ndarray, "1 3 size size"],
    grid: Float32[np.ndarray, "1 size size 2"],
    around: Image,
    still: Float32[np.ndarray, "1 1 size size"] | None,
) -> tuple[Float32[np.ndarray, "1 3 size size"], Float32[np.ndarray, "1 1 size size"] | None]:
    """The frame, RGB in [0, 1], with what comes from outside the square taken from the photo; and how much of each pixel that is,
    None where nothing does.

    grid: where each pixel was taken from; around: `surroundings`; still: how much of a pixel is the backdrop, put back unmoved.
    """
    size = frame.shape[-1]
    share = np.maximum(np.abs(grid[0, :, :, 0]), np.abs(grid[0, :, :, 1]))
    share -= 1
    share *= size / 2 / SOFT
    share.clip(0, 1, out=share)
    if still is not None:
        share *= 1 - still[0, 0]
    rows, columns = np.nonzero(share)
    if not len(rows):
        return frame, None
    share = share[rows, columns]
    margin = (around.shape[0] - size) // 2
    x, y = ((grid[0, rows, columns] + 1) * (size / 2) - 0.5 + margin).T
    found = sampled(around, x, y) / np.float32(255)
    out, shares = np.array(frame), np.zeros((1, 1, size, size), np.float32)
    out[0][:, rows, columns] += share * (found.T - out[0][:, rows, columns])
    shares[0, 0, rows, columns] = share
    return out, shares


def sampled(image: Image, x: np.ndarray, y: np.ndarray) -> Float32[np.ndarray, "*n 3"]:
    """The square picture at these places, px from its first pixel's centre; bilinear, 0..255; beyond the edge the edge."""
    side = image.shape[0]
    x, y = x.clip(0, side - 1.001), y.clip(0, side - 1.001)
    left, top = x.astype(int), y.astype(int)
    u, v = (x - left)[..., None].astype(np.float32), (y - top)[..., None].astype(np.float32)
    upper = image[top, left] * (1 - u) + image[top, left + 1] * u
    lower = image[top + 1, left] * (1 - u) + image[top + 1, left + 1] * u
    return (upper * (1 - v) + lower * v).astype(np.float32)
