"""The visible mark: the word "synthetic" in a corner."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from reenact.core.types import Image

WORD = "synthetic"
HEIGHT = 0.055
"""ours: of the letters, in the shorter side of the picture; 14 px at 256"""
SHADE = 0.55
"""ours: how dark the rectangle behind the word is"""


def with_badge(image: Image) -> Image:
    """A copy with the badge in the lower right corner. Pictures narrower than the badge stay as they are."""
    height, width = image.shape[:2]
    ink = _ink(max(10, round(HEIGHT * min(height, width))))
    tall, wide = ink.shape
    gap = tall // 4
    top, left = height - tall - gap, width - wide - gap
    if top < 0 or left < 0:
        return image
    out = image.copy()
    under = out[top : top + tall, left : left + wide].astype(np.float32) * np.float32(1 - SHADE)
    out[top : top + tall, left : left + wide] = np.rint(under + (255 - under) * ink[..., None]).astype(np.uint8)
    return out


@lru_cache(maxsize=4)
def _ink(size: int) -> np.ndarray:
    """The word as coverage 0..1 on its rectangle, letters `size` pixels high."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = (int(value) for value in font.getbbox(WORD))
    pad = max(2, size // 3)
    plate = PILImage.new("L", (right - left + 2 * pad, bottom - top + 2 * pad))
    ImageDraw.Draw(plate).text((pad - left, pad - top), WORD, fill=255, font=font)
    return np.asarray(plate, np.float32) / np.float32(255)
