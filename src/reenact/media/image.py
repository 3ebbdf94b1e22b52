"""Photos in; PNG, JPEG and WebP out.

Whatever a camera or an editor saves becomes 8-bit RGB as a viewer shows it: turned by its EXIF tag, alpha laid over
white, gray and palette expanded, 16 bits reduced to 8.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps, UnidentifiedImageError

from reenact.core.errors import ReenactError
from reenact.core.files import check_readable, replaced
from reenact.core.types import Image

FORMATS: dict[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
}
"""ours: at quality 95 the loss is not seen"""
SIDE_MAX = 8000
"""px a side: what the error advises where Pillow's own bound is met"""
PIXELS_MAX = 40_000_000
"""ours: of a photo that was sent to us, 120 MB decoded; phones take 12 to 50 megapixels"""
UPLOADED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""formats that are opened when they come from somewhere else; Pillow knows forty, some of which start other programs"""


def read_image(path: str | os.PathLike[str]) -> Image:
    """The photo at `path`, upright RGB. Raises ReenactError for what is missing, empty, damaged or not a photo."""
    path = check_readable(path, "photo")
    return _decoded(path, str(path))


def decode_image(data: bytes, name: str = "the photo", pixels: int = PIXELS_MAX) -> Image:
    """The same for a photo in memory that somebody sent. pixels: more than that is refused before it is decoded.

    name: what the error calls it. Raises ReenactError for what is empty, too large, damaged or not a photo.
    """
    if not data:
        raise ReenactError(f"{name}: the file is empty; give another photo")
    PILImage.init()
    return _decoded(io.BytesIO(data), name, pixels, tuple(kind for kind in UPLOADED if kind in PILImage.OPEN))


def _decoded(source: Path | io.BytesIO, name: str, pixels: int | None = None, formats: tuple[str, ...] | None = None) -> Image:
    try:
        with PILImage.open(source, formats=formats) as picture:
            if pixels is not None and picture.width * picture.height > pixels:
                raise PILImage.DecompressionBombError
            picture.load()
            return _as_rgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise ReenactError(f"{name}: not a photo that can be read; save it as JPEG or PNG") from None
    except PILImage.DecompressionBombError:
        side = SIDE_MAX if pixels is None else int(pixels**0.5)
        raise ReenactError(f"{name}: the photo is too large; scale it to {side} pixels a side or fewer") from None
    except (OSError, SyntaxError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ReenactError(f"{name}: the photo is damaged ({reason}); save it again as JPEG or PNG") from None


def write_image(path: str | os.PathLike[str], image: Image, *, finish: Callable[[Path], None] | None = None) -> None:
    """Write `image` as its name's ending says (.png, .jpg, .jpeg, .webp), whole or not at all.

    finish: called with the unfinished file when all is written and before it has its name. Raises ReenactError for another
    ending or when the folder cannot be written.
    """
    path = Path(path)
    check_image_name(path)
    kind, options = FORMATS[path.suffix.lower()]
    with replaced(path) as part:
        PILImage.fromarray(image).save(part, format=kind, **options)
        if finish is not None:
            finish(part)


def check_image_name(path: Path) -> None:
    """Raises ReenactError unless the name ends in .png, .jpg, .jpeg or .webp."""
    if path.suffix.lower() not in FORMATS:
        raise ReenactError(f"{path}: the picture's name must end in {', '.join(FORMATS)}")


def _as_rgb(picture: PILImage.Image) -> Image:
    if picture.mode.startswith(("I", "F")):
        return _deep_gray(np.asarray(picture))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = PILImage.new("RGBA", picture.size, "white")
        picture = PILImage.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))


def _deep_gray(values: np.ndarray) -> Image:
    """16-bit (or float 0..1) gray as RGB: the full range of the type becomes 0..255."""
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    gray = np.clip(np.round(values.astype(np.float32) * (255.0 / top)), 0, 255).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, 2)
