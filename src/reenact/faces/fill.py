"""What lies beyond a photo's border, where a crop reaches over it: its edge goes on outwards, and fades into smooth colours.

Near the border hair, neck and cloth go on; further out nothing is known, and an edge repeated for long is a bundle of lines.
The colours: pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4), averages of what is known, coarser and
coarser, then each gap takes the coarser average. The mixture is ours, for a crop's margin; a mirror image showed second ears.
"""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage
from PIL import ImageFilter

from reenact.core.shapes import Float32
from reenact.core.types import Image

FADE = 0.25
"""ours: how far beyond the border the edge has faded, in sides of the crop"""
BLUR = 0.3
"""ours: sigma of the blur beyond the border, in distances from it"""
BLURS = (0.004, 0.012, 0.03)
"""ours: the sigmas that are worked out, in sides; between them, mixtures"""


def filled(picture: Image, beyond: Float32[np.ndarray, "height width"]) -> Image:
    """The picture, beyond its border mixed with smooth colours out of what is near, the more the further.

    beyond: how far each pixel lies outside the known, in sides; 0 is known. A picture of which nothing is known stays.
    """
    known = beyond <= 0
    if known.all() or not known.any():
        return picture
    larger = smooth_colours(picture, known.astype(np.float32)[..., None])
    share = np.clip(beyond / FADE, 0, 1)[..., None]
    share *= share * (3 - 2 * share)
    return (picture + share * (larger - picture)).round().astype(np.uint8)


def calmed(picture: Image, beyond: Float32[np.ndarray, "height width"]) -> Image:
    """The picture, beyond its border blurred, the more the further: an edge that goes on is a bundle of lines, its colours are a
    neck. beyond: as in `filled`. What is known stays."""
    if (beyond <= 0).all():
        return picture
    sigma = np.minimum(BLUR * np.maximum(beyond, 0), BLURS[-1])
    image, out = PILImage.fromarray(picture), picture.astype(np.float32)
    finer, before = out.copy(), 0.0
    for radius in BLURS:
        coarser = np.asarray(image.filter(ImageFilter.GaussianBlur(radius * len(picture))), np.float32)
        inside = (sigma > before) & (sigma <= radius)
        share = ((sigma[inside] - before) / (radius - before))[:, None]
        out[inside] = finer[inside] + share * (coarser[inside] - finer[inside])
        finer, before = coarser, radius
    return out.round().clip(0, 255).astype(np.uint8)


def smooth_colours(picture: Image, weight: Float32[np.ndarray, "height width 1"]) -> Float32[np.ndarray, "height width 3"]:
    """Colours out of what is near, 0..255. weight: how much each pixel counts, 0..1."""
    # worked out at half the size: it is smooth, and costs a quarter
    sums, weight = _halved(picture * weight), _halved(weight)
    guess = _filled(sums, weight).round().clip(0, 255).astype(np.uint8)
    larger = PILImage.fromarray(guess).resize((picture.shape[1], picture.shape[0]), PILImage.Resampling.BILINEAR)
    return np.asarray(larger, np.float32)


def _filled(sums: Float32[np.ndarray, "height width 3"], weight: Float32[np.ndarray, "height width 1"]) -> np.ndarray:
    """Colours from weighted ones; weights 0..1."""
    mean = sums / np.maximum(weight, 1e-6)
    height, width = weight.shape[:2]
    if (weight >= 1).all() or max(height, width) == 1:
        return mean
    coarse_sums, coarse_weight = _halved(sums), _halved(weight)
    # full as soon as one of the four is known
    full = np.minimum(4 * coarse_weight, 1)
    coarse = _filled(coarse_sums / np.maximum(coarse_weight, 1e-6) * full, full)
    return weight * mean + (1 - weight) * _doubled(coarse, height, width)


def _halved(maps: np.ndarray) -> np.ndarray:
    """2 x 2 means; an odd last row or column has zeros beside it."""
    height, width = maps.shape[:2]
    even = np.pad(maps, ((0, height % 2), (0, width % 2), (0, 0)))
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _doubled(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """Twice the size, bilinear, cut to height x width."""
    for axis, length in ((0, height), (1, width)):
        before = np.concatenate([maps.take([0], axis), maps.take(range(maps.shape[axis] - 1), axis)], axis)
        after = np.concatenate([maps.take(range(1, maps.shape[axis]), axis), maps.take([-1], axis)], axis)
        both = np.stack([0.75 * maps + 0.25 * before, 0.75 * maps + 0.25 * after], axis + 1)
        shape = list(maps.shape)
        shape[axis] *= 2
        maps = both.reshape(shape).take(range(length), axis)
    return maps
