"""Frames as JPEG, and back: by simplejpeg (extra `fast-data`) if it is installed, else by Pillow, to the same pixels."""

from __future__ import annotations

import io

import numpy as np

from reenact.core.types import Image

QUALITY = 92
"""ours: 4:2:0, 43 dB and 14 kB at 256x256 (data/shards.py)"""


def encode(image: Image, quality: int = QUALITY) -> bytes:
    """RGB -> JPEG."""
    from PIL import Image as PILImage

    out = io.BytesIO()
    PILImage.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def decode(data: bytes, size: int = 0) -> Image:
    """JPEG -> RGB.

    size: 0, or a side in px, not larger than the picture's: what is half, a quarter or an eighth as large leaves the decoder so
    (libjpeg's scaled transform: 54 dB from the mean of each 2x2, on 200 frames), the rest is resized (Lanczos).
    """
    try:
        import simplejpeg
    except ImportError:
        from PIL import Image as PILImage

        picture = PILImage.open(io.BytesIO(data))
        if size:
            picture.draft("RGB", (size, size))
        image = np.asarray(picture)
    else:
        image = simplejpeg.decode_jpeg(data, min_height=size, min_width=size, min_factor=2 if size else 1)
    return resized(image, size) if size else image


def decoder() -> str:
    """Which library decodes here."""
    try:
        import simplejpeg
    except ImportError:
        return "Pillow"
    return f"simplejpeg {simplejpeg.__version__}"


def resized(image: Image, size: int) -> Image:
    """The picture at size x size."""
    if image.shape[0] == size:
        return image
    from PIL import Image as PILImage

    return np.asarray(PILImage.fromarray(image).resize((size, size), PILImage.Resampling.LANCZOS))
