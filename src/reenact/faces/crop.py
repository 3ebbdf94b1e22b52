"""Where the head is: the square that the method sees, steady over time, and the way back into the photo."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from PIL import Image as PILImage

from reenact.core.types import Image, Placement
from reenact.faces.landmarker import Face, Landmarker, extract

CROP_SCALE = 2.0
"""side of the crop / longer side of the box of the 478 points"""
CROP_SHIFT = (0.0, 0.0)
"""centre of the crop - centre of that box, in sides of the box"""


def head_crop(face: Face) -> Placement:
    """The upright square around a head that methods are trained on."""
    left, top, right, bottom = face.box
    longer = max(right - left, bottom - top)
    x, y = (left + right) / 2 + CROP_SHIFT[0] * longer, (top + bottom) / 2 + CROP_SHIFT[1] * longer
    return Placement(x, y, CROP_SCALE * longer)


class CropTracker:
    """Follows one face from frame to frame."""

    def __init__(self, landmarker: Landmarker, face_index: int = 0) -> None:
        """face_index: 0 is the largest face of the first frame that has one."""
        raise NotImplementedError

    def update(self, image: Image) -> tuple[Placement, Face] | None:
        """The crop for this frame and the face in it; None when there is no face."""
        raise NotImplementedError


def cut(image: Image, placement: Placement, size: int = 256) -> Image:
    """The square `placement` as size x size pixels; beyond the picture its edge colour goes on."""
    raise NotImplementedError


def paste(photo: Image, crop: Image, placement: Placement, mask: Float32[np.ndarray, "size size"]) -> Image:
    """A copy of `photo` with `crop` laid over the square `placement`, as strongly as `mask` (0..1) says."""
    raise NotImplementedError


def soft_mask(size: int) -> Float32[np.ndarray, "size size"]:
    """1 inside, 0 at the edge: a rounded square with a soft border."""
    raise NotImplementedError
