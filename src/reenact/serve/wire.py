"""The binary messages of the live socket, little-endian.

page -> server: kind u8 (1 JPEG), number u32, captured f64 (the page's own clock, ms), JPEG.
server -> page: kind u8 (1 JPEG, 3 same picture as before), number u32, captured f64, 4 x u16 stage times in 0.1 ms (wait, track,
encode, render), JPEG. `number` and `captured` are those of the frame that is answered, so that the page knows how late it is.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.types import Image

JPEG, SAME = 1, 3
FROM_PAGE = struct.Struct("<BId")
FROM_SERVER = struct.Struct("<BId4H")
QUALITY = 90
"""ours: 10 to 15 kB at 256 x 256; beyond it nobody sees a difference"""
SIDE_MAX = 1280
"""ours: px; the page sends 384"""


@dataclass(frozen=True)
class FromPage:
    """A camera frame as the page sent it."""

    number: int
    captured: float
    """ms on the page's clock"""
    jpeg: bytes


def read_frame(message: bytes) -> FromPage:
    """Raises ReenactError for what is no frame."""
    if len(message) <= FROM_PAGE.size:
        raise ReenactError("a frame is shorter than its header: reload the page")
    kind, number, captured = FROM_PAGE.unpack_from(message)
    if kind != JPEG or not math.isfinite(captured):
        raise ReenactError("a frame of an unknown kind: reload the page")
    return FromPage(number, captured, message[FROM_PAGE.size :])


def decode_jpeg(data: bytes) -> Image:
    """RGB of at most `SIDE_MAX` a side. Raises ReenactError."""
    try:
        with PILImage.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            if max(picture.size) > SIDE_MAX:
                raise ReenactError(f"a camera frame of {picture.width} x {picture.height} pixels: send at most {SIDE_MAX}")
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, PILImage.DecompressionBombError):
        raise ReenactError("a camera frame could not be decoded") from None


def encode_jpeg(image: Image, quality: int = QUALITY) -> bytes:
    """A JPEG of a rendered picture."""
    out = io.BytesIO()
    PILImage.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def header(kind: int, number: int, captured: float, stages: tuple[float, float, float, float]) -> bytes:
    """The front of an answer. number: -1 where no frame is answered; stages: seconds."""
    tenths = (min(65535, max(0, round(seconds * 10_000))) for seconds in stages)
    return FROM_SERVER.pack(kind, number & 0xFFFFFFFF, captured, *tenths)
