"""A decoded picture as 8-bit sRGB, reduced while it is converted, so that large photos fit in memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage
from PIL import ImageCms

from reenact.core.errors import InputError
from reenact.core.types import Image

LARGEST_PICTURE = 40_000_000
"""ours: pixels of a film's picture; 8192 x 4608 has 38 million"""
BT709, UNTOLD = 1, 2
"""codes of ITU-T H.273 for how luma and chroma become RGB; the first is FFmpeg's of its scaler, too"""
HD_WIDTH, SD_HEIGHT = 1280, 576
"""pixels: from this width on, or beyond this height, a film is HD"""
STRIP = 512
"""ours: rows converted at a time; their copies are all that a large photo costs besides itself and the result"""
SAME = 3
"""ours, of 255: a profile that moves no colour further than rounding does is sRGB under another name"""
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""colour space of a profile -> mode of the pixels that it describes"""


def check_film_picture(path: Path, width: int, height: int) -> None:
    """Raises InputError for pictures of a film that are too large to be decoded."""
    if width * height > LARGEST_PICTURE:
        raise InputError(f"{path}: pictures of {width} x {height} pixels are too large; scale it to 4K or less")


def matrix_of(frame: Any) -> int | None:
    """`BT709` for a film's frame of luma and chroma that does not say how it becomes RGB, and is HD; None: as it says, or BT.601.

    Players take BT.709 for what is larger than television was (mpv's rule).
    """
    untold = frame.colorspace == UNTOLD and not frame.format.is_rgb
    return BT709 if untold and (frame.width >= HD_WIDTH or frame.height > SD_HEIGHT) else None


def to_rgb(picture: PILImage.Image, factor: int = 1) -> Image:
    """Any mode -> RGB, as a viewer shows it: alpha over white, the profile's colours as sRGB, 16 bits as 8.

    factor: each `factor` x `factor` pixels become one, their mean.
    """
    width, height = -(-picture.width // factor), -(-picture.height // factor)
    out = np.empty((height, width, 3), np.uint8)
    profile, step = _Profile(picture.info.get("icc_profile")), STRIP * factor
    for top in range(0, picture.height, step):
        whole = factor == 1 and picture.height <= step
        strip = picture if whole else picture.crop((0, top, picture.width, min(top + step, picture.height)))
        strip.info.setdefault("transparency", picture.info["transparency"]) if "transparency" in picture.info else None
        plain = _plain(strip, profile)
        if factor > 1:
            plain = plain.reduce(factor)
        out[top // factor : top // factor + plain.height] = np.asarray(plain)
    return out


def turned(image: Image, orientation: int) -> Image:
    """Upright. orientation: EXIF's, 1..8; anything else leaves it."""
    if orientation in (2, 4, 5, 7):
        image = image[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(image, turns))


def _plain(picture: PILImage.Image, profile: _Profile) -> PILImage.Image:
    if picture.mode.startswith(("I", "F")):
        return PILImage.fromarray(_deep_gray(np.asarray(picture)))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = PILImage.new("RGBA", picture.size, "white")
        picture = PILImage.alpha_composite(white, picture).convert("RGB")
    return profile.applied(picture)


def _deep_gray(values: np.ndarray) -> Image:
    """16-bit (or float 0..1) gray as RGB: the full range of the type becomes 0..255."""
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    gray = np.clip(np.round(np.nan_to_num(values.astype(np.float32)) * (255.0 / top)), 0, 255).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, 2)


class _Profile:
    """What an ICC profile does to colours; nothing where there is none, it is damaged, or it is sRGB."""

    def __init__(self, data: bytes | None) -> None:
        self._mode, self._transform = "RGB", None
        if not data:
            return
        try:
            profile: Any = ImageCms.ImageCmsProfile(io.BytesIO(data))
            self._mode = _MODES[profile.profile.xcolor_space.strip()]
            srgb = ImageCms.createProfile("sRGB")
            transform = ImageCms.buildTransform(profile, srgb, self._mode, "RGB")
            self._transform = transform if self._differs(transform) else None
        except Exception:  # whatever LittleCMS and Pillow make of a damaged profile: viewers ignore it too
            self._transform = None

    def applied(self, picture: PILImage.Image) -> PILImage.Image:
        """RGB -> sRGB."""
        if self._transform is None:
            return picture.convert("RGB")
        converted = ImageCms.applyTransform(picture.convert(self._mode), self._transform)
        assert converted is not None
        return converted

    def _differs(self, transform: Any) -> bool:
        if self._mode != "RGB":
            return self._mode == "CMYK"
        steps = np.arange(0, 256, 51, dtype=np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 3)
        moved = ImageCms.applyTransform(PILImage.fromarray(np.ascontiguousarray(cube)), transform)
        return bool(np.abs(np.asarray(moved).astype(int) - cube).max() > SAME)
