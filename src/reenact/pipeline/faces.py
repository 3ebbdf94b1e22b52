"""Which faces a photo has, and which number `--face` calls whose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from reenact.core.types import Image
from reenact.faces.landmarker import Face

LINE = 0.012
"""ours: width of a frame and its number's size, in the picture's shorter side and the face's"""
COLOUR = (255, 210, 0)


def numbered(photo: Image, faces: Sequence[Face]) -> Image:
    """A copy of the photo with each face framed and numbered from 1, as `--face` counts: the largest first."""
    picture = PILImage.fromarray(photo.copy())
    draw = ImageDraw.Draw(picture)
    width = max(2, round(LINE * min(picture.size)))
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = face.box
        draw.rectangle((left, top, right, bottom), outline=COLOUR, width=max(2, min(width, round((right - left) / 20))))
        size = max(12, 0.25 * (right - left))
        font = ImageFont.load_default(size)
        place = (left, max(0, top - 1.3 * size))
        draw.rectangle((*place, place[0] + 1.5 * size, place[1] + 1.3 * size), fill=COLOUR)
        draw.text((place[0] + 0.75 * size, place[1] + 0.65 * size), str(number), "black", font, "mm")
    return np.asarray(picture)
