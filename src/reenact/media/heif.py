"""HEIC photos, as phones take them, through FFmpeg: Pillow has no decoder of its own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from reenact.core.errors import InputError, ReenactError
from reenact.core.types import Image
from reenact.media.opening import DAMAGE, OPTIONS
from reenact.media.pixels import to_srgb

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
ICC_PROFILE = "ICC_PROFILE"


def read_heif(source: Path | io.BytesIO, name: str, check: Callable[[int], None]) -> Image | None:
    """Upright sRGB; None where the file is no HEIF. check: raises for too many pixels. Raises ReenactError for a damaged one."""
    if not is_heif(source):
        return None
    try:
        opened = source if isinstance(source, io.BytesIO) else f"file:{source}"
        with av.open(opened, "r", options=dict(OPTIONS), metadata_errors="replace") as file:
            stream = file.streams.video[0]
            check(stream.codec_context.width * stream.codec_context.height)
            frame: Any = next(file.decode(stream))
            image = frame.to_ndarray(format="rgb24")
            turns = round(frame.rotation / 90) % 4
            return to_srgb(np.ascontiguousarray(np.rot90(image, turns)), _profile(frame))
    except (*DAMAGE, StopIteration) as error:
        if isinstance(error, ReenactError):
            raise
        raise InputError(f"{name}: a HEIC photo that cannot be read here; save it as JPEG") from None


def is_heif(source: Path | io.BytesIO) -> bool:
    """Whether the file begins as one."""
    if isinstance(source, io.BytesIO):
        head = source.getvalue()[:32]
    else:
        with open(source, "rb") as file:
            head = file.read(32)
    return head[4:8] == b"ftyp" and any(brand in (head[8:12], head[16:20], head[20:24]) for brand in BRANDS)


def _profile(frame: Any) -> bytes | None:
    try:
        return next((bytes(data) for data in frame.side_data if data.type.name == ICC_PROFILE), None)
    except DAMAGE:  # PyAV does not know every kind of side data
        return None
