"""HEIC photos, as phones take them, through libheif: Pillow has no decoder of its own, FFmpeg gives the first of their tiles."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image as PILImage

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")


def read_heif(source: Path | io.BytesIO, check: Callable[[int], None]) -> PILImage.Image | None:
    """The file's main picture, its tiles put together, turned upright; None where the file is no HEIF.

    check: called with the number of pixels before they are decoded. Raises whatever libheif says of a damaged file.
    """
    if not is_heif(source):
        return None
    import pi_heif

    held = pi_heif.open_heif(source if isinstance(source, Path) else source.getvalue())
    check(held.size[0] * held.size[1])
    return held.to_pillow()


def is_heif(source: Path | io.BytesIO) -> bool:
    """Whether the file begins as one."""
    if isinstance(source, io.BytesIO):
        head = source.getvalue()[:32]
    else:
        with open(source, "rb") as file:
            head = file.read(32)
    return head[4:8] == b"ftyp" and any(brand in (head[8:12], head[16:20], head[20:24]) for brand in BRANDS)
